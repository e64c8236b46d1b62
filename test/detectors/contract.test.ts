/** What every detector of the catalogue promises (contracts/detector.ts). */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import type { StreamingDefinition } from '../../contracts/detector.ts';
import { SnapshotError } from '../../contracts/errors.ts';
import type { Json } from '../../contracts/json.ts';
import { withDefaults } from '../../contracts/options.ts';
import { detectorOf, detectors } from '../../detectors/catalogue.ts';

const streaming = detectors.filter((detector) => detector.kind === 'streaming');
const windowed = detectors.filter((detector) => detector.kind === 'windowed');

/** Short warm-ups, so that a few hundred values reach every state. */
const BRISK: { readonly [type: string]: { readonly [option: string]: unknown } } = {
  ddm: { warmStart: 10, minErrors: 5 },
  adwin: { clock: 7, delta: 0.2 },
};

const create = (definition: StreamingDefinition, state?: Json) =>
  definition.create(withDefaults(definition.options, BRISK[definition.type] ?? {}), state === undefined ? {} : { state });
type Detector = ReturnType<typeof create>;

/** Everything that can be seen of a detector. */
const seen = ({ level, observed, statistic, threshold, changedFor }: Detector) => ({ level, observed, statistic, threshold, changedFor });
const throughJson = (state: Json): Json => JSON.parse(JSON.stringify(state));

/** Evenly spread numbers; fast-check's doubles are spread over their exponents, most of them next to nothing. */
const part = (from: number, to: number) => fc.integer({ min: 0, max: 10_000 }).map((step) => from + (step / 10_000) * (to - from));

/** Streams in segments of different rates or means, so that levels come and go. */
function streams(definition: StreamingDefinition) {
  const value =
    definition.observes === 'binary'
      ? (mean: number, noise: number) => (noise < Math.abs(mean) / 4 ? 1 : 0)
      : (mean: number, noise: number) => mean + noise;
  const segment = fc
    .record({
      mean: part(-4, 4),
      noises: fc.array(part(0, 1), { minLength: 20, maxLength: 150 }),
    })
    .map(({ mean, noises }) => noises.map((noise) => value(mean, noise)));
  return fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => segments.flat());
}

for (const definition of streaming) {
  const { type } = definition;

  t.test(`${type}: restored from a snapshot at any cut it answers as if never interrupted`, (t) => {
    const levels = new Set<string>();
    fc.assert(
      fc.property(streams(definition), part(0, 1), (values, cut) => {
        const whole = create(definition);
        let resumed = create(definition);
        const at = Math.floor(cut * values.length);
        for (const [index, value] of values.entries()) {
          if (index === at) resumed = create(definition, throughJson(resumed.snapshot()));
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

  t.test(`${type}: restored in the very moment of a drift it neither fires again nor forgets`, (t) => {
    const values = Array.from({ length: 600 }, (_, k) => (k < 400 ? Number(k % 10 === 0) : Number(k % 10 !== 0)));
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

for (const definition of windowed) {
  t.test(`${definition.type}: results are finite and in range, or null, for any window and reference`, (t) => {
    const cell =
      definition.observes === 'number'
        ? fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: 0, max: 3 }), fc.constantFrom(1e300, -1e300, 1e-300, 0, -0))
        : fc.oneof(fc.string({ maxLength: 2 }), fc.integer({ min: 0, max: 3 }));
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 60 }), fc.array(cell, { maxLength: 60 }), (reference, window) => {
        const result = definition.prepare(withDefaults(definition.options, {}), reference).test(window);
        if (result === null) return true;
        const inUnit = (value: number) => value >= 0 && value <= 1;
        return (
          Number.isFinite(result.statistic) &&
          inUnit(result.pValue) &&
          inUnit(result.effect) &&
          result.n === window.length &&
          result.referenceN === reference.length
        );
      }),
      { seed: 5, numRuns: 300 },
    );
    t.end();
  });

  t.test(`${definition.type}: the reference may be used again and again, and the caller’s arrays stay as they are`, (t) => {
    const reference = [3, 1, 2, 1, 3, 2, 1, 1, 2, 3, 1, 2];
    const window = [2, 3, 3, 2, 3, 3, 2, 3, 3, 3, 2];
    const prepared = definition.prepare(withDefaults(definition.options, { minExpected: 0 }), reference);
    t.same(prepared.test(window), prepared.test(window));
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
    for (const option of Object.values(detector.options)) t.ok(option.description.endsWith('.') && option.default !== undefined);
    t.equal(detectorOf(detector.type), detector);
  }
  t.equal(detectorOf('toString'), null);
  t.end();
});
