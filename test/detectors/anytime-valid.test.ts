/** The detectors that may be looked at after every value: what they promise, counted, and the interval they rest on. */
import t from 'tap';
import { ConfigError } from '../../contracts/errors.ts';
import { withDefaults } from '../../contracts/options.ts';
import { confidenceSequence } from '../../detectors/confidence-sequence.ts';
import { eDetector } from '../../detectors/e-detector.ts';
import { EmpiricalBernstein } from '../../detectors/empirical-bernstein.ts';
import { Random } from '../../detectors/performance/random.ts';

type Definition = typeof eDetector | typeof confidenceSequence;
type Given = { readonly [option: string]: unknown };
const create = (definition: Definition, given: Given) =>
  (definition as typeof eDetector).create(withDefaults(definition.options, given) as never);

/** Values until the first drift, at most `most`; null without one. */
function drift(definition: Definition, given: Given, value: (k: number) => number, most: number): number | null {
  const detector = create(definition, given);
  for (let k = 0; k < most; k++) if (detector.update(value(k)) === 'drift') return k + 1;
  return null;
}

const STREAMS = 2_000;
const bits = (rate: number) => (random: Random) => () => Number(random.uniform() < rate);
/** Streams in [0, 1] whose mean, given what came before, is always the one named. */
const HEALTHY: readonly { readonly law: string; readonly mean: number; readonly of: (random: Random) => (k: number) => number }[] = [
  { law: 'bits at 1 %', mean: 0.01, of: bits(0.01) },
  { law: 'bits at 10 %', mean: 0.1, of: bits(0.1) },
  { law: 'bits at 50 %', mean: 0.5, of: bits(0.5) },
  { law: 'uniform values', mean: 0.5, of: (random) => () => random.uniform() },
  {
    law: 'values whose spread depends on the value before',
    mean: 0.5,
    of: (random) => {
      let before = 0.5;
      return () => (before = 0.5 + (random.uniform() < 0.5 ? 1 : -1) * Math.abs(before - 0.3) * random.uniform() * 0.7);
    },
  },
];

for (const { law, mean, of } of HEALTHY) {
  t.test(`e-detector: ${law}: 1/alpha values pass on average before it alarms, however often one looks`, (t) => {
    const alpha = 1 / 300;
    for (const mode of ['both', 'up']) {
      let sum = 0;
      for (let run = 0; run < STREAMS; run++) {
        sum += drift(eDetector, { alpha, mean, low: 0, high: 1, mode }, of(new Random(run)), 5_000) ?? 5_000;
      }
      // Cut off at 5,000 values, so the mean is if anything too small.
      t.ok(sum / STREAMS >= 1 / alpha, `${mode}: ${sum / STREAMS}`);
    }
    t.end();
  });

  t.test(`confidence-sequence: ${law}: no more than alpha of the epochs alarm, however often one looks`, (t) => {
    const given = { alpha: 0.1, mean, low: 0, high: 1, epoch: 1_000 };
    let alarms = 0;
    for (let run = 0; run < STREAMS; run++) if (drift(confidenceSequence, given, of(new Random(run)), 1_000) !== null) alarms++;
    t.ok(alarms <= 0.1 * STREAMS, `${alarms}`);
    t.end();
  });
}

t.test('a learned reference keeps the promises but for the chance that it misses', (t) => {
  const laws = [(random: Random) => () => random.normal(), (random: Random) => () => -Math.log(1 - random.uniform()), bits(0.1)];
  for (const law of laws) {
    let early = 0;
    let alarms = 0;
    for (let run = 0; run < 300; run++) {
      const given = { warmUp: 400 };
      // By Markov's inequality for the run length: within 1,000 values no more than 1,000·alpha alarm, and 1 % that miss.
      if (drift(eDetector, { ...given, alpha: 1e-5 }, law(new Random(run)), 1_400) !== null) early++;
      if (drift(confidenceSequence, { ...given, alpha: 0.05, epoch: 1_000 }, law(new Random(run)), 1_400) !== null) alarms++;
    }
    t.ok(early <= 0.02 * 300, `e-detector ${early}`);
    t.ok(alarms <= 0.06 * 300, `confidence-sequence ${alarms}`);
  }
  t.end();
});

t.test('what has changed is found, on either side, and dated', (t) => {
  const changes = [
    [0.1, 0.2],
    [0.2, 0.1],
    [0.01, 0.05],
    [0.5, 0.7],
  ] as const;
  for (const [before, after] of changes) {
    for (const [definition, within] of [
      [eDetector, 300],
      [confidenceSequence, 700],
    ] as const) {
      let delays = 0;
      let dated = 0;
      for (let run = 0; run < 50; run++) {
        const random = new Random(run);
        const detector = create(definition, { mean: before, low: 0, high: 1, ...(definition === eDetector ? {} : { epoch: 1_900 }) });
        let k = 0;
        while (detector.update(Number(random.uniform() < (k < 2_000 ? before : after))) !== 'drift') k++;
        delays += k - 2_000;
        dated += Math.abs(detector.changedFor! - (k - 2_000));
      }
      t.ok(delays / 50 > 0 && delays / 50 < within, `${definition.type}, ${before} to ${after}: ${delays / 50} values`);
      t.ok(dated / 50 < within / 2, `${definition.type}, ${before} to ${after}: dated ${dated / 50} values off`);
    }
  }
  t.end();
});

