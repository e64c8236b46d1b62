import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Identity } from '../../proxy/identity.ts';
import { putRandomHex } from '../../proxy/random.ts';

const NONE = { callerId: null, trace: null };
const AT = 1_764_000_000_000;
const linesOf = ({ bytes, length }: Identity) => bytes.toString('latin1', 0, length);

t.test('an id is a UUID of version 7 that begins with its instant', (t) => {
  const ids = Array.from({ length: 20_000 }, (_, call) => Identity.of(NONE, AT + (call >> 3)).id);
  for (const [call, id] of ids.entries()) {
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)) t.fail(id);
    if (Number.parseInt(id.slice(0, 13).replace('-', ''), 16) !== AT + (call >> 3)) t.fail(`${id} began at another instant`);
  }
  t.equal(new Set(ids).size, ids.length);
  // Every digit that is random takes each value equally often: 15 degrees of freedom, of which 45 leaves one in ten thousand.
  for (const [place, values] of [...[15, 17, 20, 22, 24, 35].map((place) => [place, 16] as const), [19, 4] as const]) {
    const counts = new Map<string, number>();
    for (const id of ids) counts.set(id[place]!, (counts.get(id[place]!) ?? 0) + 1);
    const expected = ids.length / values;
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    t.equal(counts.size, values, `values of digit ${place}`);
    t.ok(chiSquared < 50, `digit ${place}: ${chiSquared}`);
  }
  t.end();
});

t.test('random digits never come again, whether the next block was drawn meanwhile or not', async (t) => {
  const seen = new Set<string>();
  // Of 16 bytes, which a block is a multiple of: used again, it would give the same ones.
  const digits = Buffer.alloc(32);
  let taken = 0;
  for (let turn = 0; turn < 12; turn++) {
    for (let k = 0; k < 5_000; k++, taken++) {
      putRandomHex(digits, 0, digits.length);
      seen.add(digits.toString('latin1'));
    }
    if (turn % 3 > 0) await sleep(5);
  }
  t.equal(seen.size, taken);
});

t.test('a call begins a trace, or goes on in the caller’s with a span of its own', (t) => {
  const trace = { traceId: 'a'.repeat(32), spanId: 'c'.repeat(16), flags: '00' };
  const lines = [null, trace, null].map((trace) => Identity.of({ callerId: null, trace }, AT));
  t.match(lines[0]!.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  t.match(lines[1]!.traceparent, /^00-a{32}-[0-9a-f]{16}-00$/);
  t.match(lines[2]!.traceparent, /^00-(?!a{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  for (const one of lines) t.equal(linesOf(one), `${one.id}\r\ntraceparent: ${one.traceparent}\r\n\r\n`);
  t.end();
});

t.test('the caller’s id stays, and a call that was only seen begins no trace', (t) => {
  const chosen = Identity.of({ callerId: 'order 4711', trace: null }, AT);
  t.equal(chosen.id, 'order 4711');
  t.match(linesOf(chosen), /^order 4711\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\n\r\n$/);
  const seen = Identity.ofSeen({ callerId: 'order 4711', trace: null }, AT);
  t.same([seen.id, seen.traceparent, linesOf(seen)], ['order 4711', '', 'order 4711\r\ntraceparent: \r\n\r\n']);
  t.match(
    Identity.ofSeen({ callerId: null, trace: { traceId: 'b'.repeat(32), spanId: 'c'.repeat(16), flags: '01' } }, AT).traceparent,
    /^00-b{32}-[0-9a-f]{16}-01$/,
  );
  t.end();
});

t.test('the next call’s is like the first one’s, whatever came before', (t) => {
  const trace = { traceId: 'a'.repeat(32), spanId: 'c'.repeat(16), flags: '00' };
  const kinds = [null, 'b', 'order 4711', 'd'.repeat(128)].flatMap((callerId) => [null, trace].map((trace) => ({ callerId, trace })));
  const one = new Identity();
  for (const before of kinds) {
    for (const asked of kinds) {
      one.start(before, AT);
      const left = one.id;
      one.start(asked, AT + 1);
      if (asked.callerId === null) t.match(one.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      else t.equal(one.id, asked.callerId);
      t.match(one.traceparent, asked.trace === null ? /^00-(?!a{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/ : /^00-a{32}-[0-9a-f]{16}-00$/);
      t.equal(linesOf(one), `${one.id}\r\ntraceparent: ${one.traceparent}\r\n\r\n`);
      t.equal(left, before.callerId ?? left);
      if (before.callerId === null) t.not(one.id, left);
    }
  }
  t.end();
});
