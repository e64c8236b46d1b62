import t from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { delayOf, LOOK_OFTEN_MS, LoopDelay } from '../../proxy/loop-delay.ts';
import { until } from '../support/program.ts';

const times = (count: number, length: number): number[] => new Array(count).fill(length);

t.test('the delay that one moment of twenty exceeds, over ten seconds', async (t) => {
  t.equal(delayOf([]), 0);
  t.equal(delayOf(times(5, 400)), 300, '400 ms of every two seconds: in each of five, 100 ms are left');
  t.equal(delayOf([1_000]), 500);
  t.ok(Math.abs(delayOf(times(100, 90)) - 85) < 1e-9, 'a tenth of a core: throttled for 90 of each 100 ms');
  t.equal(delayOf([10, 300, 600]), 200, 'in the two longest 100 and 400 ms are left');
});

t.test('hiccups are passed over', async (t) => {
  t.equal(delayOf([500]), 0, 'half a second once');
  t.equal(delayOf(times(4, 100)), 0, '100 ms every few seconds');
  t.equal(delayOf(times(10, 100)), 50, '100 ms every second is the limit');
  t.equal(delayOf(times(400, 6)), 4.75, 'a loop that has much to do, and does a little at a time');
});

t.test('a loop that stands still is seen while it does, and nothing before it is looked at', async (t) => {
  const delay = new LoopDelay();
  t.equal(delay.ms, 0);
  const source = `
    const { workerData } = require('node:worker_threads');
    import(workerData.module).then(({ LoopDelay }) => {
      new LoopDelay(workerData.memory).watch(20);
      setTimeout(() => { for (;;); }, 100);
    });`;
  const worker = new Worker(source, {
    eval: true,
    workerData: { module: import.meta.resolve('../../proxy/loop-delay.ts'), memory: delay.memory },
  });
  t.teardown(() => worker.terminate());
  const ms = await until(
    'a delay',
    () => delay.ms,
    (ms) => ms > 200,
  );
  t.ok(delay.ms >= ms, 'and it grows');
});

t.test('a stretch that has ended is told, and who looks no more tells nothing', async (t) => {
  const delay = new LoopDelay();
  const end = delay.watch(LOOK_OFTEN_MS);
  // Node looks for the first time.
  await sleep(100);
  const from = performance.now();
  while (performance.now() - from < 900);
  const told = await until(
    'the stretch',
    () => delay.ms,
    (ms) => ms > 0,
  );
  t.ok(told > 300, String(told));
  await sleep(1_200);
  t.ok(delay.ms <= told, 'and is told once');
  end();
  t.equal(delay.ms, 0);
});
