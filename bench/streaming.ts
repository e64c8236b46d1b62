/**
 * One streaming detector's cost, measured in a process of its own: `node bench/streaming.ts TYPE OPTIONS STREAM`.
 *
 * Alone, because code that has seen several detectors is compiled for all of them. STREAM is `bits` (a rate of 0.2) or `numbers` (uniform).
 * Prints {updateNs, snapshotUs, loopNs} as JSON, one number a run: nanoseconds of CPU per update, microseconds to snapshot through JSON and
 * restore, and nanoseconds of a fixed loop of one multiplication and one addition, for comparing machines and moments.
 */
import type { StreamingDetector } from '../contracts/detector.ts';
import type { Json } from '../contracts/json.ts';
import { withDefaults } from '../contracts/options.ts';
import { detectorOf } from '../detectors/catalogue.ts';
import { cpuNs, uniforms } from './measure.ts';

/** The first runs warm the compiler and count for nothing. */
const WARM = 12;
const RUNS = 41;
const VALUES = 30_000;
const SNAPSHOTS = 50;
const LOOPS = 50_000;

const [type = '', given = '{}', stream] = process.argv.slice(2);
const definition = detectorOf(type);
if (definition?.kind !== 'streaming') throw new Error(`${type}: no streaming detector`);
const options = withDefaults(definition.options, JSON.parse(given) as { [option: string]: unknown });
// Plain numbers, as the analysis line has them.
const values = Array.from(uniforms(VALUES, 7), (number) => (stream === 'bits' ? Number(number < 0.2) : number));

const updateNs: number[] = [];
const snapshotUs: number[] = [];
const loopNs: number[] = [];
let sink = 0;
for (let run = -WARM; run < RUNS; run++) {
  const detector = definition.create(options);
  const loop = cpuNs(() => {
    sink += spin(LOOPS, 1);
  });
  const update = cpuNs(() => {
    sink += feed(detector, values);
  });
  const snapshot = cpuNs(() => {
    for (let k = 0; k < SNAPSHOTS; k++) definition.create(options, { state: JSON.parse(JSON.stringify(detector.snapshot())) as Json });
  });
  if (run < 0) continue;
  loopNs.push(loop / LOOPS);
  updateNs.push(update / VALUES);
  snapshotUs.push(snapshot / SNAPSHOTS / 1_000);
}
if (Number.isNaN(sink)) throw new Error('the results are summed up so that nothing is optimised away');
process.stdout.write(JSON.stringify({ updateNs, snapshotUs, loopNs }));

function feed(detector: StreamingDetector, stream: readonly number[]): number {
  let drifts = 0;
  for (let k = 0; k < stream.length; k++) if (detector.update(stream[k]!) === 'drift') drifts++;
  return drifts;
}

function spin(loops: number, start: number): number {
  let x = start;
  for (let k = 0; k < loops; k++) x = x * 1.000_000_1 + 0.5;
  return x;
}
