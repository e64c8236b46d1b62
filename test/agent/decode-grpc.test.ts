import { readFileSync } from 'node:fs';
import t from 'tap';
import { Decoder } from '../../agent/decode.ts';
import type { Exchange } from '../../contracts/exchange.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { defaultPolicy } from '../../policies/load.ts';
import { framed } from '../../proxy/protocols/grpc-messages.ts';

const policy = defaultPolicy({ detectors: new Map(detectors.map((one) => [one.type, one])), upstream: 'http://127.0.0.1:1', env: {} });
const decoder = new Decoder(policy);

interface Captured {
  readonly case: string;
  readonly request: { readonly path: string; readonly messages_b64: readonly string[] };
  readonly response: { readonly messages_b64: readonly string[] };
}

function captured(name: string): Captured {
  const lines = readFileSync(new URL('../golden/captures/grpc/triton.jsonl', import.meta.url), 'utf8').split('\n');
  // The recorder's shape.
  return lines.flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Captured])).find((one) => one.case === name)!;
}

function exchangeOf({ request, response }: Captured, change: Partial<Exchange> = {}): Exchange {
  const body = (messages: readonly string[]) => {
    const bytes = Buffer.concat(messages.map((text) => framed(Buffer.from(text, 'base64'))));
    return { bytes, totalBytes: bytes.length };
  };
  return {
    id: 'g-1',
    startedAt: 1,
    latencyMs: 2,
    method: 'POST',
    path: request.path,
    status: 200,
    servedBy: 'primary',
    outcome: 'answered',
    reason: null,
    traceparent: '',
    requestHeaders: [['content-type', 'application/grpc']],
    responseHeaders: [['content-type', 'application/grpc']],
    responseTrailers: [['grpc-status', '0']],
    request: body(request.messages_b64),
    response: body(response.messages_b64),
    ...change,
  };
}

t.test('a gRPC call is a record as a REST call is: columns, model, version, status', async (t) => {
  const record = decoder.decode(exchangeOf(captured('grpc-infer-raw')))!;
  t.match(record, { protocol: 'kserve-v2', status: 200, outcome: 'answered', undecoded: null, model: 'iris' });
  t.ok(record.rows > 0 && Object.keys(record.inputs).length > 0 && Object.keys(record.outputs).length > 0);
  t.equal(decoder.decode(exchangeOf(captured('grpc-live'))), null, 'a health call is no prediction');
});

t.test('its status is what its code means, wherever the code stands', async (t) => {
  const call = captured('grpc-infer-raw');
  const status = (change: Partial<Exchange>) => decoder.decode(exchangeOf(call, change))!.status;
  t.equal(status({ responseTrailers: [['grpc-status', '5']] }), 404);
  t.equal(status({ responseTrailers: [['grpc-status', '14']] }), 503);
  t.equal(status({ responseTrailers: [], responseHeaders: [['grpc-status', '3']] }), 400);
  t.equal(status({ responseTrailers: [['grpc-status', '99']] }), 500);
  t.equal(status({ responseTrailers: [] }), 200);
  t.equal(status({ status: 0, outcome: 'aborted', responseTrailers: [] }), 0);
  const failed = decoder.decode(exchangeOf(call, { responseTrailers: [['grpc-status', '13']] }))!;
  t.same([failed.outputs, failed.undecoded], [{}, null], 'nothing of its answer is taken');
});

t.test('an error inside a stream that ends well is a failure', async (t) => {
  t.match(decoder.decode(exchangeOf(captured('grpc-stream-infer-error'))), { outcome: 'failed', reason: 'error-in-stream', status: 200 });
  const stream = decoder.decode(exchangeOf(captured('grpc-stream-infer-plain')))!;
  t.match(stream, { outcome: 'answered', undecoded: null, rows: 3 });
});

t.test('a copy that was cut off says so', async (t) => {
  const exchange = exchangeOf(captured('grpc-infer-raw'));
  const cut = { ...exchange.request, bytes: exchange.request.bytes.subarray(0, 20) };
  t.match(decoder.decode({ ...exchange, request: cut }), { undecoded: 'truncated' });
});
