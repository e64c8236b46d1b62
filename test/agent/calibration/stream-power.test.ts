import t from 'tap';
import type { CalibrationTask, MonitorLevel } from '../../../agent/calibration/calibration.ts';
import { streamPowerOf } from '../../../agent/calibration/stream-power.ts';
import { keptStream } from '../../../agent/calibration/streams.ts';
import { type StreamingWatch, watchList } from '../../../agent/watch-list.ts';
import { withDefaults } from '../../../contracts/options.ts';
import type { Cell } from '../../../contracts/record.ts';
import { detectorOf } from '../../../detectors/catalogue.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { policyOf } from '../../support/policies.ts';

t.setTimeout(60_000);

const WINDOW = 400;
const HEALTHY = 2_000;

/** One column watched by one detector, with its reference. */
function taskOf(choice: string, cells: readonly Cell[] | null): { task: CalibrationTask; watch: StreamingWatch } {
  const policy = policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}]}
  window: {rows: ${WINDOW}}
  monitors: [{name: mean, detectors: {numeric: ${choice}}}]
`);
  const columns = { inputs: policy.schema.inputs, outputs: [] };
  const known = new Map(cells === null ? [] : [['inputs.x', cells]]);
  // The policy above has one.
  const watch = watchList(policy, columns, detectorOf).find(({ kind }) => kind === 'streaming') as StreamingWatch;
  return { task: { policy, columns, cells: known, slices: [], rowsPerMs: null, seed: 1 }, watch };
}

const valuesOf = (next: (random: Random) => number, seed = 5, count = 5_000) => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => next(random));
};
const normal = (random: Random) => 100 + 20 * random.normal();
const flag = (random: Random) => Number(random.uniform() < 0.2);

const powerOf = (choice: string, cells: readonly Cell[]) => {
  const { task, watch } = taskOf(choice, cells);
  return streamPowerOf(task, keptStream(task, watch), watch);
};

/** Share of fresh streams in which a change is found within a window. */
function found(choice: string, next: (random: Random) => number, change: (value: number, random: Random) => number): number {
  const { watch } = taskOf(choice, null);
  const options = withDefaults(watch.definition.options, watch.choice.options);
  let count = 0;
  for (let stream = 0; stream < 200; stream++) {
    const random = new Random(900 + stream);
    const detector = watch.definition.create(options);
    for (let k = 0; k < HEALTHY; k++) detector.update(next(random));
    for (let k = 0; k < WINDOW; k++) {
      if (detector.update(change(next(random), random)) !== 'drift') continue;
      count++;
      break;
    }
  }
  return count / 200;
}

for (const choice of ['{type: adwin}', '{type: cusum, threshold: 12}']) {
  t.test(`${choice}: a shift of that size is found on fresh streams about four times in five, and half of it seldom`, async (t) => {
    const power = powerOf(choice, valuesOf(normal))!;
    t.match(power, { monitor: 'mean', signal: 'inputs.x', slice: null, kind: 'streaming', unit: 'sd' });
    const shifted = (sd: number) => found(choice, normal, (value) => value + 20 * sd);
    const [all, half] = [shifted(power.smallest!), shifted(power.smallest! / 2)];
    t.ok(all > 0.65 && all < 0.95, `${power.smallest} sd: ${all}`);
    t.ok(half < 0.5, `half of it: ${half}`);
  });
}

t.test('flags: the share of the rarer one rises', async (t) => {
  const power = powerOf('{type: adwin}', valuesOf(flag))!;
  t.equal(power.unit, 'share');
  const risen = (rise: number) => found('{type: adwin}', flag, (value, random) => Math.max(value, Number(random.uniform() < rise / 0.8)));
  const [all, half] = [risen(power.smallest!), risen(power.smallest! / 2)];
  t.ok(all > 0.65 && all < 0.95, `${power.smallest}: ${all}`);
  t.ok(half < 0.5, `half of it: ${half}`);
});

t.test('a detector of changes of spread is shown one', async (t) => {
  const choice = '{type: variance}';
  const power = powerOf(choice, valuesOf(normal))!;
  t.equal(power.unit, 'spread');
  const wider = (part: number) => found(choice, normal, (value) => value + part * (value - 100));
  const all = wider(power.smallest!);
  t.ok(all > 0.65 && all < 0.95, `× ${1 + power.smallest!}: ${all}`);
});

t.test('the level counts that the budget sets, and a detector that always alarms finds nothing', async (t) => {
  const { task, watch } = taskOf('{type: cusum}', valuesOf(normal));
  const level: MonitorLevel = { ...keptStream(task, watch), method: 'blocks' };
  const [strict, loose] = [100, 12].map((value) => streamPowerOf(task, { ...level, value }, watch)!.smallest!);
  t.ok(strict! > 1.5 * loose!, `${strict} against ${loose}`);
  t.match(streamPowerOf(task, { ...level, value: 1 }, watch), { smallest: null, healthyAlarms: 1 });
});

t.test('a detector that learns for long is waited for, and one that learns for very long has no such figure', async (t) => {
  const size = (warmUp: number) => powerOf(`{type: cusum, threshold: 12, warmUp: ${warmUp}}`, valuesOf(normal))?.smallest;
  t.ok(Math.abs(size(5_000)! / size(200)! - 1) < 0.3, `${size(5_000)} and ${size(200)}`);
  t.equal(size(300_000), undefined);
});

t.test('there is no such figure without a level, a reference, or a value that varies', async (t) => {
  const { task, watch } = taskOf('{type: adwin}', valuesOf(normal));
  const level = keptStream(task, watch);
  t.equal(streamPowerOf(task, { ...level, method: 'insufficient' }, watch), null);
  t.equal(streamPowerOf({ ...task, cells: new Map() }, level, watch), null);
  t.equal(
    powerOf(
      '{type: adwin}',
      valuesOf(() => 7),
    ),
    null,
  );
});
