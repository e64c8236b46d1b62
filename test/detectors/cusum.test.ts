import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { cusum } from '../../detectors/cusum.ts';
import { driftsOf, normals } from '../support/random-streams.ts';

const create = (given: { readonly [option: string]: unknown } = {}) => cusum.create(withDefaults(cusum.options, given));

t.test('statistic is the larger sum of standardised values less the allowance, as computed by hand', (t) => {
  const detector = create({ warmUp: 3, allowance: 0.5, threshold: 4 });
  for (const value of [1, 2, 3]) t.equal(detector.update(value), 'warming-up');
  t.equal(detector.statistic, null);
  // Mean 2, deviation 1.
  t.equal(detector.update(4), 'stable');
  t.equal(detector.statistic, 1.5);
  detector.update(0);
  t.equal(detector.statistic, 1.5, 'below the mean the high sum is gone and the low one stands at 1.5');
  detector.update(100);
  t.equal(detector.statistic, 4.5, 'a wild value counts as five deviations');
  t.equal(detector.level, 'drift');
  t.equal(detector.changedFor, 1);
  t.equal(detector.update(5), 'warming-up', 'the new concept is learned afresh');
  t.end();
});

t.test('shifts of one deviation either way are found soon and dated, whatever the unit', (t) => {
  for (const [shift, unit] of [
    [1, 1],
    [-1, 1e-6],
    [1, 1e6],
  ] as const) {
    const detector = create();
    const values = [...normals(3000, 1), ...normals(500, 2).map((value) => value + shift)].map((value) => value * unit);
    const drift = values.findIndex((value) => detector.update(value) === 'drift');
    t.ok(drift >= 3000 && drift < 3100, `found at ${drift}`);
    t.ok(Math.abs(detector.changedFor! - (drift - 2999)) < 30);
  }
  t.end();
});

t.test('healthy streams give no alarm: normal, uniform and skewed ones', (t) => {
  for (const law of [(value: number) => value, (value: number) => Math.tanh(value), (value: number) => Math.exp(value / 2)]) {
    for (const seed of [1, 2, 3]) t.same(driftsOf(create(), normals(20_000, seed).map(law)), []);
  }
  t.end();
});

t.test('there is nothing to compare while it learns, and the threshold from then on', (t) => {
  const detector = create({ warmUp: 10, threshold: 7 });
  for (let k = 0; k < 10; k++) {
    t.same([detector.statistic, detector.threshold], [null, null]);
    detector.update(k % 2);
  }
  detector.update(0.5);
  t.same([detector.statistic, detector.threshold], [0, 7]);
  t.end();
});
