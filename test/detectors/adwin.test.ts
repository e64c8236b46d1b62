import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { adwin } from '../../detectors/adwin.ts';

/** The values as they are; the scale has tests of its own below. */
const create = (given: { readonly [option: string]: unknown } = {}) =>
  adwin.create(withDefaults(adwin.options, { semantics: 'river', ...given }));
type Detector = ReturnType<typeof create>;

interface State {
  readonly width: number;
  readonly total: number;
  readonly variance: number;
  readonly totals: readonly (readonly number[])[];
}
const stateOf = (detector: Detector) => detector.snapshot() as unknown as State;

function uniforms(length: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}

function driftsOf(detector: Detector, values: readonly number[]): number[] {
  return values.flatMap((value, index) => (detector.update(value) === 'drift' ? [index] : []));
}

t.test('buckets hold powers of two, oldest first, and the window’s mean and squared deviations', (t) => {
  const detector = create({ clock: 1000 });
  const values = uniforms(100, 3);
  driftsOf(detector, values);
  const { width, total, variance, totals } = stateOf(detector);
  const mean = values.reduce((sum, value) => sum + value, 0) / 100;
  t.equal(width, 100);
  t.ok(Math.abs(total / 100 - mean) < 1e-14);
  t.ok(Math.abs(variance - values.reduce((sum, value) => sum + (value - mean) ** 2, 0)) < 1e-12);
  let from = 0;
  for (let row = totals.length - 1; row >= 0; row--) {
    t.ok(totals[row]!.length <= 5);
    for (const bucket of totals[row]!) {
      const sum = values.slice(from, from + 2 ** row).reduce((before, value) => before + value, 0);
      t.ok(Math.abs(bucket - sum) < 1e-12);
      from += 2 ** row;
    }
  }
  t.equal(from, 100);
  t.end();
});

t.test('a drift shows the cut that was found: its difference above its bound, and the window that remained', (t) => {
  const detector = create();
  const values = [...uniforms(1000, 1), ...uniforms(500, 2).map((value) => value + 1)];
  const drift = values.findIndex((value) => detector.update(value) === 'drift');
  t.ok(drift >= 1000 && drift < 1100, `found at ${drift}`);
  t.ok(detector.statistic! > detector.threshold!);
  t.equal(detector.changedFor, stateOf(detector).width);
  t.ok(
    detector.changedFor! >= drift - 1000 && detector.changedFor! <= drift - 1000 + 64,
    `${detector.changedFor} of the newest values are kept`,
  );
  t.end();
});

t.test('without a drift the nearest cut stands below its bound', (t) => {
  const detector = create();
  let last = 'warming-up';
  for (const value of uniforms(500, 4)) last = detector.update(value);
  t.equal(last, 'stable');
  t.ok(detector.statistic! > 0 && detector.statistic! < detector.threshold!);
  t.equal(detector.changedFor, null);
  t.end();
});

t.test('the first check comes with the clock and after the grace period', (t) => {
  const levels = (given: { readonly [option: string]: unknown }) => {
    const detector = create(given);
    return uniforms(100, 4).findIndex((value) => detector.update(value) !== 'warming-up');
  };
  t.equal(levels({}), 31);
  t.equal(levels({ clock: 1 }), 10);
  t.equal(levels({ clock: 8, gracePeriod: 20 }), 23);
  t.end();
});

t.test('with one bucket a row the detector works on, where its origin breaks off', (t) => {
  // river 0.26.1 panics on this stream with max_buckets 1.
  const values = uniforms(20_000, 9).map((value, index) => value + (Math.floor(index / 3000) % 2) * 0.3);
  const drifts = driftsOf(create({ maxBuckets: 1, clock: 1 }), values);
  t.equal(drifts.length, 6);
  for (const [k, drift] of drifts.entries()) t.ok(drift - 3000 * (k + 1) < 100, `found at ${drift}`);
  t.end();
});

