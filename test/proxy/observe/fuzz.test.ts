/** Whatever bytes a connection carries, reading along ends in an own word or goes on: nothing is thrown out of it, and no fault is ours. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { Protocol } from '../../../proxy/arrival.ts';
import { block, FRAME, frame, PREFACE, request } from '../http2/h2-wire.ts';
import { get, ok, post } from '../wire.ts';
import { cut, Onlooker } from './onlooker.ts';

t.setTimeout(120_000);

const POST_CHUNKED = 'POST /c HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-T: 1\r\n\r\n';
const HTTP1 = {
  there: Buffer.from(get('/a') + post('/b', 'body', 'x-request-id: i\r\n') + POST_CHUNKED + get('/d'), 'latin1'),
  back: Buffer.from(
    `HTTP/1.1 100 Continue\r\n\r\n${ok('one')}HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nHTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\n\r\nend`,
    'latin1',
  ),
};
const HEADERS = 4;
/** A field that goes into the table, and one that comes from it. */
const INDEXED = Buffer.from('4001780179be', 'hex');
const HTTP2 = {
  there: Buffer.concat([
    Buffer.from(PREFACE),
    frame(FRAME.settings, 0, 0, Buffer.from('000100001000', 'hex')),
    frame(FRAME.headers, HEADERS, 1, Buffer.concat([block(request({ ':method': 'POST' })), INDEXED])),
    frame(FRAME.data, 9, 1, Buffer.from('\x02abc\0\0')),
    frame(FRAME.headers, 1, 3, block(request()).subarray(0, 9)),
    frame(FRAME.continuation, HEADERS, 3, Buffer.concat([block(request()).subarray(9), INDEXED])),
    frame(FRAME.reset, 0, 3, Buffer.alloc(4)),
  ]),
  back: Buffer.concat([
    frame(FRAME.settings, 0, 0),
    frame(FRAME.headers, HEADERS, 1, Buffer.concat([Buffer.from([0x88]), INDEXED])),
    frame(5, HEADERS, 1, Buffer.concat([Buffer.from([0, 0, 0, 2]), INDEXED])),
    frame(FRAME.data, 0, 1, Buffer.from('answer')),
    frame(FRAME.headers, HEADERS | 1, 1, block([['grpc-status', '0']])),
    frame(FRAME.goaway, 0, 0, Buffer.alloc(8)),
  ]),
};

interface Change {
  readonly place: number;
  readonly kind: 'flip' | 'insert' | 'remove' | 'repeat';
  readonly bytes: Uint8Array;
}

const change = fc.record<Change>({
  place: fc.double({ min: 0, max: 0.999, noNaN: true }),
  kind: fc.constantFrom('flip', 'insert', 'remove', 'repeat'),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 6 }),
});

function mutated(bytes: Buffer, changes: readonly Change[]): Buffer {
  let out = bytes;
  for (const { place, kind, bytes: extra } of changes) {
    const at = Math.floor(place * out.length);
    const [before, after] = [out.subarray(0, at), out.subarray(at)];
    if (kind === 'insert') out = Buffer.concat([before, extra, after]);
    else if (kind === 'remove') out = Buffer.concat([before, after.subarray(extra.length)]);
    else if (kind === 'repeat') out = Buffer.concat([before, after.subarray(0, 40), after]);
    else out = Buffer.concat([before, extra, after.subarray(extra.length)]);
  }
  return out;
}

/** Shows both directions, pieces in turn, and closes. True when nothing came of it that must not. */
function holds(protocol: Protocol, there: Buffer, back: Buffer, cuts: readonly number[]): boolean {
  const onlooker = new Onlooker(protocol, 50);
  const [sent, came] = [cut(there, cuts), cut(back, cuts)];
  for (let i = 0; i < Math.max(sent.length, came.length); i++) {
    if (sent[i] !== undefined) onlooker.client(sent[i]!);
    if (came[i] !== undefined) onlooker.server(came[i]!);
  }
  onlooker.observation.clientEnded();
  onlooker.observation.serverEnded();
  onlooker.observation.closed(null);
  const { requests, answered, failed, aborted, unseen, exchanges, bugs } = onlooker.counters();
  const kept = onlooker.exchanges();
  return (
    onlooker.faults.length === 0 &&
    bugs === 0 &&
    requests === answered + failed + aborted + unseen &&
    exchanges === answered + failed + aborted &&
    kept.length === exchanges &&
    kept.every((one) => one.request.bytes.length <= 50 && one.response.bytes.length <= 50)
  );
}

const cuts = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 12 });
const changes = fc.array(change, { maxLength: 4 });

for (const [protocol, { there, back }, answered] of [
  ['http/1.1', HTTP1, 4],
  ['h2', HTTP2, 1],
] as const) {
  t.test(`${protocol}: connections with mistakes`, async (t: Test) => {
    const whole = new Onlooker(protocol).client(there).server(back);
    whole.observation.serverEnded();
    t.equal(whole.unobserved, null, 'without one all of it is read');
    t.equal(whole.counters().answered, answered);
    fc.assert(
      fc.property(changes, changes, cuts, (sent, came, places) => holds(protocol, mutated(there, sent), mutated(back, came), places)),
      { seed: 44, numRuns: 2000 },
    );
  });

  t.test(`${protocol}: any bytes`, async () => {
    const bytes = fc.uint8Array({ maxLength: 400 });
    fc.assert(
      fc.property(bytes, bytes, cuts, (sent, came, places) => {
        const start = protocol === 'h2' ? Buffer.from(PREFACE) : Buffer.alloc(0);
        return holds(protocol, Buffer.concat([start, sent]), Buffer.from(came), places);
      }),
      { seed: 45, numRuns: 1000 },
    );
  });
}
