import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { variance } from '../../detectors/variance.ts';
import { driftsOf, normals } from '../support/random-streams.ts';

const create = (given: { readonly [option: string]: unknown } = {}) => variance.create(withDefaults(variance.options, given));

t.test('statistic is the sum of standardised roots of the differences in pairs, as computed by hand', (t) => {
  const detector = create({ warmUp: 6, allowance: 0.5, threshold: 3 });
  // Differences 1, 4 and 9: roots 1, 2 and 3, so mean 2 and deviation 1.
  for (const value of [0, 1, 10, 6, 1, 10]) t.equal(detector.update(value), 'warming-up');
  t.equal(detector.update(5), 'warming-up', 'an open pair is judged with its second value');
  t.equal(detector.update(21), 'stable');
  t.equal(detector.statistic, 1.5);
  t.equal(detector.update(0), 'stable');
  t.equal(detector.update(16), 'stable');
  t.equal(detector.statistic, 3);
  detector.update(0);
  t.equal(detector.update(9), 'drift');
  t.equal(detector.statistic, 3.5);
  t.equal(detector.changedFor, 6, 'three pairs');
  t.end();
});

t.test('a doubled and a halved spread are found, in normal and in heavy-tailed streams', (t) => {
  for (const law of [(value: number) => value, (value: number) => value * Math.abs(value)]) {
    for (const factor of [2.5, 0.4]) {
      const values = [...normals(3000, 1).map(law), ...normals(1500, 2).map((value) => factor * law(value))];
      const [drift] = driftsOf(create(), values);
      t.ok(drift! >= 3000 && drift! < 4000, `found at ${drift}`);
    }
  }
  t.end();
});

t.test('shifts and slow trends of the mean are no change of spread', (t) => {
  const values = normals(20_000, 3).map((value, index) => value + (index > 7000 ? 50 : 0) + index / 2000);
  t.same(driftsOf(create(), values), []);
  t.end();
});

t.test('healthy streams give no alarm: normal, uniform and skewed ones', (t) => {
  for (const law of [(value: number) => value, (value: number) => Math.tanh(value), (value: number) => Math.exp(value / 2)]) {
    for (const seed of [1, 2, 3]) t.same(driftsOf(create(), normals(20_000, seed).map(law)), []);
  }
  t.end();
});
