/**
 * The ladder: up as far as needed at once, down one rung after another, and never up and down in turn at one threshold.
 */
import t from 'tap';
import { AT_EASE, climb, isToCollect, type Ladder, type Reading } from '../../agent/shedding.ts';

const calm: Reading = { memory: 0.3, loopDelayMs: 1 };
const after = (ladder: Ladder, looks: number, reading: Reading): Ladder => {
  let now = ladder;
  for (let look = 0; look < looks; look++) now = climb(now, reading);
  return now;
};

t.test('memory gives up payloads, then records, then connections', async (t) => {
  for (const [memory, rung] of [
    [0.69, 'nothing'],
    [0.7, 'payloads'],
    [0.8, 'records'],
    [0.9, 'connections'],
    [1.2, 'connections'],
  ] as const) {
    t.equal(climb(AT_EASE, { memory, loopDelayMs: 0 }).rung, rung, String(memory));
  }
});

t.test('a late event loop gives up records, and refuses no connection', async (t) => {
  t.equal(climb(AT_EASE, { memory: null, loopDelayMs: 50 }).rung, 'nothing');
  t.equal(climb(AT_EASE, { memory: null, loopDelayMs: 51 }).rung, 'records');
  t.equal(climb(AT_EASE, { memory: null, loopDelayMs: 5_000 }).rung, 'records');
});

t.test('it comes back rung by rung, each after ten calm looks', async (t) => {
  const top = climb(AT_EASE, { memory: 0.95, loopDelayMs: 0 });
  t.equal(after(top, 9, calm).rung, 'connections');
  t.equal(after(top, 10, calm).rung, 'records');
  t.equal(after(top, 20, calm).rung, 'payloads');
  t.equal(after(top, 30, calm).rung, 'nothing');
  t.same(after(top, 500, calm), AT_EASE);
});

t.test('a look that is not calm starts the count anew', async (t) => {
  const top = climb(AT_EASE, { memory: 0.95, loopDelayMs: 0 });
  const nearly = after(top, 9, calm);
  t.equal(after(climb(nearly, { memory: 0.86, loopDelayMs: 0 }), 9, calm).rung, 'connections');
});

t.test('between the two thresholds it stays where it is', async (t) => {
  t.equal(after(AT_EASE, 100, { memory: 0.68, loopDelayMs: 40 }).rung, 'nothing');
  t.equal(after(climb(AT_EASE, { memory: 0.71, loopDelayMs: 0 }), 100, { memory: 0.66, loopDelayMs: 0 }).rung, 'payloads');
  t.equal(after(climb(AT_EASE, { memory: null, loopDelayMs: 60 }), 100, { memory: null, loopDelayMs: 30 }).rung, 'records');
});

t.test('garbage is collected at each rung up and every ten looks, where memory is short', async (t) => {
  const short: Reading = { memory: 0.9, loopDelayMs: 0 };
  t.ok(isToCollect('nothing', 'payloads', short, 1));
  t.ok(isToCollect('payloads', 'connections', short, 1));
  t.notOk(isToCollect('connections', 'connections', short, 9));
  t.ok(isToCollect('connections', 'connections', short, 10));
  t.ok(isToCollect('payloads', 'payloads', { memory: 0.65, loopDelayMs: 0 }, 10), 'below the rung, where it would stay');
  t.notOk(isToCollect('records', 'payloads', short, 11), 'not on the way down');
  t.notOk(isToCollect('nothing', 'nothing', { memory: 0.69, loopDelayMs: 0 }, 10));
  t.notOk(isToCollect('payloads', 'payloads', { memory: 0.75, loopDelayMs: 21 }, 10), 'not again where loops run late');
  for (const memory of [null, 0.3])
    t.notOk(isToCollect('nothing', 'records', { memory, loopDelayMs: 90 }, 10), 'a late loop needs no more work');
});