t.test('buckets and width agree whatever is dropped, and whatever row is empty', (t) => {
  for (const maxBuckets of [1, 2, 3]) {
    const detector = create({ maxBuckets, clock: 1, delta: 1, minWindowLength: 1, gracePeriod: 0 });
    const wrong: number[] = [];
    for (const [index, value] of uniforms(6000, maxBuckets).entries()) {
      detector.update(value ** 4 * (Math.floor(index / 97) % 3));
      const { width, total, totals } = stateOf(detector);
      const kept = totals.reduce((sum, row, r) => sum + row.length * 2 ** r, 0);
      const sum = totals.flat().reduce((before, bucket) => before + bucket, 0);
      if (kept !== width || Math.abs(sum - total) > 1e-9 || totals.at(-1)?.length === 0) wrong.push(index);
    }
    t.same(wrong, [], `${maxBuckets} a row`);
  }
  t.end();
});

t.test('the window grows past the rows that were laid out at first, and is restored so', (t) => {
  const given = { maxBuckets: 1, clock: 1_000_000 };
  const detector = create(given);
  for (const value of uniforms(140_000, 11)) detector.update(Math.floor(value * 8) / 1024);
  const { totals, width, total } = stateOf(detector);
  t.equal(totals.length, 18);
  t.equal(width, 140_000);
  t.equal(
    totals.flat().reduce((sum, bucket) => sum + bucket, 0),
    total,
  );
  const restored = adwin.create(withDefaults(adwin.options, { semantics: 'river', ...given }), { state: detector.snapshot() });
  t.same(restored.snapshot(), detector.snapshot());
  t.end();
});

t.test('a part of a cut may be as short as minWindowLength', (t) => {
  const values = [...new Array(100).fill(0), 1e6, 1e6, 1e6];
  t.same(driftsOf(create({ clock: 1, minWindowLength: 1 }), values).slice(0, 1), [100]);
  t.end();
});

t.test('with two and three buckets a row drifts are where river 0.26.1 has them', (t) => {
  const values = uniforms(20_000, 9).map((value, index) => value + (Math.floor(index / 3000) % 2) * 0.3);
  t.same(driftsOf(create({ maxBuckets: 2, clock: 1 }), values), [3054, 6074, 9047, 12059, 15050, 18047]);
  t.same(driftsOf(create({ maxBuckets: 3, clock: 1 }), values), [3053, 6069, 9045, 12059, 15050, 18047]);
  t.end();
});

t.test('values as large as doubles go do not silence the detector', (t) => {
  const detector = create({ clock: 1 });
  for (const value of [1e300, -1e300, 1.7e308]) for (let k = 0; k < 100; k++) detector.update(value);
  t.ok(Number.isFinite(stateOf(detector).variance));
  t.ok(driftsOf(detector, [...new Array(3000).fill(1e139), ...new Array(3000).fill(-1e139)]).length > 0);
  t.end();
});

t.test('on a large offset the squared deviations stay at 0 or above', (t) => {
  const detector = create({ clock: 1, delta: 1 });
  for (const value of uniforms(5000, 8)) {
    detector.update(1e12 + Math.round(value * 3) * 1e-3);
    t.ok(stateOf(detector).variance >= 0) || t.end();
  }
  t.end();
});

t.test('zeros and ones are taken as they are, whichever the semantics', (t) => {
  const values = uniforms(20_000, 5).map((value, index) => (value < 0.1 + (Math.floor(index / 5000) % 2) * 0.2 ? 1 : 0));
  const safe = driftsOf(create({ semantics: 'safe' }), values);
  t.same(safe, driftsOf(create(), values));
  t.equal(safe.length, 3);
  t.end();
});

t.test('a shift of one deviation is found in a stream of tiny values, which goes unseen without a scale', (t) => {
  const values = uniforms(3000, 6).map((value, index) => 1e-7 * (value + (index < 2000 ? 0 : 0.3)));
  t.same(driftsOf(create(), values), []);
  const [first] = driftsOf(create({ semantics: 'safe' }), values);
  t.ok(first! >= 2000 && first! < 2128, `found at ${first}`);
  t.end();
});

