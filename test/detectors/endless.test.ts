/**
 * Streams without end, without waiting for them: a detector's state after some thousand values, made that of one that has seen as many more of
 * the same as no test could feed it, and continued from there. What a whole number of 32 bits holds is passed on the way, and what a
 * double counts exactly is reached.
 */
import assert from 'node:assert/strict';
import t from 'tap';
import type { Level, StreamingDefinition } from '../../contracts/detector.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import { withDefaults } from '../../contracts/options.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { uniforms } from '../support/random-streams.ts';

const RATE = 0.1;
const HEALTHY = 5_000;
/** Each lies in the middle of what is fed before the change. */
const BOUNDARIES = { '2³¹': 2 ** 31, '2³²': 2 ** 32, '2⁵³': Number.MAX_SAFE_INTEGER };
const AFTER = 10_000;
const CHANGED = 5_000;
/** They weigh a change against all that they have seen, and take as long again to find it. */
const WHOLE_HISTORY: readonly string[] = ['ddm', 'eddm'];

/** Counts that go on for as long as a stream does, by detector. */
const COUNTS: { readonly [type: string]: readonly string[] } = {
  ddm: ['count'],
  eddm: ['count', 'lastErrorAt'],
  'hddm-a': ['count', 'lowCount', 'highCount'],
  'hddm-w': ['count', 'lowCount', 'highCount'],
  'page-hinkley': ['count', 'lowestAt', 'highestAt'],
  kswin: ['observed', 'count'],
  cusum: ['observed', 'highFor', 'lowFor'],
  variance: ['observed', 'highFor', 'lowFor'],
  'e-detector': ['observed', 'since'],
  'confidence-sequence': ['observed'],
};

/** The state as after `more` values of the same kind. */
function aged(type: string, state: JsonObject, more: number): JsonObject {
  if (type === 'adwin') return agedWindow(state, more);
  const older: { [field: string]: Json } = { ...state };
  for (const field of COUNTS[type]!) older[field] = numberOf(state, field) + more;
  if (type === 'eddm') {
    const errors = Math.round(more * RATE);
    older.errors = numberOf(state, 'errors') + errors;
    older.squares = (numberOf(state, 'squares') / numberOf(state, 'errors')) * (numberOf(state, 'errors') + errors);
  }
  return older;
}

/** ADWIN counts in buckets: rows of four, of twice the size each, until there are `more`; of the rate and spread that the others have. */
function agedWindow(state: JsonObject, more: number): JsonObject {
  // Lists of lists of numbers, by the detector's snapshot.
  const totals = structuredClone(state.totals) as number[][];
  const squares = structuredClone(state.squares) as number[][];
  let width = numberOf(state, 'width');
  let added = 0;
  for (let size = 2 ** totals.length; 4 * size <= more - added; size *= 2) {
    totals.push(Array.from({ length: 4 }, () => RATE * size));
    squares.push(Array.from({ length: 4 }, () => RATE * (1 - RATE) * size));
    added += 4 * size;
  }
  width += added;
  return {
    ...state,
    totals,
    squares,
    width,
    tick: width,
    observedBefore: numberOf(state, 'observedBefore') + more - added,
    total: totals.flat().reduce((sum, total) => sum + total, 0),
    variance: RATE * (1 - RATE) * width,
  };
}

function numberOf(state: JsonObject, field: string): number {
  const value = state[field];
  assert.ok(typeof value === 'number', `${field} is a number`);
  return value;
}

const create = (definition: StreamingDefinition, state?: Json) =>
  definition.create(withDefaults(definition.options, {}), state === undefined ? {} : { state });
const bits = (count: number, seed: number, rate: number) => uniforms(count, seed).map((value) => Number(value < rate));

for (const definition of detectors.filter((detector) => detector.kind === 'streaming')) {
  const { type } = definition;
  for (const [boundary, at] of Object.entries(BOUNDARIES)) {
    t.test(`${type} goes on across ${boundary} values as before, and finds a change after them`, (t) => {
      const young = create(definition);
      for (const value of bits(HEALTHY, 5, RATE)) young.update(value);
      t.equal(young.level, 'stable');
      // Counts are whole numbers up to 2⁵³ − 1: there the last values fed are the last that can be counted.
      const more = Math.min(at - AFTER / 2 - HEALTHY, Number.MAX_SAFE_INTEGER - AFTER - CHANGED - HEALTHY);
      const old = create(definition, aged(type, young.snapshot() as JsonObject, more));
      let observed = more + HEALTHY;
      t.equal(old.observed, observed);
      const feed = (values: readonly number[]): Set<Level> => {
        const levels = new Set<Level>();
        for (const value of values) {
          levels.add(old.update(value));
          assert.equal(old.observed, ++observed);
          for (const figure of [old.statistic, old.threshold]) assert.ok(figure === null || Number.isFinite(figure));
        }
        // What is not finite would be null there, and refused.
        const again = create(definition, JSON.parse(JSON.stringify(old.snapshot())));
        t.same([again.level, again.observed, again.statistic], [old.level, old.observed, old.statistic]);
        return levels;
      };
      t.notOk(feed(bits(AFTER, 6, RATE)).has('drift'), 'no drift while nothing changes');
      const before = old.statistic!;
      const after = feed(bits(CHANGED, 7, 0.5));
      if (WHOLE_HISTORY.includes(type)) t.ok(old.statistic! > before, `${before}, then ${old.statistic}`);
      else t.ok(after.has('drift'), 'the change is found');
      t.not(old.level, 'drift');
      t.end();
    });
  }
}
