import t from 'tap';
import { ConfigError } from '../../contracts/errors.ts';
import { withDefaults } from '../../contracts/options.ts';
import { kswin } from '../../detectors/kswin.ts';
import { ksTest } from '../../detectors/ks.ts';
import { MersenneTwister, RangeSampler } from '../../detectors/mersenne-twister.ts';
import { driftsOf, normals, uniforms } from '../support/random-streams.ts';

const create = (given: { readonly [option: string]: unknown } = {}) => kswin.create(withDefaults(kswin.options, given));

t.test('at every value D and p are those of the two-sample test on the newest values and the sample, ties included', (t) => {
  const given = { windowSize: 60, statSize: 20, alpha: 1e-9, seed: 9 };
  for (const law of [(value: number) => value, (value: number) => Math.floor(value * 6), (value: number) => Math.floor(value * 3) || -0]) {
    const detector = create(given);
    const values = uniforms(400, 1).map(law);
    const sampler = new RangeSampler(new MersenneTwister(9), 40, 20);
    const drawn = new Int32Array(20);
    const wrong: number[] = [];
    for (const [index, value] of values.entries()) {
      detector.update(value);
      if (index < 59) continue;
      sampler.draw(drawn);
      const older = values.slice(index - 59, index - 19);
      const sample = Float64Array.from(drawn, (place) => older[place]!).sort();
      const newest = Float64Array.from(values.slice(index - 19, index + 1)).sort();
      const expected = ksTest(sample, newest, { method: 'exact', alternative: 'two-sided' });
      const { pValue } = detector.snapshot() as { pValue: number };
      if (Math.abs(detector.statistic! - expected.statistic) > 1e-15 || Math.abs(pValue - expected.pValue) > 1e-12) wrong.push(index);
    }
    t.same(wrong, []);
  }
  t.end();
});

t.test('values that are all the same are at distance 0, which is a distance', (t) => {
  const detector = create();
  for (let k = 0; k < 99; k++) detector.update(3);
  t.same([detector.statistic, detector.threshold], [null, null]);
  t.equal(detector.update(3), 'stable');
  t.equal(detector.statistic, 0);
  t.end();
});

t.test('the threshold is the smallest D whose p is at most alpha, and above 0.1', (t) => {
  const thresholdOf = (given: { readonly [option: string]: unknown }) => {
    const detector = create(given);
    driftsOf(detector, uniforms(1000, 1).slice(0, (given.windowSize as number | undefined) ?? 100));
    return detector.threshold;
  };
  t.equal(thresholdOf({}), 14 / 30, 'p(14/30) is 0.0025, p(13/30) is 0.0065');
  t.equal(thresholdOf({ alpha: 1 }), 4 / 30, 'D must be above 0.1');
  t.end();
});

t.test('a changed law is found, and the detector starts afresh or keeps its newest values', (t) => {
  const values = [...normals(500, 1), ...normals(300, 2).map((value) => value + 3)];
  const fresh = create({ alpha: 1e-4 });
  const [drift] = driftsOf(fresh, values.slice(0, 540));
  t.ok(drift! >= 500 && drift! < 540, `found at ${drift}`);
  for (const [keepWindow, silent] of [
    [false, 99],
    [true, 69],
  ] as const) {
    const detector = create({ alpha: 1e-4, keepWindow });
    driftsOf(detector, values.slice(0, drift! + 1));
    t.equal(detector.level, 'drift');
    t.equal(detector.changedFor, 30);
    const next = values.slice(drift! + 1).findIndex((value) => detector.update(value) !== 'warming-up');
    t.equal(next, silent, `keepWindow ${keepWindow}: values until the next test`);
  }
  t.end();
});

t.test('a window that is kept holds the newest values, oldest first, wherever the drift falls', (t) => {
  const values = normals(3_000, 3).map((value, k) => value + 4 * (Math.floor(k / 171) % 2));
  const detector = create({ windowSize: 90, statSize: 25, alpha: 1e-3, keepWindow: true });
  let drifts = 0;
  for (const [index, value] of values.entries()) {
    if (detector.update(value) !== 'drift') continue;
    drifts++;
    const { window } = detector.snapshot() as { window: number[][] };
    t.same(window, [values.slice(index - 24, index + 1)]);
  }
  t.ok(drifts > 10, `${drifts} drifts`);
  t.end();
});

t.test('a window too small for its parts is refused with a remedy', (t) => {
  t.throws(() => create({ windowSize: 50, statSize: 30 }), ConfigError);
  t.end();
});
