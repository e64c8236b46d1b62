/**
 * A real Triton and a real KServe over gRPC, called directly and through Driftline: the same messages, codes, details and metadata, unary
 * calls and streams, and the records decoded.
 */
import * as grpc from '@grpc/grpc-js';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { Status } from '../../agent/status.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { type Ended, call, grpcClient } from '../proxy/http2/grpc-peers.ts';
import type { Skipped } from '../support/build-cache.ts';
import { type RealServer, startKserve, startTriton } from '../support/model-servers.ts';
import { runSidecar, until } from '../support/program.ts';

// The first run on a machine downloads 600 MB.
t.setTimeout(590_000);

interface Captured {
  readonly case: string;
  readonly request: {
    readonly path: string;
    readonly metadata: readonly (readonly [string, string])[];
    readonly compression: string | null;
    readonly messages_b64: readonly string[];
  };
}

/** Figures that change by themselves. */
const LEFT_OUT = new Set(['grpc-stats']);
const ADDED = /^(x-driftline-.*|date)$/;

function captures(server: string): Captured[] {
  const text = readFileSync(new URL(`../golden/captures/grpc/${server}.jsonl`, import.meta.url), 'utf8');
  // The recorder's shape.
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Captured]));
}

function comparable({ code, details, messages, head, tail }: Ended) {
  const fields = (metadata: grpc.Metadata) =>
    Object.entries(metadata.getMap())
      .filter(([name]) => !ADDED.test(name))
      .map(([name, value]) => `${name}: ${value.toString('latin1')}`)
      .toSorted();
  return {
    code: grpc.status[code],
    details,
    messages: messages.map((one) => one.toString('base64')),
    head: fields(head),
    tail: fields(tail),
  };
}

async function compare(t: Test, name: string, start: () => Promise<RealServer | Skipped>, mode = 'intervene'): Promise<void> {
  const server = await start();
  if ('skipped' in server) {
    t.comment(`skipped: ${server.skipped}`);
    t.pass(server.skipped, { skip: server.skipped });
    return;
  }
  t.teardown(() => server.close());
  const urls = `{url: "${server.url}", grpcUrl: "http://127.0.0.1:${server.grpcPort}"}`;
  const policy = `apiVersion: driftline/v1
kind: Policy
metadata: {name: live}
spec:
  model: {name: live}
  traffic: {mode: ${mode}, upstreams: {primary: ${urls}}}
`;
  const folder = t.testdir({ 'policy.yaml': policy });
  const sidecar = await runSidecar(['-c', path.join(folder, 'policy.yaml'), '--state', path.join(folder, 'state')]);
  t.teardown(() => sidecar.kill());
  const data = Number(new URL(sidecar.data).port);
  const packed = { 'grpc.default_compression_algorithm': 2 };
  const clients = (port: number) => [grpcClient(t, port), grpcClient(t, port, undefined, packed)] as const;
  const direct = clients(server.grpcPort!);
  const through = clients(data);
  const codes: { [code: string]: number } = {};
  const sent = captures(name).filter((captured) => !LEFT_OUT.has(captured.case));
  for (const { case: captured, request } of sent) {
    const metadata = new grpc.Metadata();
    for (const [field, value] of request.metadata) if (field !== 'traceparent') metadata.add(field, value);
    const messages = request.messages_b64.map((text) => Buffer.from(text, 'base64'));
    const at = request.compression === 'gzip' ? 1 : 0;
    const wanted = await call(direct[at], request.path, messages, metadata);
    const got = await call(through[at], request.path, messages, metadata);
    t.same(comparable(got), comparable(wanted), `${captured} is answered as by the server itself`);
    const servedBy = [...got.head.get('x-driftline-served-by'), ...got.tail.get('x-driftline-served-by')];
    t.same(servedBy, mode === 'observe' ? [] : ['primary'], captured);
    codes[grpc.status[got.code]] = (codes[grpc.status[got.code]] ?? 0) + 1;
  }
  await until(
    `word of ${sent.length} calls`,
    () => sidecar.get<Status>('/v1/status'),
    ({ accounting }) => accounting.stored + accounting.notPredictions + (accounting.dropped['duplicate-id'] ?? 0) === sent.length,
  );
  const records = await sidecar.all<DriftlineRecord>('records');
  const decoded = records.filter(({ undecoded, status, outcome }) => undecoded === null && status === 200 && outcome === 'answered');
  t.ok(
    decoded.length >= 5 && decoded.every(({ outputs }) => Object.keys(outputs).length > 0),
    `${decoded.length} of ${records.length} decoded`,
  );
  t.comment(
    `${name}: ${sent.length} calls both ways, ${JSON.stringify(codes)}; ${records.length} records, ${decoded.length} decoded on both sides`,
  );
  t.same(await sidecar.stop(), { code: 0, signal: null });
}

t.test('a real Triton answers gRPC through Driftline as it answers directly', (t) => compare(t, 'triton', startTriton));
t.test('a real KServe answers gRPC through Driftline as it answers directly', (t) => compare(t, 'kserve', startKserve));
t.test('a real Triton answers gRPC under `mode: observe` as it answers directly, and the records are decoded', (t) =>
  compare(t, 'triton', startTriton, 'observe'),
);