t.test('statistic and threshold tell what the level says', (t) => {
  const random = new Random(4);
  const evidence = create(eDetector, { mean: 0.2, low: 0, high: 1, alpha: 1e-3 });
  const interval = create(confidenceSequence, { mean: 0.2, low: 0, high: 1 });
  for (let k = 0; k < 2_000; k++) {
    const value = Number(random.uniform() < (k < 500 ? 0.2 : 0.5));
    evidence.update(value);
    interval.update(value);
    t.equal(evidence.statistic! >= evidence.threshold!, evidence.level === 'drift') || t.end();
    t.equal(interval.statistic! > interval.threshold!, interval.level === 'drift') || t.end();
    t.same([evidence.threshold, interval.threshold], [1_000, 0]) || t.end();
    if (evidence.level === 'drift' && interval.level === 'drift') break;
  }
  t.end();
});

t.test('a mode looks at its side only, and a margin lets the mean move', (t) => {
  const falling = (k: number) => (k % 20 === 0 ? 1 : 0);
  const given = { mean: 0.2, low: 0, high: 1 };
  t.ok(drift(eDetector, { ...given, mode: 'down' }, falling, 1_000) !== null);
  t.equal(drift(eDetector, { ...given, mode: 'up' }, falling, 1_000), null);
  for (const definition of [eDetector, confidenceSequence]) {
    t.ok(drift(definition, given, falling, 1_000) !== null);
    t.equal(drift(definition, { ...given, margin: 0.16 }, falling, 1_000), null);
  }
  t.end();
});

t.test('units do not count: bounds and mean may be in any', (t) => {
  const random = new Random(3);
  const values = Array.from({ length: 3_000 }, (_, k) => random.uniform() * (k < 1_500 ? 0.5 : 0.8));
  for (const definition of [eDetector, confidenceSequence]) {
    const plain = drift(definition, { mean: 0.25, low: 0, high: 1, margin: 0.01 }, (k) => values[k]!, 3_000);
    const scaled = drift(definition, { mean: -150, low: -200, high: 0, margin: 2 }, (k) => values[k]! * 200 - 200, 3_000);
    t.ok(plain !== null && plain > 1_500 && Math.abs(scaled! - plain) <= 1, `${plain} and ${scaled}`);
  }
  t.end();
});

t.test('with mean and bounds written out the first value is judged; a learned reference is learned anew after a drift', (t) => {
  for (const definition of [eDetector, confidenceSequence]) {
    t.equal(create(definition, { mean: 0.5, low: 0, high: 1 }).update(1), 'stable');
    const detector = create(definition, { warmUp: 100 });
    const levels = Array.from({ length: 2_000 }, (_, k) => detector.update(k < 500 ? k % 2 : 10 + (k % 2)));
    const first = levels.indexOf('drift');
    t.ok(first > 500);
    t.equal(levels[first + 1], 'warming-up');
    t.equal(levels.lastIndexOf('drift'), first, `${definition.type}: the new mean is normal now`);
    t.equal(levels.at(-1), 'stable');
  }
  t.end();
});

t.test('bounds that are none are refused', (t) => {
  for (const definition of [eDetector, confidenceSequence]) {
    for (const given of [{ low: 0 }, { high: 1 }, { low: 1, high: 1 }, { low: 2, high: 1 }])
      t.throws(() => create(definition, given), ConfigError);
  }
  t.end();
});

t.test('the interval is that of the published formula', (t) => {
  const random = new Random(5);
  for (const horizon of [null, 200]) {
    const alpha = 0.05;
    const interval = new EmpiricalBernstein(alpha, horizon);
    const xs: number[] = [];
    const bets: number[] = [];
    const terms: number[] = [];
    const mean = (n: number) => (0.5 + xs.slice(0, n).reduce((sum, x) => sum + x, 0)) / (n + 1);
    for (let i = 1; i <= 200; i++) {
      const deviations = xs.map((x, k) => (x - mean(k + 1)) ** 2);
      const variance = (0.25 + deviations.reduce((sum, one) => sum + one, 0)) / i;
      const bet = Math.min(0.5, Math.sqrt((2 * Math.log(2 / alpha)) / (variance * (horizon ?? i * Math.log(i + 1)))));
      const x = random.uniform() ** 2;
      terms.push(4 * (x - mean(i - 1)) ** 2 * ((-Math.log(1 - bet) - bet) / 4));
      xs.push(x);
      bets.push(bet);
      interval.add(x);
    }
    const total = bets.reduce((sum, bet) => sum + bet, 0);
    const centre = bets.reduce((sum, bet, k) => sum + bet * xs[k]!, 0) / total;
    const half = (Math.log(2 / alpha) + terms.reduce((sum, term) => sum + term, 0)) / total;
    const { lower, upper } = interval.interval;
    t.ok(Math.abs(lower - (centre - half)) < 1e-9 && Math.abs(upper - (centre + half)) < 1e-9, `${lower} to ${upper}`);
  }
  t.same(new EmpiricalBernstein(0.05).interval, { lower: 0, upper: 1 });
  t.end();
});

t.test('the capitals are those of the definition: every start by itself, added up', (t) => {
  const random = new Random(9);
  const mean = 0.3;
  const values = Array.from({ length: 60 }, () => Number(random.uniform() < 0.5));
  const detector = create(eDetector, { mean, low: 0, high: 1, mode: 'up', alpha: 1e-12 });
  for (const value of values) detector.update(value);
  let sum = 0;
  for (let rung = 0; rung < 12; rung++) {
    const bet = 0.95 / 2 ** rung;
    for (let start = 0; start < values.length; start++) {
      let capital = 1;
      for (const value of values.slice(start)) capital *= 1 + bet * (value / mean - 1);
      sum += capital;
    }
  }
  t.ok(Math.abs(detector.statistic! / (sum / 12) - 1) < 1e-12);
  t.end();
});
