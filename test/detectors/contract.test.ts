/** What every detector of the catalogue promises (contracts/detector.ts). */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import type { StreamingDefinition, TestResult, Value, WindowedDefinition } from '../../contracts/detector.ts';
import { SnapshotError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import { withDefaults } from '../../contracts/options.ts';
import { detectorOf, detectors } from '../../detectors/catalogue.ts';

const streaming = detectors.filter((detector) => detector.kind === 'streaming');
const windowed = detectors.filter((detector) => detector.kind === 'windowed');

/** Short warm-ups, so that a few hundred values reach every state. */
const BRISK: { readonly [type: string]: { readonly [option: string]: unknown } } = {
  ddm: { warmStart: 10, minErrors: 5 },
  eddm: { warmStart: 5 },
  adwin: { clock: 7, delta: 0.2, warmUp: 12 },
  'page-hinkley': { threshold: 3, warmUp: 12 },
  kswin: { windowSize: 40, statSize: 15 },
  cusum: { warmUp: 12, threshold: 8 },
  variance: { warmUp: 24, threshold: 8 },
  'e-detector': { warmUp: 100, alpha: 1e-3 },
  'confidence-sequence': { warmUp: 100, alpha: 0.2, epoch: 100 },
};

/** The same detectors with the options that have code of their own. */
const VARIANTS: readonly { readonly type: string; readonly given: { readonly [option: string]: unknown } }[] = [
  { type: 'ddm', given: { semantics: 'river', warmStart: 10 } },
  { type: 'ddm', given: { warningThreshold: 0.5, driftThreshold: 2, warmStart: 10, minErrors: 5 } },
  { type: 'ddm', given: { warningThreshold: 3, driftThreshold: 2, warmStart: 10, minErrors: 5 } },
  { type: 'hddm-a', given: { twoSidedTest: true } },
  { type: 'hddm-a', given: { driftConfidence: 0.05, warningConfidence: 0.005 } },
  { type: 'hddm-w', given: { twoSidedTest: true, start: 'paper' } },
  { type: 'hddm-w', given: { driftConfidence: 0.05, warningConfidence: 0.0001, lambdaVal: 0.4 } },
  { type: 'adwin', given: { semantics: 'river', clock: 7, delta: 0.2 } },
  { type: 'adwin', given: { keepWindow: true, clock: 3, delta: 0.2, warmUp: 12 } },
  { type: 'page-hinkley', given: { semantics: 'river', threshold: 3, mode: 'down' } },
  { type: 'e-detector', given: { mean: 0, low: -4, high: 5, mode: 'up', alpha: 0.001 } },
  { type: 'e-detector', given: { mean: 2, margin: 0.2, warmUp: 20, alpha: 0.01 } },
  { type: 'confidence-sequence', given: { mean: 0, margin: 1, warmUp: 30, epoch: 100 } },
  { type: 'confidence-sequence', given: { mean: 2, margin: 0.2, warmUp: 20, alpha: 0.2, epoch: 100 } },
  { type: 'kswin', given: { windowSize: 200, statSize: 6, alpha: 0.05, keepWindow: true } },
];
const variants = [
  ...streaming.map((definition) => ({ definition, given: BRISK[definition.type] ?? {}, label: definition.type })),
  ...VARIANTS.map(({ type, given }) => ({
    definition: streaming.find((one) => one.type === type)!,
    given,
    label: `${type} ${JSON.stringify(given)}`,
  })),
];

/** A stream that changes at 400, in what the detector watches. */
const CHANGES: { readonly [type: string]: (k: number) => number } = {
  // The first distance counts from the beginning of the stream: here all are 10.
  eddm: (k) => Number(k < 400 ? k % 10 === 9 : k % 10 !== 9),
  kswin: (k) => (k < 400 ? k % 10 : (k % 10) + 8),
  variance: (k) => (k < 400 ? Math.sin(k) : 5 * Math.sin(k)),
};
const errorsRise = (k: number) => (k < 400 ? Number(k % 10 === 0) : Number(k % 10 !== 0));

const create = (definition: StreamingDefinition, state?: Json, given = BRISK[definition.type] ?? {}) =>
  definition.create(withDefaults(definition.options, given), state === undefined ? {} : { state });
type Detector = ReturnType<typeof create>;

/** Everything that can be seen of a detector. */
const seen = ({ level, observed, statistic, threshold, changedFor }: Detector) => ({ level, observed, statistic, threshold, changedFor });
const throughJson = (state: Json): Json => JSON.parse(JSON.stringify(state));

/** The state without the count of all observations. */
const uncounted = (detector: Detector) =>
  Object.entries(detector.snapshot() as JsonObject).filter(([field]) => field !== 'observed' && field !== 'observedBefore');

/** Evenly spread numbers; fast-check's doubles are spread over their exponents, most of them next to nothing. */
const part = (from: number, to: number) => fc.integer({ min: 0, max: 10_000 }).map((step) => from + (step / 10_000) * (to - from));

/** Streams in segments of different rates or means, some of them constant, so that levels come and go. */
function streams(definition: StreamingDefinition) {
  const value =
    definition.observes === 'binary'
      ? (mean: number, noise: number) => (noise < Math.abs(mean) / 4 ? 1 : 0)
      : (mean: number, noise: number) => mean + noise;
  const segment = fc
    .record({
      mean: fc.oneof(part(-4, 4), fc.constant(2)),
      spread: fc.constantFrom(0, 1),
      noises: fc.array(part(0, 1), { minLength: 20, maxLength: 150, size: 'max' }),
    })
    .map(({ mean, spread, noises }) => noises.map((noise) => value(mean, spread * noise)));
  return fc.array(segment, { minLength: 1, maxLength: 6, size: 'max' }).map((segments) => segments.flat());
}

for (const { definition, given, label } of variants) {
  t.test(`${label}: restored from a snapshot at any cut it answers as if never interrupted`, (t) => {
    const levels = new Set<string>();
    fc.assert(
      fc.property(streams(definition), part(0, 1), (values, cut) => {
        const whole = create(definition, undefined, given);
        let resumed = create(definition, undefined, given);
        const at = Math.floor(cut * values.length);
        for (const [index, value] of values.entries()) {
          if (index === at) resumed = create(definition, throughJson(resumed.snapshot()), given);
          levels.add(whole.update(value));
          assert.equal(resumed.update(value), whole.level);
          if (index >= at && index % 5 === 0) assert.deepEqual(seen(resumed), seen(whole));
          if (whole.level === 'drift') assert.deepEqual(resumed.snapshot(), whole.snapshot());
        }
        assert.deepEqual(resumed.snapshot(), whole.snapshot());
      }),
      { seed: 11, numRuns: 40 },
    );
    t.ok(levels.has('drift') && levels.has('stable'), 'the streams reach the states');
    t.end();
  });

  t.test(`${label}: restored before every value it answers as if never interrupted`, (t) => {
    // What is reckoned once and holds for a while is reckoned anew each time here, so that no short way goes unchecked.
    fc.assert(
      fc.property(streams(definition), (values) => {
        const whole = create(definition, undefined, given);
        let state = whole.snapshot();
        for (const [index, value] of values.entries()) {
          const resumed = create(definition, throughJson(state), given);
          assert.equal(whole.update(value), resumed.update(value), `level at ${index}`);
          if (index % 5 === 0) assert.deepEqual(seen(resumed), seen(whole));
          state = resumed.snapshot();
        }
        assert.deepEqual(state, whole.snapshot());
      }),
      { seed: 12, numRuns: 12, unbiased: true },
    );
    t.end();
  });
}

for (const definition of streaming) {
  const { type } = definition;

  t.test(`${type}: restored in the very moment of a drift it neither fires again nor forgets`, (t) => {
    const values = Array.from({ length: 600 }, (_, k) => (CHANGES[type] ?? errorsRise)(k));
    const whole = create(definition);
    const drift = values.findIndex((value) => whole.update(value) === 'drift');
    t.ok(drift >= 400);
    const resumed = create(definition, throughJson(whole.snapshot()));
    t.same(seen(resumed), seen(whole));
    t.equal(resumed.level, 'drift');
    t.ok(resumed.changedFor! > 0);
    for (const value of values.slice(drift + 1)) assert.equal(resumed.update(value), whole.update(value));
    t.same(resumed.snapshot(), whole.snapshot());
    t.end();
  });

  t.test(`${type}: after a drift it answers as a new one, but for its count`, (t) => {
    const changing = CHANGES[type] ?? errorsRise;
    const values = Array.from({ length: 2_400 }, (_, k) => changing(k % 800));
    const old = create(definition);
    const drift = values.findIndex((value) => old.update(value) === 'drift');
    const fresh = create(definition);
    let drifts = 0;
    for (const value of values.slice(drift + 1)) {
      if (fresh.update(value) === 'drift') drifts++;
      old.update(value);
      assert.deepEqual({ ...seen(old), observed: old.observed - drift - 1 }, seen(fresh));
      assert.deepEqual(uncounted(old), uncounted(fresh));
      if (drifts > 0) break;
    }
    t.ok(drift >= 400 && drifts === 1, 'the streams change again');
    t.end();
  });

  t.test(`${type}: before its first judgement it is warming up, without figures`, (t) => {
    const detector = create(definition);
    t.same(seen(detector), { level: 'warming-up', observed: 0, statistic: null, threshold: null, changedFor: null });
    t.equal(detector.update(1), 'warming-up');
    t.same(seen(detector), { level: 'warming-up', observed: 1, statistic: null, threshold: null, changedFor: null });
    t.end();
  });

  t.test(`${type}: extreme, tiny and constant values give levels and finite figures`, (t) => {
    const series = [
      [1e300],
      [-1e300],
      [1e-300],
      [0],
      [-0],
      [5e-324],
      [Number.MAX_VALUE, -Number.MAX_VALUE],
      [1e300, 1e-300],
      [1],
      [0, 1],
      [1e15, 1e15 + 1],
    ];
    for (const pattern of series) {
      const detector = create(definition);
      const wrong = Array.from({ length: 500 }, (_, k) => k).filter((k) => {
        const level = detector.update(pattern[k % pattern.length]!);
        const { observed, statistic, threshold, changedFor } = detector;
        const finite = [statistic, threshold, changedFor].every((figure) => figure === null || Number.isFinite(figure));
        const legal = ['warming-up', 'stable', 'warning', 'drift'].includes(level) && level === detector.level;
        return !(finite && legal && (changedFor === null) === (level !== 'drift') && observed === k + 1);
      });
      t.same(wrong, [], `values ${pattern.join(', ')}`);
      const state = detector.snapshot();
      t.same(throughJson(state), state, 'the snapshot survives JSON');
    }
    t.end();
  });

  t.test(`${type}: a state that is not its own is refused`, (t) => {
    const good = create(definition);
    for (let k = 0; k < 100; k++) good.update(k % 2);
    const state = good.snapshot() as { readonly [field: string]: Json };
    const foreign: Json[] = [null, 3, [], {}, 'x', { ...state, detector: 'other' }];
    for (const field of Object.keys(state)) {
      const { [field]: _, ...rest } = state;
      foreign.push(rest, { ...state, [field]: 'x' }, { ...state, [field]: [['x']] });
    }
    for (const one of foreign) {
      // A field that may be null can be missing from no snapshot of ours either way.
      t.throws(() => create(definition, one), SnapshotError, JSON.stringify(one).slice(0, 80));
    }
    t.end();
  });
}

const numberCell = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom(1e300, -1e300, 1e-300, 0, -0, Infinity, -Infinity, Number.MAX_VALUE, 5e-324),
);
const categoryCell = fc.oneof(fc.string({ maxLength: 2 }), fc.integer({ min: 0, max: 3 }));
const fewCategories = fc.array<string | number>(fc.constantFrom('text', 'a'), { maxLength: 60 });
const kindsOf = ({ observes }: WindowedDefinition) =>
  observes === 'any' || observes === 'rows' ? (['number', 'category'] as const) : ([observes] as const);
