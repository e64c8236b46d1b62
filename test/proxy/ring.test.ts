import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import t from 'tap';
import type { Outcome } from '../../contracts/exchange.ts';
import { AnswerPace, PACE_MARKS } from '../../proxy/answer-pace.ts';
import { createRing, RingReader, RingWriter } from '../../proxy/ring.ts';
import type { CapturedCall, CopiedBody } from '../../proxy/ring-record.ts';

const latin1 = (maxLength: number) =>
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength });
const fields = fc.array(fc.tuple(fc.stringMatching(/^[A-Za-z-]{1,12}$/), fc.stringMatching(/^([!-~\xa0-\xff]([ -~]{0,8}[!-~])?)?$/)), {
  maxLength: 6,
});
/** Memory that begins with the copy, and may be longer. */
const bodies = fc
  .record({
    bytes: fc.uint8Array({ maxLength: 300 }),
    room: fc.nat(9),
    totalBytes: fc.integer({ min: 0, max: 2 ** 50 }),
    fingerprint: fc.option(fc.nat(2 ** 32 - 1)),
  })
  .map(({ bytes, room, ...rest }) => ({ ...copyOf(Buffer.concat([bytes, Buffer.alloc(room, 0xee)]), bytes.length), ...rest }));

const calls = fc.record({
  id: latin1(40),
  startedAt: fc.integer({ min: 0, max: 2 ** 45 }),
  latencyMs: fc.double({ min: 0, noNaN: true }),
  method: latin1(8),
  path: latin1(60),
  status: fc.integer({ min: 0, max: 599 }),
  servedBy: latin1(12),
  outcome: fc.constantFrom<Outcome>('answered', 'failed', 'aborted'),
  reason: fc.option(latin1(12), { nil: null }),
  traceparent: latin1(55),
  requestHeaders: fields,
  answerHeaders: fields,
  request: bodies,
  answer: bodies,
  reads: fc.array(fc.tuple(fc.float({ min: 0, max: 1e6, noNaN: true }), fc.nat()), { maxLength: PACE_MARKS + 3 }),
});
type Given = typeof calls extends fc.Arbitrary<infer T> ? T : never;

/** All of a body that is recorded whole, unless said otherwise. */
function copyOf(memory: Buffer, recordedBytes = memory.length): CopiedBody {
  return { memory, recordedBytes, totalBytes: recordedBytes, fingerprint: null };
}

function bodyOf({ memory, recordedBytes, totalBytes, fingerprint }: CopiedBody) {
  return { bytes: [...memory.subarray(0, recordedBytes)], totalBytes, ...(fingerprint === null ? {} : { fingerprint }) };
}

function identityOf(id: string, traceparent = '') {
  const bytes = Buffer.from(`${id}\r\ntraceparent: ${traceparent}\r\n\r\nnot of it`, 'latin1');
  return { bytes, idLength: id.length, length: bytes.length - 'not of it'.length };
}

function captured(given: Given): CapturedCall {
  const text = (pairs: readonly (readonly [string, string])[]) => pairs.map(([name, value]) => `${name}: ${value}`).join('\r\n');
  const pace = new AnswerPace();
  for (const [ms, bodyBytes] of given.reads) pace.saw(ms, bodyBytes);
  const { id, traceparent, method, path, requestHeaders, answerHeaders, ...rest } = given;
  const head = { method, path, text: method + path + text(requestHeaders) };
  return { ...rest, pace, identity: identityOf(id, traceparent), captured: head, answerFields: text(answerHeaders) };
}

function read(given: Given) {
  const { id, startedAt, latencyMs, method, path, status, servedBy, outcome, reason, traceparent, requestHeaders } = given;
  return {
    ...{ id, startedAt, latencyMs, method, path, status, servedBy, outcome, reason, traceparent, requestHeaders },
    responseHeaders: given.answerHeaders,
    request: bodyOf(given.request),
    response: bodyOf(given.answer),
    ...timing(given.reads),
  };
}

/** What the record should say of the reads; nothing where there was none. */
function timing(reads: readonly (readonly [ms: number, bytes: number])[]) {
  const first = reads[0]?.[0];
  if (first === undefined) return {};
  const gaps = reads.slice(1).map(([ms], index) => ms - (reads[index]?.[0] ?? 0));
  return {
    timing: {
      firstByteMs: Math.fround(first),
      lastByteMs: Math.fround(reads.at(-1)?.[0] ?? 0),
      longestGapMs: Math.fround(Math.max(0, ...gaps)),
      reads: reads.length,
      marks: reads.length === 1 ? [] : reads.slice(0, PACE_MARKS).map(([ms, bytes]) => ({ ms: Math.fround(ms), bytes })),
    },
  };
}

function plain(reader: RingReader) {
  const exchange = reader.read();
  if (exchange === null) return null;
  const { request, response } = exchange;
  return { ...exchange, request: { ...request, bytes: [...request.bytes] }, response: { ...response, bytes: [...response.bytes] } };
}

const EMPTY: CapturedCall = {
  ...{ identity: identityOf('a'), captured: { method: 'GET', path: '/', text: 'GET/' } },
  ...{ startedAt: 1, latencyMs: 2, status: 200, servedBy: 'primary', outcome: 'answered', reason: null },
  ...{ answerFields: '', request: copyOf(Buffer.alloc(0)), answer: copyOf(Buffer.alloc(0)) },
};

