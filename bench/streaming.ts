/**
 * One streaming detector's cost, measured in a process of its own: `node bench/streaming.ts TYPE OPTIONS STREAM`.
 *
 * Alone, because code that has seen several detectors is compiled for all of them. STREAM is `bits` (a rate of 0.2) or `numbers` (uniform):
 * 30,000 values, each time to a fresh detector, again and again until a run is long enough to be measured. They come in stretches, as to the line:
 * a loop over all of them runs for so long that the compiler swaps code inside it, and that is measured as well. TYPE may be `running-mean`,
 * which is no detector but what most of them do besides: a yardstick of the machine and the moment, and of what the loop itself costs.
 * Prints {updateNs, snapshotUs} as JSON, one number a run: nanoseconds of CPU per update, and microseconds to snapshot through JSON and restore.
 */
import type { Level, StreamingDetector } from '../contracts/detector.ts';
import type { Json } from '../contracts/json.ts';
import type { Cell } from '../contracts/record.ts';
import { withDefaults } from '../contracts/options.ts';
import { detectorOf } from '../detectors/catalogue.ts';
import { cpuNs, uniforms } from './measure.ts';

/** Before anything is measured, so that the code is compiled. */
const WARM_NS = 250e6;
const RUNS = 5;
const RUN_NS = 40e6;
const VALUES = 30_000;
/** Values at once. */
const STRETCH = 100;
const SNAPSHOTS = 200;

/** What takes values, one by one. */
type Fed = Pick<StreamingDetector, 'update'>;

class RunningMean implements Fed {
  #count = 0;
  #mean = 0;

  update(value: number): Level {
    const count = ++this.#count;
    this.#mean += (1 / count) * (value - this.#mean);
    return this.#mean > 1 ? 'drift' : 'stable';
  }
}

const [type = '', given = '{}', stream] = process.argv.slice(2);
// As the analysis line has them: cells, of which some may be text or missing, and so no list of numbers alone.
const values: Cell[] = Array.from(uniforms(VALUES, 7), (number) => (stream === 'bits' ? Number(number < 0.2) : number));
values.push(null);
const stretches = Array.from({ length: VALUES / STRETCH }, (_, k) => values.slice(k * STRETCH, (k + 1) * STRETCH));
let sink = 0;
/** Held, so that its state is in memory as on the line, and not in registers. */
let held: Fed | null = null;
if (type === 'running-mean') {
  print({ updateNs: await updates(() => new RunningMean()) });
} else {
  const definition = detectorOf(type);
  if (definition?.kind !== 'streaming') throw new Error(`${type}: no streaming detector`);
  const options = withDefaults(definition.options, JSON.parse(given) as { [option: string]: unknown });
  const updateNs = await updates(() => definition.create(options));
  const fed = definition.create(options);
  for (const value of values) fed.update(Number(value));
  const snapshotUs = Array.from({ length: RUNS }, () => {
    const ns = cpuNs(() => {
      for (let k = 0; k < SNAPSHOTS; k++) definition.create(options, { state: JSON.parse(JSON.stringify(fed.snapshot())) as Json });
    });
    return ns / SNAPSHOTS / 1_000;
  });
  print({ updateNs, snapshotUs });
}

/** Nanoseconds per update, one a run. */
async function updates(create: () => Fed): Promise<number[]> {
  const stream = () => {
    const fed = create();
    held = fed;
    for (const stretch of stretches) sink += drifts(fed, stretch);
  };
  const streams = async (count: number): Promise<number> => {
    const before = process.cpuUsage();
    // From the queue of tasks and not from here: a loop that is compiled as part of its caller may never reach the last compiler.
    for (let k = 0; k < count; k++) await Promise.resolve().then(stream);
    const { user, system } = process.cpuUsage(before);
    return (user + system) * 1_000;
  };
  let perStream = 0;
  for (let spent = 0; spent < WARM_NS; spent += perStream) perStream = await streams(1);
  const count = Math.max(1, Math.ceil(RUN_NS / perStream));
  const runs: number[] = [];
  for (let run = 0; run < RUNS; run++) runs.push((await streams(count)) / count / VALUES);
  return runs;
}

function drifts(fed: Fed, stretch: readonly Cell[]): number {
  let drifts = 0;
  for (let k = 0; k < stretch.length; k++) if (fed.update(stretch[k] as number) === 'drift') drifts++;
  return drifts;
}

function print(costs: { readonly [name: string]: readonly number[] }): void {
  if (Number.isNaN(sink) || held === null) throw new Error('the drifts are summed up so that nothing is optimised away');
  process.stdout.write(JSON.stringify(costs));
}
