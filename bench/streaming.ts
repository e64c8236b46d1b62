/**
 * One streaming detector's cost, measured in a process of its own: `node bench/streaming.ts TYPE OPTIONS STREAM`.
 *
 * Alone, because code that has seen several detectors is compiled for all of them. STREAM is `bits` (a rate of 0.2) or `numbers` (uniform).
 * Prints {updateNs, snapshotUs} as JSON, one number a run: nanoseconds of CPU per update, microseconds to snapshot through JSON and restore.
 */
import type { Json } from '../contracts/json.ts';
import { withDefaults } from '../contracts/options.ts';
import { detectorOf } from '../detectors/catalogue.ts';

const RUNS = 15;
const VALUES = 30_000;
const SNAPSHOTS = 50;

const [type = '', given = '{}', stream] = process.argv.slice(2);
const definition = detectorOf(type);
if (definition?.kind !== 'streaming') throw new Error(`${type}: no streaming detector`);
const options = withDefaults(definition.options, JSON.parse(given) as { [option: string]: unknown });
const values = Float64Array.from({ length: VALUES });
let state = 7;
for (let k = 0; k < VALUES; k++) {
  state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
  const number = state / 2 ** 32;
  values[k] = stream === 'bits' ? Number(number < 0.2) : number;
}

const updateNs: number[] = [];
const snapshotUs: number[] = [];
// The first two runs warm the compiler and count for nothing.
for (let run = -2; run < RUNS; run++) {
  const detector = definition.create(options);
  const update = cpuNs(() => {
    for (let k = 0; k < VALUES; k++) detector.update(values[k]!);
  });
  const snapshot = cpuNs(() => {
    for (let k = 0; k < SNAPSHOTS; k++) definition.create(options, { state: JSON.parse(JSON.stringify(detector.snapshot())) as Json });
  });
  if (run < 0) continue;
  updateNs.push(update / VALUES);
  snapshotUs.push(snapshot / SNAPSHOTS / 1_000);
}
process.stdout.write(JSON.stringify({ updateNs, snapshotUs }));

/** CPU of this process: other programs on the machine count only by what they take from the caches. */
function cpuNs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1_000;
}
