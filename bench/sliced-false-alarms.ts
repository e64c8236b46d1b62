/**
 * Does the budget hold when the rows are judged by slices as well? On rows that depend on each other, whose slices come in spells, and on the
 * first year of Elec2 cut by the day of the week: in each slice values depend otherwise than in the whole.
 *
 * A part of `node bench/false-alarms.ts`.
 */
import { drawRows } from '../agent/calibration/replays.ts';
import { readStream } from '../agent/demo/stream.ts';
import type { Cell } from '../contracts/record.ts';
import { Random } from '../detectors/performance/random.ts';
import { type Columns, countIf, monitorOf, policyOf, type Size, share, sum } from './false-alarms.ts';
import type { Figure } from './figure.ts';

const WINDOW_ROWS = 1_000;
const REFERENCE_ROWS = 10_000;
const YEAR_ROWS = 365 * 48;
const DAY_ROWS = 48;
const REGIONS = ['north', 'south', 'west', 'east'];

/** Both measurements; their tests are many, so that a tenth of the runs have a fifth of the windows each. */
export async function slicedFalseAlarms({ runs, windows }: Size): Promise<Figure[]> {
  const references = Math.ceil(runs / 10);
  return [chains(references, Math.ceil(windows / 5)), await weekdays(references, Math.ceil(windows / 5))];
}

/** Three chains (each value 0.6 of the one before) and regions in spells of about 20 rows, from the moving process itself. */
function chains(references: number, windows: number): Figure {
  const names = ['a', 'b', 'c'];
  const policy = policyOf(names, null, ['region']);
  const alarms: number[] = [];
  for (let run = 0; run < references; run++) {
    const draw = processOf(new Random(40_000 + run), names);
    const { judge } = monitorOf(policy, draw(REFERENCE_ROWS), run);
    alarms.push(countIf(windows, () => judge(draw(WINDOW_ROWS)).some(({ level }) => level === 'drift')));
    process.stderr.write(`\rslices in spells: ${sum(alarms)} alarms in ${(run + 1) * windows} windows `);
  }
  process.stderr.write('\n');
  return share('3 columns that depend on the row before, 4 slices in spells: healthy windows that alarm', alarms, windows);
}

function processOf(random: Random, names: readonly string[]): (rows: number) => Map<string, Cell[]> {
  const values = names.map(() => random.normal());
  let region = random.pick(REGIONS);
  return (rows) => {
    const columns = new Map<string, Cell[]>([...names, 'region'].map((name) => [`inputs.${name}`, []]));
    for (let row = 0; row < rows; row++) {
      if (random.uniform() < 0.05) region = random.pick(REGIONS);
      columns.get('inputs.region')!.push(region);
      for (const [place, name] of names.entries()) {
        values[place] = 0.6 * values[place]! + 0.8 * random.normal();
        columns.get(`inputs.${name}`)!.push(values[place]!);
      }
    }
    return columns;
  };
}

/** Price and demand in blocks of a day, drawn with other seeds than the calibration’s. */
async function weekdays(references: number, windows: number): Promise<Figure> {
  const stream = await readStream();
  const year = [...stream.training, ...stream.sent].slice(0, YEAR_ROWS);
  const names = ['nswprice', 'nswdemand'];
  const columns: Columns = new Map<string, readonly Cell[]>([
    ...names.map((name) => [`inputs.${name}`, year.map(({ inputs }) => inputs[name]!)] as const),
    ['inputs.weekday', year.map((_, row) => `d${Math.floor(row / DAY_ROWS) % 7}`)],
  ]);
  const policy = policyOf(names, DAY_ROWS, ['weekday']);
  const alarms: number[] = [];
  // The reference is always the same, and so are the laws but for their seed.
  for (let seed = 0; seed < Math.ceil(references / 4); seed++) {
    const { judge } = monitorOf(policy, columns, seed);
    const random = new Random(50_000 + seed);
    const isAlarm = () => {
      const rows = drawRows(random, YEAR_ROWS, DAY_ROWS, WINDOW_ROWS);
      const drawn = new Map([...columns].map(([signal, cells]) => [signal, Array.from(rows, (row) => cells[row]!)]));
      return judge(drawn).some(({ level }) => level === 'drift');
    };
    alarms.push(countIf(4 * windows, isAlarm));
    process.stderr.write(`\rslices by weekday: ${sum(alarms)} alarms in ${(seed + 1) * 4 * windows} windows `);
  }
  process.stderr.write('\n');
  return share(
    'Elec2’s first year, price and demand, sliced by the day of the week, blocks of a day: healthy windows that alarm',
    alarms,
    4 * windows,
  );
}
