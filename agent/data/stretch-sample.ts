/**
 * A bounded sample of a file's rows in which neighbours stay neighbours: whole stretches of rows, spread evenly over the file.
 *
 * Replays draw the sample in blocks of neighbouring rows, which single rows of a file, however they are chosen, could not give. The file is
 * parted into groups of equally many stretches, and one of each is kept, drawn at random so that nothing that repeats can fall in step
 * with it: every stretch is kept with the same chance, and a sorted file keeps its shares. Where the groups become too many for the bound
 * each two become one, and one of their two stretches goes, at random again.
 *
 * Source: Cochran. Sampling Techniques, 1977, §5 (one draw a stratum) and §9 (clusters).
 */
import type { Cell } from '../../contracts/record.ts';
import { Random } from '../../detectors/performance/random.ts';

/** Longer than the windows and the dependence of most traffic; short enough that a sample has 25 of them at least. */
export const STRETCH_ROWS = 2_000;
const SEED = 1;

/** Neighbouring rows of one batch that are kept. */
export interface Piece {
  /** Appends a column's cells; `read` is given the rows of the batch. */
  add(signal: string, read: (row: number) => Cell): void;
}

interface Stretch {
  rows: number;
  readonly columns: Map<string, Cell[]>;
}

/** Takes a file's rows in order; the same file gives the same sample. */
export class StretchSample {
  readonly #most: number;
  readonly #random = new Random(SEED);
  #stretches: Stretch[] = [];
  /** The stretch that the last rows belonged to; null = it is not kept. */
  #current: Stretch | null = null;
  /** Stretches of a group, and which of them is kept, from 0. */
  #group = 1;
  #chosen = 0;
  #seen = 0;

  /** @param mostRows that are kept; at least two stretches */
  constructor(mostRows: number) {
    // Even, so that groups can be joined by twos.
    this.#most = 2 * Math.floor(mostRows / STRETCH_ROWS / 2);
  }

  /** Rows that were offered. */
  get seen(): number {
    return this.#seen;
  }

  /** Rows that are kept: all, or between half the bound and the bound. */
  get kept(): number {
    return this.#stretches.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Offers the next rows and gives those of them that are kept, for their cells to be added. */
  take(rows: number): readonly Piece[] {
    const pieces: Piece[] = [];
    for (let from = 0; from < rows; ) {
      const within = this.#seen % STRETCH_ROWS;
      if (within === 0) this.#begin(this.#seen / STRETCH_ROWS);
      const to = Math.min(rows, from + STRETCH_ROWS - within);
      if (this.#current !== null) pieces.push(pieceOf(this.#current, from, to));
      this.#seen += to - from;
      from = to;
    }
    return pieces;
  }

  /** The cells that were kept by signal, in the file's order; null where a column had none. */
  columns(): Map<string, Cell[]> {
    const signals = new Set(this.#stretches.flatMap(({ columns }) => [...columns.keys()]));
    return new Map(
      [...signals].map((signal) => [signal, this.#stretches.flatMap(({ rows, columns }) => padded(columns.get(signal) ?? [], rows))]),
    );
  }

  #begin(stretch: number): void {
    if (stretch % this.#group === 0) {
      if (this.#stretches.length === this.#most) this.#join();
      this.#chosen = this.#random.below(this.#group);
    }
    this.#current = stretch % this.#group === this.#chosen ? { rows: 0, columns: new Map() } : null;
    if (this.#current !== null) this.#stretches.push(this.#current);
  }

  #join(): void {
    const pairs = Array.from({ length: this.#most / 2 }, (_, pair) => 2 * pair + this.#random.below(2));
    this.#stretches = pairs.map((place) => this.#stretches[place]!);
    this.#group *= 2;
  }
}

function pieceOf(stretch: Stretch, from: number, to: number): Piece {
  const before = stretch.rows;
  stretch.rows += to - from;
  return {
    add(signal, read) {
      const cells = padded(stretch.columns.get(signal) ?? [], before);
      for (let row = from; row < to; row++) cells.push(read(row));
      stretch.columns.set(signal, cells);
    },
  };
}

/** A column that was not there for some rows has none of their cells. */
function padded(cells: Cell[], rows: number): Cell[] {
  while (cells.length < rows) cells.push(null);
  return cells;
}