t.test('a scaled stream is judged as one whose deviation is that of a fair coin', (t) => {
  const values = uniforms(4000, 13).map((value, index) => 40 * value + (Math.floor(index / 1500) % 2) * 12);
  const safe = create({ semantics: 'safe', keepWindow: true, warmUp: 200 });
  const first = values.slice(0, 200);
  const mean = first.reduce((sum, value) => sum + value, 0) / 200;
  const deviation = Math.sqrt(first.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 199);
  const byHand = create({ keepWindow: true });
  driftsOf(safe, first);
  for (const value of values.slice(200)) {
    const level = safe.update(value);
    if (byHand.update((value - mean) / deviation / 2) !== level) t.fail('another level');
    if (level === 'stable')
      t.ok(Math.abs(safe.statistic! - byHand.statistic!) < 1e-9 && Math.abs(safe.threshold! - byHand.threshold!) < 1e-9) || t.end();
  }
  t.end();
});

t.test('the answers do not depend on the unit of a stream', (t) => {
  const values = uniforms(6000, 7).map((value, index) => Math.floor(1000 * (value + (Math.floor(index / 2000) % 2) * 0.5)));
  const drifts = driftsOf(create({ semantics: 'safe' }), values);
  t.equal(drifts.length, 2);
  for (const unit of [2 ** -40, 2 ** 30]) {
    const other = values.map((value) => value * unit);
    t.same(driftsOf(create({ semantics: 'safe' }), other), drifts);
  }
  t.end();
});

t.test('a window that is kept is what the cuts left, and the observations go on', (t) => {
  const detector = create({ keepWindow: true });
  const values = [...uniforms(1000, 1), ...uniforms(500, 2).map((value) => value + 1)];
  const drift = values.findIndex((value) => detector.update(value) === 'drift');
  const { width } = stateOf(detector);
  t.equal(detector.update(1.5), 'stable');
  t.equal(stateOf(detector).width, width + 1);
  t.equal(detector.observed, drift + 2);
  t.end();
});

t.test('whenever the level is stable no cut of the window exceeds its bound: the quick search hides none', (t) => {
  // Large values: what the quick search leaves out of the bound is nothing beside the rest.
  const values = uniforms(12_000, 12).map((value, index) => 1e4 * (value + (Math.floor(index / 1500) % 2) * (index > 6000 ? 0.08 : 0.3)));
  for (const keepWindow of [false, true]) {
    const detector = create({ keepWindow, clock: 1, delta: 0.05 });
    const hidden = values.flatMap((value, index) =>
      detector.update(value) === 'stable' && detector.statistic! > detector.threshold! ? [index] : [],
    );
    t.same(hidden, []);
  }
  t.end();
});

t.test('parts of a window that is kept must be longer than minWindowLength + 1, so that less of it is cut off at a jump', (t) => {
  const keptAt = (keepWindow: boolean) => {
    const detector = create({ clock: 1, minWindowLength: 1, keepWindow });
    t.same(driftsOf(detector, [...new Array(100).fill(0), 1e6]), [100]);
    return detector.changedFor!;
  };
  // Buckets from the newest: 1, then older ones of zeros; cuts next to the newest value are not tried.
  t.ok(keptAt(true) > 2 * keptAt(false), `${keptAt(true)} and ${keptAt(false)} values are left`);
  t.end();
});

t.test('restored, a stream of zeros and ones is still taken as it is when other values come', (t) => {
  const detector = create({ semantics: 'safe' });
  driftsOf(detector, uniforms(500, 3).map(Math.round));
  const restored = adwin.create(withDefaults(adwin.options, {}), { state: detector.snapshot() });
  t.equal(restored.update(0.25), detector.update(0.25));
  t.same(restored.snapshot(), detector.snapshot());
  t.equal(stateOf(restored).width, 501);
  t.end();
});
