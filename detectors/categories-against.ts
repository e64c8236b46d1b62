/**
 * What the tests over categories share: the reference's counts, the window's beside them, sparse categories pooled, unseen ones named.
 */
import type { TestResult, WindowedTest } from '../contracts/detector.ts';
import type { CountedCategories } from '../contracts/sketch.ts';

/** A category; a number and its text are two. */
export type Category = number | string;

/** Two rows of counts over the same columns: the window's, then the reference's. */
export type Counts = readonly [readonly number[], readonly number[]];

/** A test of two rows of counts; null where there is nothing to compare. `note` comes before the words on unseen categories. */
export type CountsTest = (counts: Counts) => Pick<TestResult, 'statistic' | 'pValue' | 'degreesOfFreedom' | 'effect' | 'note'> | null;

const MOST_NAMED = 5;
const LONGEST_NAME = 40;

/** A test of counts with the reference already counted. */
export class CategoriesAgainst implements WindowedTest<Category> {
  /** Each category's column, in order of first appearance. */
  readonly #columns = new Map<Category, number>();
  readonly #expected: number[];
  /** Column of what the reference did not keep apart; null = it knows all its categories. */
  readonly #other: number | null;
  readonly #referenceN: number;
  readonly #minExpected: number;
  readonly #testCounts: CountsTest;

  /** @param minExpected for `poolSparse`; 0 pools none */
  constructor(reference: readonly Category[] | CountedCategories, minExpected: number, testCounts: CountsTest) {
    const { counts, other } = 'counts' in reference ? reference : { counts: countsOf(reference), other: null };
    for (const category of counts.keys()) this.#columns.set(category, this.#columns.size);
    this.#expected = [...counts.values()];
    this.#other = other === null ? null : this.#expected.push(other) - 1;
    this.#referenceN = this.#expected.reduce((sum, count) => sum + count, 0);
    this.#minExpected = minExpected;
    this.#testCounts = testCounts;
  }

  test(window: readonly Category[]): TestResult | null {
    if (window.length === 0 || this.#referenceN === 0) return null;
    const current = new Array<number>(this.#expected.length).fill(0);
    const unseen = new Map<Category, number>();
    for (const category of window) {
      const column = this.#columns.get(category) ?? this.#other;
      if (column !== null) current[column]!++;
      else unseen.set(category, (unseen.get(category) ?? 0) + 1);
    }
    const expected = [...this.#expected];
    for (const count of unseen.values()) {
      current.push(count);
      expected.push(0);
    }
    const result = this.#testCounts(poolSparse(current, expected, this.#minExpected));
    if (result === null) return null;
    const notes = [result.note, unseen.size === 0 ? null : unseenNote([...unseen.keys()])].filter((note) => note !== null);
    return { ...result, n: window.length, referenceN: this.#referenceN, note: notes.length === 0 ? null : notes.join('; ') };
  }
}

/** The two rows with every column that is expected less than `minExpected` times in either of them pooled into one. */
export function poolSparse(first: readonly number[], second: readonly number[], minExpected: number): [number[], number[]] {
  const firstTotal = first.reduce((sum, count) => sum + count, 0);
  const secondTotal = second.reduce((sum, count) => sum + count, 0);
  // A column's expected count in the smaller row is its total times that row's share.
  const enough = (minExpected * (firstTotal + secondTotal)) / Math.min(firstTotal, secondTotal);
  const rows: [number[], number[]] = [[], []];
  let pooledFirst = 0;
  let pooledSecond = 0;
  for (const [column, count] of first.entries()) {
    const other = second[column]!;
    if (count + other >= enough) {
      rows[0].push(count);
      rows[1].push(other);
    } else {
      pooledFirst += count;
      pooledSecond += other;
    }
  }
  const pooled = pooledFirst + pooledSecond;
  if (pooled === 0) return rows;
  if (pooled < enough && rows[0].length > 0) {
    let rarest = 0;
    for (let column = 1; column < rows[0].length; column++) {
      if (rows[0][column]! + rows[1][column]! < rows[0][rarest]! + rows[1][rarest]!) rarest = column;
    }
    rows[0][rarest]! += pooledFirst;
    rows[1][rarest]! += pooledSecond;
  } else {
    rows[0].push(pooledFirst);
    rows[1].push(pooledSecond);
  }
  return rows;
}

/** How often each category comes, in order of first appearance. */
export function countsOf(values: readonly Category[]): Map<Category, number> {
  const counts = new Map<Category, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function unseenNote(unseen: readonly Category[]): string {
  const named = unseen.slice(0, MOST_NAMED).map((category) => {
    const name = String(category);
    return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
  });
  const more = unseen.length - named.length;
  return `unseen: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
