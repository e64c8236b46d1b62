/**
 * Does a stream without end leave memory and state as they are? `node bench/endless.ts TYPE [--values 100000000]`.
 *
 * TYPE is a streaming detector, or a sketch: `numbers` (moments, KLL and reference bins together) or `categories` (a new one every other
 * value). Values jump every million to another mean and spread, and now and then one is not finite. Prints what is alive in memory (after a
 * collection of garbage), resident memory and length of the state after a hundredth of the stream, each tenth of it and at the end; what is not finite where a figure should be is an error.
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Json } from '../contracts/json.ts';
import { withDefaults } from '../contracts/options.ts';
import { detectorOf } from '../detectors/catalogue.ts';
import { Random } from '../detectors/performance/random.ts';
import { ColumnSketch } from '../detectors/sketches/column-sketch.ts';
import { ReferenceBins } from '../detectors/sketches/reference-bins.ts';

const JUMP_EVERY = 2 ** 20;
const ODD_EVERY = 999_983;
const LOOK_EVERY = 9_973;
const ODD = [Number.NaN, Infinity, -Infinity];

/** Something that is fed without end. */
interface Fed {
  /** The k-th value; true = a drift. */
  readonly feed: (k: number) => boolean;
  readonly figures: () => readonly (number | null)[];
  readonly snapshot: () => Json;
}

function fedOf(type: string): Fed {
  const random = new Random(1);
  const isHigh = (k: number) => (k / JUMP_EVERY) % 2 >= 1;
  const numberAt = (k: number) => (k % ODD_EVERY === 0 ? ODD[k % 3]! : random.uniform() * (isHigh(k) ? 3 : 1) + (isHigh(k) ? 1 : 0));
  if (type === 'categories') {
    const sketch = ColumnSketch.ofCategories();
    return {
      feed: (k) => {
        sketch.update(k % 2 === 0 ? `id-${k}` : `frequent-${k % 20}`);
        return false;
      },
      figures: () => [],
      snapshot: () => sketch.snapshot(),
    };
  }
  if (type === 'numbers') {
    const sketch = ColumnSketch.ofNumbers(ReferenceBins.cutAt(Array.from({ length: 10_000 }, () => random.uniform())));
    return {
      feed: (k) => {
        sketch.update(numberAt(k));
        return false;
      },
      figures: () => [],
      snapshot: () => sketch.snapshot(),
    };
  }
  const definition = detectorOf(type);
  if (definition?.kind !== 'streaming') throw new Error(`${type}: neither a streaming detector nor a sketch`);
  const detector = definition.create(withDefaults(definition.options, {}));
  const bitAt = (k: number) => (k % ODD_EVERY === 0 ? ODD[k % 3]! : Number(random.uniform() < (isHigh(k) ? 0.3 : 0.1)));
  const valueAt = definition.observes === 'binary' ? bitAt : numberAt;
  return {
    feed: (k) => detector.update(valueAt(k)) === 'drift',
    figures: () => [detector.statistic, detector.threshold],
    snapshot: () => detector.snapshot(),
  };
}

const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { values: { type: 'string', default: '100000000' } } });
const total = Number(flags.values);
const fed = fedOf(positionals[0] ?? '');
setFlagsFromString('--expose-gc');
// The name is there in contexts made from now on.
const collectGarbage = runInNewContext('gc') as () => void;
const marks = new Set([0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].map((part) => Math.round(part * total)));
let drifts = 0;
for (let k = 1; k <= total; k++) {
  if (fed.feed(k)) drifts++;
  if (k % LOOK_EVERY === 0)
    for (const figure of fed.figures())
      if (figure !== null && !Number.isFinite(figure)) throw new Error(`a figure of ${figure} after ${k} values`);
  if (!marks.has(k)) continue;
  const state = JSON.stringify(fed.snapshot());
  if (/NaN|Infinity/.test(state)) throw new Error(`a state that is no JSON after ${k} values`);
  collectGarbage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const [alive, resident] = [heapUsed + external, rss].map((bytes) => (bytes / 1e6).toFixed(1));
  process.stdout.write(
    `${positionals[0]} ${k} values: ${alive} MB alive, ${resident} MB resident, state of ${state.length} characters, ${drifts} drifts\n`,
  );
}