t.test('what is written is read, in order, whatever the writing and reading alternate and wherever the ring wraps', (t) => {
  // true = write the next call, false = read one; more are written, so that the ring is mostly full.
  const steps = fc.array(fc.tuple(fc.constantFrom(true, true, false), calls), { minLength: 50, maxLength: 120 });
  fc.assert(
    fc.property(steps, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (sequence, position) => {
      const memory = createRing(4096);
      // Both ends start anywhere, so that positions also pass from the largest int32 to the smallest.
      new Int32Array(memory).fill(position & ~7, 0, 2);
      const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
      const expected: ReturnType<typeof read>[] = [];
      for (const [writes, given] of sequence) {
        if (writes) {
          if (writer.write(captured(given))) expected.push(read(given));
        } else if (!t.strictSame(plain(reader), expected.shift() ?? null)) return false;
      }
      while (expected.length > 0) if (!t.strictSame(plain(reader), expected.shift())) return false;
      return reader.read() === null && reader.queuedBytes === 0;
    }),
    { seed: 7, numRuns: 60, endOnFailure: true },
  );
  t.end();
});

t.test('positions that pass the end of int32 neither lose nor repeat a call', (t) => {
  const memory = createRing(4096);
  new Int32Array(memory).fill(0x7fffff00, 0, 2);
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
  for (let n = 0; n < 200; n++) {
    t.ok(writer.write({ ...EMPTY, identity: identityOf(`call ${n}`) }));
    t.equal(reader.read()?.id, `call ${n}`);
  }
  t.ok(new Int32Array(memory)[0]! < 0);
  t.end();
});

t.test('a full ring refuses the newest call, keeps the older ones, and takes calls again once one is read', (t) => {
  const memory = createRing(4096);
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
  let kept = 0;
  while (writer.write({ ...EMPTY, identity: identityOf(String(kept)), request: copyOf(Buffer.alloc(850)) })) kept++;
  t.equal(kept, 4);
  t.notOk(writer.write({ ...EMPTY, identity: identityOf('refused'), request: copyOf(Buffer.alloc(850)) }));
  t.equal(reader.read()?.id, '0');
  t.ok(writer.write({ ...EMPTY, identity: identityOf('next'), request: copyOf(Buffer.alloc(800)) }));
  t.same([reader.read()?.id, reader.read()?.id, reader.read()?.id, reader.read()?.id, reader.read()], ['1', '2', '3', 'next', null]);
  t.notOk(writer.write({ ...EMPTY, request: copyOf(Buffer.alloc(5000)) }), 'larger than the ring');
  t.ok(writer.write(EMPTY));
  t.end();
});

t.test('a read exchange is a copy that writing does not change; the next one read may', (t) => {
  const memory = createRing(4096);
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
  writer.write({ ...EMPTY, request: copyOf(Buffer.from('first')) });
  const first = reader.read();
  while (writer.write({ ...EMPTY, request: copyOf(Buffer.alloc(500, 'x')) }));
  t.equal(Buffer.from(first!.request.bytes).toString(), 'first');
  const large = Buffer.alloc(100_000, 'y');
  const wide = createRing(1 << 18);
  const [other, second] = [new RingWriter(wide), new RingReader(wide)];
  other.write({ ...EMPTY, request: copyOf(large) });
  const read = second.read();
  while (other.write({ ...EMPTY, request: copyOf(Buffer.alloc(500, 'x')) }));
  t.ok(large.equals(read!.request.bytes), 'a large one likewise');
  t.end();
});

t.test('a waiting reader in another thread is woken by a write, and gets every call of a long run in order', async (t) => {
  const memory = createRing(4096);
  const writer = new RingWriter(memory);
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { RingReader } = await import(workerData.module);
    const reader = new RingReader(workerData.memory);
    parentPort.ref();
    parentPort.on('message', () => process.exit());
    const woken = reader.waitForMore(60_000);
    parentPort.postMessage('ready');
    await woken;
    for (let next = 0; next < 5000; ) {
      const exchange = reader.read();
      if (exchange === null) await reader.waitForMore(20_000);
      else if (exchange.id !== String(next)) throw new Error(exchange.id + ' came instead of ' + next);
      else if (++next === 1) parentPort.postMessage('first');
    }
    parentPort.postMessage('all');`;
  const module = new URL('../../proxy/ring.ts', import.meta.url).href;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: { memory, module } });
  t.teardown(() => worker.terminate());
  await once(worker, 'message');
  writer.write({ ...EMPTY, identity: identityOf('0') });
  await once(worker, 'message');
  const all = once(worker, 'message');
  for (let n = 1; n < 5000; ) {
    if (writer.write({ ...EMPTY, identity: identityOf(String(n)) })) n++;
    else await new Promise((resolve) => setImmediate(resolve));
  }
  t.same(await all, ['all']);
});

t.test('a wait ends by itself, and at once when there is something already', async (t) => {
  const memory = createRing(4096);
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(alive));
  await reader.waitForMore(5);
  t.equal(reader.read(), null);
  writer.write(EMPTY);
  await reader.waitForMore(60_000);
  t.ok(reader.read());
});

t.test('a capacity that is no power of two is refused', (t) => {
  for (const capacity of [0, 1000, 5000, 2 ** 31]) t.throws(() => createRing(capacity), RangeError);
  t.end();
});
