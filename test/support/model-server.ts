/**
 * A model server for tests that speaks KServe V1 and V2: `y` is 1 for each row whose first value is above a half.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ModelServer {
  readonly url: string;
  close(): Promise<void>;
}

interface V2Request {
  readonly id?: string;
  readonly inputs: readonly { readonly name: string; readonly data: readonly number[] }[];
}

interface V1Request {
  readonly instances: readonly { readonly [column: string]: number }[];
}

/** Starts one, on a free port unless one is given. A body that it cannot read is a 400, as with the real ones. `before` may hold an answer back. */
export async function startModelServer(before: (path: string) => Promise<void> = async () => {}, port = 0): Promise<ModelServer> {
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of incoming) chunks.push(chunk);
    } catch {
      // The caller left in mid-request.
      return;
    }
    const isV1 = incoming.url?.endsWith(':predict') === true;
    await before(incoming.url ?? '');
    let status = 200;
    let answer: unknown;
    try {
      const body = JSON.parse(Buffer.concat(chunks).toString());
      answer = isV1 ? v1(body) : v2(body);
    } catch (error) {
      status = 400;
      answer = { error: String(error) };
    }
    const text = JSON.stringify(answer);
    outgoing.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A V2 request of one row, a column for each name. */
export function v2Row(columns: { readonly [name: string]: number }, id?: string): string {
  const inputs = Object.entries(columns).map(([name, value]) => ({ name, datatype: 'FP64', shape: [1], data: [value] }));
  return JSON.stringify(id === undefined ? { inputs } : { id, inputs });
}

function v2({ id, inputs }: V2Request): unknown {
  const data = inputs[0]!.data.map((value) => Number(value > 0.5));
  return {
    model_name: 'stand-in',
    ...(id === undefined ? {} : { id }),
    outputs: [{ name: 'y', datatype: 'INT64', shape: [data.length], data }],
  };
}

function v1({ instances }: V1Request): unknown {
  return { predictions: instances.map((row) => Number(Object.values(row)[0]! > 0.5)) };
}
