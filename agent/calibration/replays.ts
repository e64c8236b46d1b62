/**
 * Replays of the reference: rows drawn in blocks, whole, so that what depends on its neighbours in time or across columns stays so.
 *
 * A replay draws both sides, a reference and windows, from the rows there are: a window held against the very rows it was drawn from would
 * look too much like them, and the chance in the reference itself would be left out.
 *
 * Source: Künsch. Annals of Statistics 17, 1989 (blocks); Politis, Romano. A circular block-resampling procedure. 1992;
 * Præstgaard. Permutation and bootstrap Kolmogorov–Smirnov tests. Scandinavian Journal of Statistics 22, 1995 (both samples drawn anew).
 */
import type { TestResult } from '../../contracts/detector.ts';
import type { Random } from '../../detectors/performance/random.ts';
import type { WindowedWatch } from '../watch-list.ts';
import { valuesOf, type WatchedCell } from '../watched-cells.ts';
import { prepareTest } from '../window-monitor.ts';

/** A watched signal with its reference. */
export interface Watched {
  readonly watch: WindowedWatch;
  readonly cells: readonly WatchedCell[];
  /** Rows that belong to the watch's slice; null = all. */
  readonly rows: ReadonlySet<number> | null;
}

/** How much is replayed: windows one after another against each of so many references. */
export interface ReplaySize {
  readonly references: number;
  readonly windows: number;
}

/** What each test said, `[reference][window][signal]`; null where it had too little to judge. */
export type Replays = (TestResult | null)[][][];

/** Rows in blocks that wrap around the end; the last block is cut. */
export function drawRows(random: Random, rows: number, blockRows: number, count: number): Int32Array {
  const drawn = new Int32Array(count);
  let row = 0;
  for (let place = 0; place < count; place++) {
    row = place % blockRows === 0 ? random.below(rows) : (row + 1) % rows;
    drawn[place] = row;
  }
  return drawn;
}

/** Rows of what is replayed. Windows overlap where the step is shorter than they are. */
export interface ReplayShape {
  readonly blockRows: number;
  readonly windowRows: number;
  readonly stepRows?: number;
  readonly minSamples: (watch: WindowedWatch) => number;
  readonly size: ReplaySize;
}

/** Replays tests of one monitor on healthy windows. Columns of equal length are drawn together, others each by themselves. */
export function replayTests(
  watched: readonly Watched[],
  { blockRows, windowRows, stepRows = windowRows, minSamples, size }: ReplayShape,
  random: Random,
  change: (cells: WatchedCell[], signal: string, random: Random) => WatchedCell[] = (cells) => cells,
): Replays {
  const draw = (count: (rows: number) => number) => {
    const byLength = new Map<number, Int32Array>();
    return watched.map(({ cells, rows: within }) => {
      let rows = byLength.get(cells.length);
      if (rows === undefined) {
        rows = drawRows(random, cells.length, blockRows, count(cells.length));
        byLength.set(cells.length, rows);
      }
      const inside = within === null ? rows : rows.filter((row) => within.has(row));
      return Array.from(inside, (row) => cells[row] ?? null);
    });
  };
  return Array.from({ length: size.references }, () => {
    const tests = draw((rows) => rows).map((cells, index) => {
      const { watch } = watched[index]!;
      const values = valuesOf(watch, cells);
      return values.length === 0 ? null : prepareTest(watch, values);
    });
    const overlapping = stepRows < windowRows ? draw(() => windowRows + (size.windows - 1) * stepRows) : null;
    return Array.from({ length: size.windows }, (_, window) => {
      const from = window * stepRows;
      const columns = overlapping?.map((cells) => cells.slice(from, from + windowRows)) ?? draw(() => windowRows);
      return columns.map((cells, index) => {
        const { watch } = watched[index]!;
        const values = valuesOf(watch, change(cells, watch.signal, random));
        return values.length < minSamples(watch) ? null : (tests[index]?.test(values) ?? null);
      });
    });
  });
}
