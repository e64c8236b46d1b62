/**
 * The errors that data suffer on their way to a model, made on purpose: what a client would send, before any encoding.
 *
 * Missing values, outliers, scaling and swapped columns, alone or several in sequence, each in a random share of the rows of random columns.
 *
 * Source: Schelter, Rukat, Biessmann, SIGMOD 2020. Columns are drawn with replacement, as there.
 * Deviation: half of the shares come from the published grid and half are uniform in (0, 1), so that a share between the grid's is no news.
 */
import { type Random, upTo } from './random.ts';
import type { Column, NumberColumn, Table } from './table.ts';

/** In the order in which a mixture applies them. */
export const CORRUPTION_KINDS = ['swapped', 'missing', 'outliers', 'scaling'] as const;

export type CorruptionKind = (typeof CORRUPTION_KINDS)[number];

export interface Corruption {
  readonly kind: CorruptionKind;
  /** Places in `table.columns`, distinct; exactly two of one sort for `swapped`. */
  readonly columns: readonly number[];
  /** Share of the rows hit in each column, in [0, 1]; the rows differ from column to column, save for a swap. */
  readonly fraction: number;
}

const SHARES = [0.05, 0.25, 0.5, 0.75, 0.99];
const MIXTURE_SHARES = [0.01, 0.1, ...SHARES];
const FACTORS = [10, 100, 1000];
/** What a client may send for a category it does not know; null is the other way. */
const UNKNOWN_TOKEN = 'NULL';

/** The kinds that this table's columns allow. */
export function possibleKinds(table: Table): CorruptionKind[] {
  return CORRUPTION_KINDS.filter((kind) => eligible(kind, table).length > 0);
}

/** A corruption of one kind with random columns and share; null where no column of the table allows it. */
export function drawCorruption(kind: CorruptionKind, table: Table, random: Random, shares: readonly number[] = SHARES): Corruption | null {
  const places = eligible(kind, table);
  if (places.length === 0) return null;
  const fraction = random.bits() & 1 ? random.pick(shares) : random.uniform();
  if (kind === 'swapped') {
    const first = random.pick(places);
    const partners = places.filter((place) => place !== first && table.columns[place]!.kind === table.columns[first]!.kind);
    return { kind, columns: [first, random.pick(partners)], fraction };
  }
  const wanted = 1 + random.below(places.length);
  const columns = new Set(Array.from({ length: wanted }, () => random.pick(places)));
  return { kind, columns: [...columns], fraction };
}

/** Two or more corruptions of different kinds, in the order in which they are to be applied; fewer where the table allows no more. */
export function drawMixture(table: Table, random: Random): Corruption[] {
  const kinds = possibleKinds(table);
  const order = random.shuffle(upTo(kinds.length));
  const count = Math.min(kinds.length, 2 + random.below(Math.max(1, kinds.length - 1)));
  const chosen = new Set(Array.from(order.subarray(0, count), (place) => kinds[place]));
  const drawn: Corruption[] = [];
  for (const kind of kinds) {
    const corruption = chosen.has(kind) ? drawCorruption(kind, table, random, MIXTURE_SHARES) : null;
    if (corruption !== null) drawn.push(corruption);
  }
  return drawn;
}

/** A corrupted copy; columns that are not hit are shared with the original. */
export function corrupt(table: Table, corruption: Corruption, random: Random): Table {
  const columns = [...table.columns];
  const count = Math.round(corruption.fraction * table.rows);
  const hit = (): Int32Array => random.shuffle(upTo(table.rows), count).subarray(0, count);
  if (corruption.kind === 'swapped') {
    const [first, second] = corruption.columns as readonly [number, number];
    [columns[first], columns[second]] = swap(columns[first]!, columns[second]!, hit());
  } else {
    for (const place of corruption.columns) columns[place] = damage(columns[place]!, corruption.kind, hit(), random);
  }
  return { rows: table.rows, columns };
}

function eligible(kind: CorruptionKind, table: Table): number[] {
  const places = table.columns.map((_, place) => place);
  if (kind === 'missing') return places;
  if (kind !== 'swapped') return places.filter((place) => table.columns[place]!.kind === 'number');
  return places.filter((place) => table.columns.some((other, at) => at !== place && other.kind === table.columns[place]!.kind));
}

function damage(column: Column, kind: 'missing' | 'outliers' | 'scaling', rows: Int32Array, random: Random): Column {
  if (column.kind === 'category') {
    const values = [...column.values];
    const sent = random.bits() & 1 ? null : UNKNOWN_TOKEN;
    for (const row of rows) values[row] = sent;
    return { ...column, values };
  }
  const values = column.values.slice();
  if (kind === 'missing') {
    for (const row of rows) values[row] = Number.NaN;
  } else if (kind === 'scaling') {
    const factor = random.pick(FACTORS);
    for (const row of rows) values[row] = values[row]! * factor;
  } else {
    const spread = random.uniform(1, 5) * deviation(column);
    for (const row of rows) values[row] = values[row]! + spread * random.normal();
  }
  return { ...column, values };
}

function swap(first: Column, second: Column, rows: Int32Array): [Column, Column] {
  if (first.kind === 'number' && second.kind === 'number') {
    const [one, other] = [first.values.slice(), second.values.slice()];
    for (const row of rows) {
      one[row] = second.values[row]!;
      other[row] = first.values[row]!;
    }
    return [
      { ...first, values: one },
      { ...second, values: other },
    ];
  }
  if (first.kind === 'category' && second.kind === 'category') {
    const [one, other] = [[...first.values], [...second.values]];
    for (const row of rows) {
      one[row] = second.values[row] ?? null;
      other[row] = first.values[row] ?? null;
    }
    return [
      { ...first, values: one },
      { ...second, values: other },
    ];
  }
  return [first, second];
}

/** Standard deviation of the values that are there; 0 for fewer than one. */
function deviation(column: NumberColumn): number {
  let count = 0;
  let mean = 0;
  let squares = 0;
  for (const value of column.values) {
    if (!Number.isFinite(value)) continue;
    const step = value - mean;
    mean += step / ++count;
    squares += step * (value - mean);
  }
  return count === 0 ? 0 : Math.sqrt(squares / count);
}
