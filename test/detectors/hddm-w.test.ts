import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { hddmW } from '../../detectors/hddm-w.ts';
import { bits, driftsOf } from '../support/random-streams.ts';

const create = (given: { readonly [option: string]: unknown } = {}) => hddmW.create(withDefaults(hddmW.options, given));

t.test('statistic and threshold are the difference of the weighted means and McDiarmid’s bound, as computed by hand', (t) => {
  const detector = create({ start: 'paper', lambdaVal: 0.5 });
  t.equal(detector.update(0), 'warming-up');
  t.equal(detector.update(0), 'stable');
  t.equal(detector.statistic, null, 'the lowest cut is the whole stream');
  detector.update(1);
  // Cut after two zeros: c = 1/4 + 1/4; the one after it has weight 1.
  t.equal(detector.statistic, 1);
  t.ok(Math.abs(detector.threshold! - Math.sqrt((1.5 * Math.log(1000)) / 2)) < 1e-15);
  detector.update(0);
  t.equal(detector.statistic, 0.5);
  t.ok(Math.abs(detector.threshold! - Math.sqrt((1 * Math.log(1000)) / 2)) < 1e-15);
  t.end();
});

t.test('of a fall they are those of the highest cut, in the two-sided test', (t) => {
  const detector = create({ start: 'paper', lambdaVal: 0.5, twoSidedTest: true });
  for (const value of [1, 1, 0]) detector.update(value);
  t.equal(detector.statistic, 1);
  t.ok(Math.abs(detector.threshold! - Math.sqrt((1.5 * Math.log(1000)) / 2)) < 1e-15);
  detector.update(1);
  t.equal(detector.statistic, 0.5);
  t.ok(Math.abs(detector.threshold! - Math.sqrt((1 * Math.log(1000)) / 2)) < 1e-15);
  t.end();
});

t.test('a rise is found soon after; a fall only by the two-sided test', (t) => {
  const values = [...bits(0.1, 2000, 1), ...bits(0.5, 1000, 2)];
  const detector = create();
  const drift = values.findIndex((value) => detector.update(value) === 'drift');
  t.ok(drift >= 2000 && drift < 2100, `found at ${drift}`);
  t.ok(detector.statistic! > detector.threshold! && detector.changedFor! > 0);

  const falling = [...bits(0.6, 300, 3), ...bits(0.02, 1000, 4)];
  t.same(driftsOf(create(), falling), []);
  const [fall] = driftsOf(create({ twoSidedTest: true }), falling);
  t.ok(fall! >= 300 && fall! < 400, `found at ${fall}`);
  t.end();
});
