/**
 * Clients that a library makes of a service's description: nothing of them is ours.
 */
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import path from 'node:path';

interface Teardown {
  teardown(end: () => unknown): void;
}

/** What a message says, by its fields' names. */
export type Said = { readonly [field: string]: unknown };
type Method = (
  request: object,
  options: grpc.CallOptions,
  done: (error: grpc.ServiceError | null, answer: Said) => void,
) => { on(event: 'metadata', listener: (head: grpc.Metadata) => void): unknown };

export interface Service {
  /** Rejects with grpc-js's error where the status is not OK. */
  call(method: string, request: object): Promise<{ readonly answer: Said; readonly head: grpc.Metadata }>;
}

/** `name` is all of the service's in the file, which lies beside this one. */
export function service(t: Teardown, file: 'inference.proto' | 'predict.proto', name: string, address: string): Service {
  const loaded = grpc.loadPackageDefinition(loadSync(path.join(import.meta.dirname, file), { keepCase: true, longs: Number }));
  const found = name.split('.').reduce((at: unknown, part) => (at as { [part: string]: unknown })[part], loaded);
  const Client = found as grpc.ServiceClientConstructor;
  const client = new Client(address, grpc.credentials.createInsecure());
  t.teardown(() => client.close());
  const methods = client as unknown as { readonly [method: string]: Method };
  return {
    call: (method, request) =>
      new Promise((resolve, reject) => {
        let head = new grpc.Metadata();
        methods[method]!.call(client, request, { deadline: Date.now() + 20_000 }, (error, answer) =>
          error === null ? resolve({ answer, head }) : reject(error),
        ).on('metadata', (sent) => {
          head = sent;
        });
      }),
  };
}

/** KServe V2's. */
export function inference(t: Teardown, address: string): Service {
  return service(t, 'inference.proto', 'inference.GRPCInferenceService', address);
}

/** FP32, raw. */
export const floats = (bytes: unknown) => {
  const buffer = bytes as Buffer;
  return Array.from({ length: buffer.length / 4 }, (_, index) => buffer.readFloatLE(4 * index));
};
/** INT64, raw. */
export const integers = (bytes: unknown) => {
  const buffer = bytes as Buffer;
  return Array.from({ length: buffer.length / 8 }, (_, index) => Number(buffer.readBigInt64LE(8 * index)));
};
