import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { hddmA } from '../../detectors/hddm-a.ts';
import { bits, driftsOf } from '../support/random-streams.ts';

const create = (given: { readonly [option: string]: unknown } = {}) => hddmA.create(withDefaults(hddmA.options, given));

t.test('statistic and threshold are the difference of the means and Hoeffding’s bound, as computed by hand', (t) => {
  const detector = create();
  t.equal(detector.update(0), 'warming-up');
  for (let k = 1; k < 20; k++) t.equal(detector.update(0), 'stable');
  t.equal(detector.statistic, null, 'the lowest cut is the whole stream');
  detector.update(1);
  t.ok(Math.abs(detector.statistic! - 1 / 21) < 1e-15);
  t.ok(Math.abs(detector.threshold! - Math.sqrt(((1 / 20) * (1 / 21) * Math.log(2000)) / 2)) < 1e-15);
  t.end();
});

t.test('both sides measure from the mean of their own cut', (t) => {
  const values = [1, ...new Array(19).fill(0), 1];
  const bound = Math.sqrt(((1 / 20) * (1 / 21) * Math.log(2000)) / 2);
  for (const twoSidedTest of [false, true]) {
    const detector = create({ twoSidedTest });
    for (const value of values) detector.update(value);
    t.ok(Math.abs(detector.statistic! - (2 / 21 - 1 / 20)) < 1e-15);
    t.ok(Math.abs(detector.threshold! - bound) < 1e-15);
  }
  const falling = create({ twoSidedTest: true });
  for (const value of values) falling.update(1 - value);
  t.ok(Math.abs(falling.statistic! - (19 / 20 - 19 / 21)) < 1e-15);
  t.ok(Math.abs(falling.threshold! - bound) < 1e-15);
  t.end();
});

t.test('a rise is found soon after and dated from the cut; a fall only by the two-sided test', (t) => {
  const values = [...bits(0.1, 2000, 7), ...bits(0.3, 1000, 101)];
  const detector = create();
  const drift = values.findIndex((value) => detector.update(value) === 'drift');
  t.ok(drift >= 2000 && drift < 2200, `found at ${drift}`);
  t.ok(detector.statistic! >= detector.threshold!);
  t.ok(Math.abs(detector.changedFor! - (drift - 1999)) < 80, `${detector.changedFor} of ${drift - 1999}`);

  const falling = [...bits(0.3, 2000, 7), ...bits(0.1, 1000, 101)];
  t.same(driftsOf(create(), falling), []);
  const twoSided = create({ twoSidedTest: true });
  const fall = falling.findIndex((value) => twoSided.update(value) === 'drift');
  t.ok(fall >= 2000 && fall < 2200, `found at ${fall}`);
  t.ok(twoSided.statistic! >= twoSided.threshold! && twoSided.changedFor! < 300);
  t.end();
});

t.test('a warning comes before a gradual drift', (t) => {
  const detector = create();
  const levels = [...bits(0.1, 3000, 5), ...bits(0.2, 2000, 6)].map((value) => detector.update(value));
  const drift = levels.indexOf('drift');
  t.ok(drift > 3000 && levels.slice(3000, drift).includes('warning'));
  t.end();
});
