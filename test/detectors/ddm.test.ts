import t from 'tap';
import type { Level } from '../../contracts/detector.ts';
import { withDefaults } from '../../contracts/options.ts';
import { ddm } from '../../detectors/ddm.ts';
import { Random } from '../../detectors/performance/random.ts';

const create = (given: { readonly [option: string]: unknown } = {}) => ddm.create(withDefaults(ddm.options, given));

/** Feeds the values; the 0-based indices at which the level was `wanted`. */
function indicesOf(wanted: Level, detector: ReturnType<typeof create>, values: readonly number[]): number[] {
  return values.flatMap((value, index) => (detector.update(value) === wanted ? [index] : []));
}

/** 0 and 1 with the given share of 1, from a seed. */
function bits(share: number, length: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state / 2 ** 32 < share ? 1 : 0;
  });
}

t.test('statistic and threshold are p + s and pMin + 3 sMin, as computed by hand', (t) => {
  const detector = create({ warmStart: 3, semantics: 'river' });
  for (const value of [1, 0, 0]) t.equal(detector.update(value), 'warming-up');
  t.equal(detector.statistic, null);
  t.equal(detector.update(0), 'stable');
  const lowest = Math.sqrt((0.25 * 0.75) / 4);
  t.ok(Math.abs(detector.statistic! - (0.25 + lowest)) < 1e-15);
  t.ok(Math.abs(detector.threshold! - (0.25 + 3 * lowest)) < 1e-15);
  detector.update(1);
  t.ok(Math.abs(detector.statistic! - (0.4 + Math.sqrt((0.4 * 0.6) / 5))) < 1e-15);
  t.ok(Math.abs(detector.threshold! - (0.25 + 3 * lowest)) < 1e-15, 'a higher p + s does not move the minimum');
  t.end();
});

t.test('the first error after a faultless start is not drift', (t) => {
  const values = [...new Array(200).fill(0), 1, ...new Array(200).fill(0)];
  t.same(indicesOf('drift', create(), values), []);
  t.same(indicesOf('drift', create({ semantics: 'river' }), values), [200], 'it is under river’s semantics');
  t.end();
});

t.test('a model that breaks after a faultless start is found, once it has made some errors', (t) => {
  const drifts = indicesOf('drift', create(), [...new Array(5000).fill(0), ...new Array(200).fill(1)]);
  t.equal(drifts.length > 0 && drifts[0]! >= 5030 && drifts[0]! < 5100, true, `found at ${drifts[0]}`);
  t.end();
});

t.test('fewer than minErrors errors give no level', (t) => {
  const detector = create({ minErrors: 5, warmStart: 0 });
  t.same(
    [1, 1, 1, 1, 1].map((value) => detector.update(value)),
    ['warming-up', 'warming-up', 'warming-up', 'warming-up', 'stable'],
  );
  t.end();
});

t.test('what changed is dated from the warning that led to the drift', (t) => {
  const values = [...bits(0.1, 2000, 5), ...bits(0.2, 4000, 6)];
  const detector = create();
  let warningFrom = -1;
  let last: Level = 'stable';
  for (const [index, value] of values.entries()) {
    const level = detector.update(value);
    if (level === 'drift') {
      t.ok(warningFrom >= 2000, 'the warning came after the change');
      t.equal(detector.changedFor, index - warningFrom + 1);
      t.ok(detector.changedFor! > 1);
      return t.end();
    }
    t.equal(detector.changedFor, null);
    if (level === 'warning' && last !== 'warning') warningFrom = index;
    last = level;
  }
  t.fail('no drift');
  t.end();
});

t.test('a jump past the warning is dated from the minimum', (t) => {
  const detector = create({ semantics: 'river' });
  t.same(indicesOf('drift', detector, [...new Array(100).fill(0), 1]), [100]);
  t.equal(detector.changedFor, 1, 'ties replace the minimum, so it lies at the last faultless observation');
  t.end();
});

t.test('observed counts on across a reset, and the new concept warms up', (t) => {
  const detector = create({ semantics: 'river' });
  indicesOf('drift', detector, [...new Array(100).fill(0), 1]);
  t.equal(detector.update(0), 'warming-up');
  t.equal(detector.observed, 102);
  t.equal(detector.statistic, null);
  t.end();
});

