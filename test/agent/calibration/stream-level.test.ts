import t from 'tap';
import { levelFor, streamShare } from '../../../agent/calibration/stream-level.ts';
import { type StreamingWatch, watchList } from '../../../agent/watch-list.ts';
import { withDefaults } from '../../../contracts/options.ts';
import { detectorOf } from '../../../detectors/catalogue.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { policyOf } from '../../support/policies.ts';

t.setTimeout(60_000);

function watchOf(type: string): StreamingWatch {
  const policy = policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}]}
  monitors: [{name: mean, detectors: {numeric: {type: ${type}}}}]
`);
  // The policy above has one.
  return watchList(policy, policy.schema, detectorOf).find(({ kind }) => kind === 'streaming') as StreamingWatch;
}

const cusum = watchOf('cusum');

const SPELL = 48;
const REFERENCE_ROWS = 17_520;
const PER_VALUE = 1 / 100 / 480;

/** Values that keep to one side of the mean for a day: the first 200 tell little of it. */
function spells(random: Random): () => number {
  let level = 0;
  let row = 0;
  return () => {
    if (row++ % SPELL === 0) level = random.normal();
    return level + 0.3 * random.normal();
  };
}

/** A year of them. */
const referenceOf = (seed: number) => Float64Array.from({ length: REFERENCE_ROWS }, spells(new Random(seed)));

/** Drifts of detectors that begin afresh every `length` values, as a multiple of the budget. */
function multiple({ definition }: StreamingWatch, level: { readonly [option: string]: number }, streams: number, length: number): number {
  let drifts = 0;
  for (let stream = 0; stream < streams; stream++) {
    const next = spells(new Random(70_000 + stream));
    const detector = definition.create(withDefaults(definition.options, level));
    for (let row = 0; row < length; row++) if (detector.update(next()) === 'drift') drifts++;
  }
  return drifts / streams / length / PER_VALUE;
}

t.test('a level keeps the budget among detectors that have just begun, and learned from a few spells, as among old ones', async (t) => {
  const young: number[] = [];
  const old: number[] = [];
  for (const seed of [1, 2, 3]) {
    const level = levelFor(cusum, { values: referenceOf(seed), blockRows: SPELL }, PER_VALUE, new Random(seed))!;
    young.push(multiple(cusum, { threshold: level.value }, 30, 25_000));
    old.push(multiple(cusum, { threshold: level.value }, 3, 250_000));
  }
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  t.ok(mean(young) <= 2, `${young.join(', ')} of the budget at the beginning`);
  t.ok(mean(old) <= 2, `${old.join(', ')} of the budget in the long run`);
});

t.test('the longer a detector learns, the lower the threshold that it needs, though it cannot alarm while it learns', async (t) => {
  const reference = referenceOf(1);
  const thresholds = [200, 1_000, 3_000].map((warmUp) => {
    const learning = { ...cusum, choice: { ...cusum.choice, options: { warmUp } } };
    return levelFor(learning, { values: reference, blockRows: SPELL }, PER_VALUE, new Random(1))!.value;
  });
  const [short, middle, long] = thresholds;
  t.ok(middle! < short! && long! < middle!, thresholds.join(', '));
});

/** Of 40 streams that rise by so many standard deviations after three windows of 480 values, how many drift within six. */
function found({ definition }: StreamingWatch, level: { readonly [option: string]: number }, rise: number): number {
  let drifted = 0;
  for (let stream = 0; stream < 40; stream++) {
    const next = spells(new Random(80_000 + stream));
    const detector = definition.create(withDefaults(definition.options, level));
    for (let row = 0; row < 3 * 480; row++) detector.update(next());
    for (let row = 0; row < 6 * 480; row++) {
      if (detector.update(next() + rise) !== 'drift') continue;
      drifted++;
      break;
    }
  }
  return drifted;
}

for (const [type, option] of [
  ['adwin', 'delta'],
  ['page-hinkley', 'threshold'],
] as const) {
  t.test(`${type} has a level for values that keep to one side for a day, within the budget and not blunt`, (t) => {
    const watch = watchOf(type);
    const level = {
      [option]: levelFor(watch, { values: referenceOf(1), blockRows: SPELL }, PER_VALUE, new Random(1))?.value ?? Number.NaN,
    };
    t.ok(Number.isFinite(level[option]), `${option} ${level[option]}`);
    const [young, old] = [multiple(watch, level, 30, 25_000), multiple(watch, level, 3, 250_000)];
    t.ok(young <= 2 && old <= 2, `${young} and ${old} of the budget`);
    const [one, two] = [found(watch, level, 1), found(watch, level, 2)];
    t.ok(one >= 22 && two >= 35, `a rise of one is found in ${one} of 40, of two in ${two}`);
    t.end();
  });
}

t.test('drifts are told by stretches too: of young detectors, or along long streams, whichever are more', async (t) => {
  const stream = { values: referenceOf(1), blockRows: SPELL };
  for (const threshold of [5, 60]) {
    const { drifts, stretches, values } = streamShare(cusum, { threshold }, stream, new Random(1));
    t.equal(values / stretches.length, 25_000);
    t.ok(drifts > 0 && stretches.filter((count) => count > 0).length > 1);
    t.equal(
      stretches.reduce((sum, count) => sum + count, 0),
      drifts,
    );
  }
});

t.test('the rarer alarms are to be, the stricter the level, also past the end of the usual scale', async (t) => {
  const random = new Random(1);
  let x = 0;
  const values = Float64Array.from({ length: REFERENCE_ROWS }, () => {
    x = 0.5 * x + Math.sqrt(0.75) * random.normal();
    return x;
  });
  const [often, seldom, hardly] = [1e-6, 1e-7, 1e-8].map(
    (perValue) => levelFor(watchOf('adwin'), { values, blockRows: 60 }, perValue, new Random(1))?.value ?? Number.NaN,
  );
  t.ok(seldom! < often! && hardly! < seldom! && hardly! > 1e-300, `${often}, ${seldom}, ${hardly}`);
});
