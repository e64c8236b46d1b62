/**
 * Rows of several columns as numbers on one scale, for tests of all columns together.
 *
 * A column is one of numbers where the reference's present values all are; its values become distances from the reference's median in its standard
 * deviations, and a missing one is 0. Any other is one of categories: a 1 among zeros for each of the reference's `MOST_CATEGORIES` most
 * frequent ones, and one more for all others, so that an unseen category is seen. Either has a place that is 1 where the value
 * is missing. Two rows that differ in a category are then as far apart as two numbers that differ by 1.4 standard deviations.
 */
import type { Row } from '../contracts/detector.ts';
import { boundedAscending, standardDeviation } from './distribution-gap.ts';

/** `[rows, columns]`, row-major, finite. */
export interface Rows {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

const MOST_CATEGORIES = 10;
/** Further from the median than this many standard deviations is as far as can be: squares stay finite. */
const FARTHEST = 1e6;

interface Encoding {
  /** First place of the column in an encoded row. */
  readonly from: number;
  /** Places that it takes. */
  readonly width: number;
  readonly write: (value: Row[number], data: Float64Array, at: number) => void;
}

/** Learns from the reference how to encode. */
export class RowEncoder {
  readonly #encodings: readonly Encoding[];
  /** The source column of each place of an encoded row. */
  readonly owners: Int32Array;

  /** @param reference rows of equal length; at least one */
  constructor(reference: readonly Row[]) {
    const encodings: Encoding[] = [];
    let from = 0;
    for (let column = 0; column < (reference[0]?.length ?? 0); column++) {
      const encoding = encodingOf(
        reference.map((row) => row[column] ?? null),
        from,
      );
      encodings.push(encoding);
      from += encoding.width;
    }
    this.#encodings = encodings;
    this.owners = Int32Array.from(encodings.flatMap(({ width }, column) => new Array<number>(width).fill(column)));
  }

  encode(rows: readonly Row[]): Rows {
    const columns = this.owners.length;
    const data = new Float64Array(rows.length * columns);
    for (const [row, values] of rows.entries()) {
      for (const [column, { from, write }] of this.#encodings.entries()) write(values[column] ?? null, data, row * columns + from);
    }
    return { rows: rows.length, columns, data };
  }
}

function encodingOf(values: readonly Row[number][], from: number): Encoding {
  const present = values.filter((value) => value !== null && !isNoNumber(value));
  return present.length > 0 && present.every((value) => typeof value === 'number')
    ? numbers(boundedAscending(present as number[]), from) // every one was just seen to be a number
    : categories(present.map(String), from);
}

function numbers(ascending: Float64Array, from: number): Encoding {
  const n = ascending.length;
  const centre = ascending[Math.floor((n - 1) / 2)]! / 2 + ascending[Math.ceil((n - 1) / 2)]! / 2;
  const deviation = standardDeviation(ascending);
  return {
    from,
    width: 2,
    write: (value, data, at) => {
      if (typeof value !== 'number' || isNoNumber(value)) {
        data[at + 1] = 1;
        return;
      }
      // Divided before they are subtracted, as the difference may overflow. What never varied differs or does not.
      const difference = deviation > 0 ? value / deviation - centre / deviation : Math.sign(value - centre);
      data[at] = Math.min(FARTHEST, Math.max(-FARTHEST, difference));
    },
  };
}

function categories(present: readonly string[], from: number): Encoding {
  const counts = [...Map.groupBy(present, (category) => category)].sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1));
  const places = new Map(counts.slice(0, MOST_CATEGORIES).map(([category], place) => [category, place]));
  const others = places.size;
  return {
    from,
    width: others + 2,
    write: (value, data, at) => {
      data[at + (value === null || isNoNumber(value) ? others + 1 : (places.get(String(value)) ?? others))] = 1;
    },
  };
}

/** NaN and infinities have no place on a scale: they count as missing. */
function isNoNumber(value: Row[number]): boolean {
  return typeof value === 'number' && !Number.isFinite(value);
}
