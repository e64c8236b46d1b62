import t from 'tap';
import { levelFor } from '../../../agent/calibration/stream-level.ts';
import { type StreamingWatch, watchList } from '../../../agent/watch-list.ts';
import { withDefaults } from '../../../contracts/options.ts';
import { detectorOf } from '../../../detectors/catalogue.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { policyOf } from '../../support/policies.ts';

t.setTimeout(60_000);

const policy = policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}]}
  monitors: [{name: mean, detectors: {numeric: {type: cusum}}}]
`);
// The policy above has one.
const watch = watchList(policy, policy.schema, detectorOf).find(({ kind }) => kind === 'streaming') as StreamingWatch;

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

/** Drifts of detectors that begin afresh every `length` values, as a multiple of the budget. */
function multiple(threshold: number, streams: number, length: number): number {
  let drifts = 0;
  for (let stream = 0; stream < streams; stream++) {
    const next = spells(new Random(70_000 + stream));
    const detector = watch.definition.create(withDefaults(watch.definition.options, { threshold }));
    for (let row = 0; row < length; row++) if (detector.update(next()) === 'drift') drifts++;
  }
  return drifts / streams / length / PER_VALUE;
}

t.test('a level keeps the budget among detectors that have just begun, and learned from a few spells, as among old ones', async (t) => {
  const young: number[] = [];
  const old: number[] = [];
  for (const seed of [1, 2, 3]) {
    const reference = Float64Array.from({ length: REFERENCE_ROWS }, spells(new Random(seed)));
    const level = levelFor(watch, { values: reference, blockRows: SPELL }, PER_VALUE, new Random(seed))!;
    young.push(multiple(level.value, 30, 25_000));
    old.push(multiple(level.value, 3, 250_000));
  }
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  t.ok(mean(young) <= 2, `${young.join(', ')} of the budget at the beginning`);
  t.ok(mean(old) <= 2, `${old.join(', ')} of the budget in the long run`);
});

t.test('the longer a detector learns, the lower the threshold that it needs, though it cannot alarm while it learns', async (t) => {
  const reference = Float64Array.from({ length: REFERENCE_ROWS }, spells(new Random(1)));
  const thresholds = [200, 1_000, 3_000].map((warmUp) => {
    const learning = { ...watch, choice: { ...watch.choice, options: { warmUp } } };
    return levelFor(learning, { values: reference, blockRows: SPELL }, PER_VALUE, new Random(1))!.value;
  });
  const [short, middle, long] = thresholds;
  t.ok(middle! < short! && long! < middle!, thresholds.join(', '));
});