t.test('the floor of errors takes nearly all false alarms away, and costs finds only where errors are rare', (t) => {
  const STREAMS = 100;
  const LENGTH = 20_000;
  /** False alarms in all streams of one rate, and how many find its doubling within as many values again. */
  const counted = (rate: number, semantics: string) => {
    let alarms = 0;
    let found = 0;
    for (let seed = 1; seed <= STREAMS; seed++) {
      const random = new Random(seed);
      const detector = create({ semantics });
      for (let k = 0; k < LENGTH; k++) if (detector.update(random.uniform() < rate ? 1 : 0) === 'drift') alarms++;
      for (let k = 0; k < LENGTH; k++) {
        if (detector.update(random.uniform() < 2 * rate ? 1 : 0) !== 'drift') continue;
        found++;
        break;
      }
    }
    return { alarms, found };
  };
  // The figures in the detector's header; 20 alarms are 1 in 100,000.
  for (const [rate, safe, river] of [
    [0.001, { alarms: 0, found: 28 }, { alarms: 1479, found: 85 }],
    [0.01, { alarms: 11, found: 100 }, { alarms: 539, found: 97 }],
    [0.05, { alarms: 18, found: 99 }, { alarms: 179, found: 96 }],
    [0.2, { alarms: 14, found: 100 }, { alarms: 51, found: 98 }],
  ] as const) {
    t.same(counted(rate, 'safe'), safe, `rate ${rate}, with the floor`);
    t.same(counted(rate, 'river'), river, `rate ${rate}, without`);
  }
  t.end();
});

t.test('the short way answers as the long one does, at any rate and with any thresholds', (t) => {
  for (const [index, share] of [0, 0.001, 0.02, 0.2, 0.5, 0.8, 0.97, 1].entries()) {
    for (const [warningThreshold, driftThreshold] of [
      [2, 3],
      [0.5, 0.8],
      [3, 2],
      [1e-3, 4],
    ] as const) {
      const options = { semantics: 'river', warmStart: 10, warningThreshold, driftThreshold };
      const detector = create(options);
      const levels = new Map<Level, number>();
      let state = { count: 0, rate: 0, lowest: Infinity, limit: (_: number): number => Infinity };
      let last: Level = 'warming-up';
      // Luck, and then none at once: a new minimum and a jump off it.
      const fits = Array.from({ length: 40 }, (_, k) => [
        ...bits(share, 5 * k, k),
        ...new Array<number>(20).fill(0),
        ...new Array<number>(12).fill(1),
      ]);
      for (const error of [...bits(share, 6000, index + 1), ...bits(Math.min(1, share * 1.5), 2000, index + 9), ...fits.flat()]) {
        if (last === 'drift') {
          state = { count: 0, rate: 0, lowest: Infinity, limit: () => Infinity };
          last = 'warming-up';
        }
        state.count++;
        state.rate += (1 / state.count) * (error - state.rate);
        if (state.count > 10) {
          const { rate } = state;
          const spread = (rate * (1 - rate)) / state.count;
          const deviation = spread > 0 ? Math.sqrt(spread) : 0;
          if (rate + deviation <= state.lowest) {
            state.lowest = rate + deviation;
            state.limit = (deviations) => rate + deviations * deviation;
          }
          const isAbove = (deviations: number) => rate + deviation > state.limit(deviations);
          last = isAbove(driftThreshold) ? 'drift' : isAbove(warningThreshold) ? 'warning' : 'stable';
        }
        levels.set(last, (levels.get(last) ?? 0) + 1);
        if (detector.update(error) !== last) {
          t.fail(`${JSON.stringify({ ...options, share, at: state.count })}: ${detector.level}, not ${last}`);
          return t.end();
        }
      }
      t.ok(detector.observed === 8000 + fits.flat().length, JSON.stringify([share, ...levels]));
    }
  }
  t.end();
});

t.test('a value between 0 and 1 is an error like others', (t) => {
  const [wrong, half] = [create(), create()];
  for (const value of bits(0.3, 2000, 3)) t.equal(half.update(value * 0.5), wrong.update(value)) || t.end();
  t.same(half.snapshot(), wrong.snapshot());
  t.end();
});