/** As this test sees them: rows of one column for tests of several. */
const seenBy = ({ observes }: WindowedDefinition, values: readonly (number | string)[]): Value[] =>
  observes === 'rows' ? values.map((value) => [value]) : [...values];
/** The effect where nothing differs. */
const noneOf = ({ effect }: WindowedDefinition) => (effect === 'auc' ? 0.5 : 0);

/** What is wrong with a result, or null. */
function wrongWith(definition: WindowedDefinition, result: TestResult, n: number, referenceN: number): string | null {
  if (!Number.isFinite(result.statistic)) return `statistic ${result.statistic}`;
  if (!(result.pValue >= 0 && result.pValue <= 1)) return `p ${result.pValue}`;
  if (!(result.effect >= 0 && result.effect <= (definition.isUnbounded === true ? Number.MAX_VALUE : 1))) return `effect ${result.effect}`;
  return result.n === n && result.referenceN === referenceN ? null : `${result.n} and ${result.referenceN} values`;
}

for (const definition of windowed) {
  for (const kind of kindsOf(definition)) {
    t.test(
      `${definition.type}: results of ${kind === 'number' ? 'numbers' : 'categories'} are finite and in range, or null, for any window and reference`,
      (t) => {
        // A reference of numbers only is no reference of categories.
        const many = fc.array<string | number>(kind === 'number' ? numberCell : categoryCell, { maxLength: 60 });
        const arrays = kind === 'number' ? many : fc.oneof(fewCategories, many);
        let results = 0;
        fc.assert(
          fc.property(arrays, arrays, fc.boolean(), (reference, window, pooled) => {
            if (kind === 'category') reference.push('text');
            const options = withDefaults(definition.options, pooled ? {} : { minExpected: 0 });
            const result = definition.prepare(options, seenBy(definition, reference)).test(seenBy(definition, window));
            if (result === null) return;
            results++;
            assert.equal(wrongWith(definition, result, window.length, reference.length), null);
          }),
          { seed: 5, numRuns: 300 },
        );
        t.ok(results > 50, `${results} results`);
        t.end();
      },
    );
  }

  t.test(`${definition.type}: an empty side, one row, constants and NaN have defined results`, (t) => {
    const against = (reference: readonly number[]) => {
      const test = definition.prepare(withDefaults(definition.options, {}), seenBy(definition, reference));
      return { test: (window: readonly number[]) => test.test(seenBy(definition, window)) };
    };
    const many = Array.from({ length: 50 }, (_, k) => k % 7);
    t.equal(against([]).test(many), null);
    t.equal(against([]).test([]), null);
    t.equal(against(many).test([]), null);
    for (const [reference, window] of [
      [[1], [1]],
      [[1], [2]],
      [many, [3]],
      [[3], many],
      [many.map(() => 4), many.map(() => 4)],
      [many.map(() => 4), many.map(() => 5)],
      [many.map(() => 0), many.map(() => 1e-300)],
      [many, many.map(() => Number.NaN)],
      [many.map(() => Number.NaN), many],
    ] as const) {
      const result = against(reference).test(window);
      // What is not a number has no place among numbers, and is a category like others.
      if (result !== null) t.equal(wrongWith(definition, { ...result, n: 0, referenceN: 0 }, 0, 0), null);
    }
    t.end();
  });

  t.test(`${definition.type}: no change has a large p-value, a great change a small one and the larger effect`, (t) => {
    const draw = (length: number, seed: number) => Array.from({ length }, (_, k) => Math.floor(((k * 0.618034 + seed) % 1) * 3) % 2);
    const against = definition.prepare(withDefaults(definition.options, {}), seenBy(definition, draw(1_000, 0.1)));
    const same = against.test(seenBy(definition, draw(500, 0.3)))!;
    const changed = draw(500, 0.3).map((value) => (value === 0 ? 1 : value));
    const other = against.test(seenBy(definition, changed))!;
    t.ok(same.pValue > 0.2, `p ${same.pValue}`);
    t.ok(other.pValue <= 0.0005, `p ${other.pValue}`);
    const none = noneOf(definition);
    t.ok(same.effect < none + 0.05 && other.effect > none + 0.25, `effects ${same.effect} and ${other.effect}`);
    t.end();
  });

  t.test(`${definition.type}: the reference may be used again and again, and the caller’s arrays stay as they are`, (t) => {
    const reference = [3, 1, 2, 1, 3, 2, 1, 1, 2, 3, 1, 2];
    const window = [2, 3, 3, 2, 3, 3, 2, 3, 3, 3, 2];
    const [rows, other] = [seenBy(definition, reference), seenBy(definition, window)];
    const prepared = definition.prepare(withDefaults(definition.options, { minExpected: 0 }), rows);
    t.same(prepared.test(other), prepared.test(other));
    t.same([rows, other], [seenBy(definition, reference), seenBy(definition, window)]);
    t.same(reference, [3, 1, 2, 1, 3, 2, 1, 1, 2, 3, 1, 2]);
    t.same(window, [2, 3, 3, 2, 3, 3, 2, 3, 3, 3, 2]);
    t.end();
  });
}

t.test('the catalogue names each detector once, in kebab-case, with a summary and described options', (t) => {
  t.equal(new Set(detectors.map((detector) => detector.type)).size, detectors.length);
  for (const detector of detectors) {
    t.match(detector.type, /^[a-z]+(-[a-z]+)*$/);
    t.ok(detector.summary.endsWith('.'));
    for (const option of Object.values(detector.options)) {
      // What has no default says what holds without it.
      t.ok(option.description.endsWith('.') && (option.default !== undefined || option.description.includes('without')));
    }
    t.equal(detectorOf(detector.type), detector);
  }
  t.equal(detectorOf('toString'), null);
  t.end();
});
