import t from 'tap';
import { incompleteBeta, rateInterval } from '../../detectors/beta.ts';

t.test('an interval of a rate is where each end would be as rare as asked', (t) => {
  // The sum over a binomial law, straight from the definition.
  const atMost = (events: number, trials: number, rate: number) => {
    let term = (1 - rate) ** trials;
    let sum = term;
    for (let k = 1; k <= events; k++) {
      term *= ((trials - k + 1) / k) * (rate / (1 - rate));
      sum += term;
    }
    return sum;
  };
  for (const [events, trials] of [
    [1, 10],
    [3, 500],
    [40, 60],
  ] as const) {
    const { low, high } = rateInterval(events, trials);
    t.ok(low < events / trials && events / trials < high);
    t.ok(Math.abs(atMost(events, trials, high) - 0.025) < 1e-10);
    t.ok(Math.abs(1 - atMost(events - 1, trials, low) - 0.025) < 1e-10);
  }
  t.end();
});

t.test('no events, or nothing else, have one end at 0 or 1', (t) => {
  t.equal(rateInterval(0, 100).low, 0);
  t.ok(Math.abs(rateInterval(0, 100).high - (1 - 0.025 ** 0.01)) < 1e-12);
  t.ok(Math.abs(rateInterval(100, 100, 0.9).low - 0.05 ** 0.01) < 1e-12);
  t.equal(rateInterval(100, 100).high, 1);
  t.same([incompleteBeta(2, 3, 0), incompleteBeta(2, 3, 1)], [0, 1]);
  t.end();
});
