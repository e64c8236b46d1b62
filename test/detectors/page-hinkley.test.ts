import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { pageHinkley } from '../../detectors/page-hinkley.ts';
import { bits, driftsOf, normals } from '../support/random-streams.ts';

const create = (given: { readonly [option: string]: unknown } = {}) => pageHinkley.create(withDefaults(pageHinkley.options, given));

t.test('statistic is the sum’s distance from its lowest, as computed by hand', (t) => {
  const detector = create({ semantics: 'river', minInstances: 2, alpha: 1, delta: 0, threshold: 100 });
  t.equal(detector.update(1), 'warming-up');
  t.equal(detector.update(3), 'stable');
  t.ok(Math.abs(detector.statistic! - 1) < 1e-15, '3 lies 1 above the mean of 2');
  detector.update(8);
  t.ok(Math.abs(detector.statistic! - 5) < 1e-14, '8 lies 4 above the mean of 4');
  t.equal(detector.threshold, 100);
  t.end();
});

t.test('mode says which way is drift, and the change is dated from where the sum turned, which is early rather than late', (t) => {
  const rise = [...bits(0.1, 3000, 1), ...bits(0.5, 1000, 2)];
  const fall = [...bits(0.5, 3000, 3), ...bits(0.1, 1000, 4)];
  for (const [values, seenBy] of [
    [rise, ['both', 'up']],
    [fall, ['both', 'down']],
  ] as const) {
    for (const mode of ['both', 'up', 'down'] as const) {
      const detector = create({ mode });
      const drift = values.findIndex((value) => detector.update(value) === 'drift');
      if (!(seenBy as readonly string[]).includes(mode)) t.equal(drift, -1, mode);
      else {
        t.ok(drift >= 3000 && drift < 3300, `${mode}: found at ${drift}`);
        t.ok(
          detector.changedFor! > drift - 2999 - 30 && detector.changedFor! < drift,
          `${mode}: ${detector.changedFor} of ${drift - 2999}`,
        );
        t.ok(detector.statistic! > 50);
      }
    }
  }
  t.end();
});

t.test('a fall is the mirror image of a rise, in every figure', (t) => {
  const values = normals(600, 8).map((value, k) => Math.round(64 * (value + (k < 300 ? 0 : 1.5))) / 64);
  const given = { semantics: 'river', threshold: 0.5, alpha: 1, delta: 0.25 };
  const [up, down] = [create({ ...given, mode: 'up' }), create({ ...given, mode: 'down' })];
  let drifts = 0;
  for (const value of values) {
    t.equal(down.update(-value), up.update(value)) || t.end();
    t.same([down.statistic, down.threshold, down.changedFor], [up.statistic, up.threshold, up.changedFor]) || t.end();
    if (up.level === 'drift') drifts++;
  }
  t.ok(drifts > 3, `${drifts} drifts`);
  t.end();
});

t.test('zeros and ones are taken as they are, whichever the semantics', (t) => {
  const values = [...bits(0.1, 5000, 5), ...bits(0.4, 5000, 6), ...bits(0.1, 5000, 7)];
  const drifts = driftsOf(create(), values);
  t.same(drifts, driftsOf(create({ semantics: 'river' }), values));
  t.ok(drifts.length >= 2);
  t.end();
});

t.test('healthy streams of any unit alarm seldom, where without a scale some alarm all the time', (t) => {
  const alarms = (semantics: string, unit: number) =>
    [1, 2, 3].reduce((sum, seed) => {
      const values = normals(10_000, seed).map((value) => Math.exp(value) * unit);
      return sum + driftsOf(create({ semantics }), values).length;
    }, 0);
  for (const unit of [1, 1000]) {
    const safe = alarms('safe', unit);
    const river = alarms('river', unit);
    t.ok(safe <= 1 && river > 50, `unit ${unit}: ${safe} alarms, ${river} under river’s semantics`);
  }
  t.end();
});

t.test('zeros and ones before the first other value do not count, unless they were many', (t) => {
  const stateOf = (values: readonly number[]) => {
    const detector = create({ warmUp: 50 });
    driftsOf(detector, values);
    const restored = pageHinkley.create(withDefaults(pageHinkley.options, { warmUp: 50 }), { state: detector.snapshot() });
    t.equal(restored.update(7.5), detector.update(7.5));
    t.same(restored.snapshot(), detector.snapshot());
    return detector.snapshot() as { count: number; mean: number };
  };
  t.match(stateOf([0, 1, 1, 0, 1]), { count: 0, mean: 0 });
  t.equal(stateOf(bits(0.5, 60, 1)).count, 61);
  t.end();
});

t.test('the short way answers as the long one does, whatever the size of the sums', (t) => {
  for (const mode of ['both', 'up', 'down'] as const) {
    for (const [size, threshold] of [
      [1, 50],
      [1, 5],
      [1e6, 50],
      [1e12, 3e13],
      [1e-9, 1e-8],
    ] as const) {
      const delta = size * 0.005;
      const detector = create({ semantics: 'river', mode, threshold, delta });
      let state = { count: 0, mean: 0, rise: 0, lowest: Infinity, fall: 0, highest: -1 };
      let last = 'warming-up';
      let drifts = 0;
      for (const value of normals(20_000, 5)) {
        if (last === 'drift') {
          state = { count: 0, mean: 0, rise: 0, lowest: Infinity, fall: 0, highest: -1 };
          last = 'warming-up';
        }
        const placed = Math.round(value * 8) * size;
        state.count++;
        state.mean += (1 / state.count) * (placed - state.mean);
        state.rise = 0.9999 * state.rise + (placed - state.mean) - delta;
        state.fall = 0.9999 * state.fall + (placed - state.mean) + delta;
        state.lowest = Math.min(state.lowest, state.rise);
        state.highest = Math.max(state.highest, state.fall);
        const isRisen = mode !== 'down' && state.rise - state.lowest > threshold;
        const isFallen = mode !== 'up' && state.highest - state.fall > threshold;
        if (state.count >= 30) last = isRisen || isFallen ? 'drift' : 'stable';
        if (last === 'drift') drifts++;
        if (detector.update(placed) !== last) {
          t.fail(`${mode}, ${size}, ${threshold}: ${detector.level} at ${state.count}, not ${last}`);
          return t.end();
        }
      }
      t.ok(detector.observed === 20_000, `${mode}, ${size}, ${threshold}: ${drifts} drifts`);
    }
  }
  t.end();
});
