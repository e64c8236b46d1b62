import t from 'tap';
import { incompleteBeta } from './beta.ts';

t.test('the chance of more events than so many is that of a binomial law', (t) => {
  // The sum straight from the definition.
  const atMost = (events: number, trials: number, rate: number) => {
    let term = (1 - rate) ** trials;
    let sum = term;
    for (let k = 1; k <= events; k++) {
      term *= ((trials - k + 1) / k) * (rate / (1 - rate));
      sum += term;
    }
    return sum;
  };
  for (const [events, trials, rate] of [
    [1, 10, 0.3],
    [3, 500, 0.01],
    [40, 60, 0.6],
    [0, 100, 0.03],
  ] as const)
    t.ok(Math.abs(incompleteBeta(events + 1, trials - events, rate) - (1 - atMost(events, trials, rate))) < 1e-12);
  t.same([incompleteBeta(2, 3, 0), incompleteBeta(2, 3, 1)], [0, 1]);
  t.end();
});
