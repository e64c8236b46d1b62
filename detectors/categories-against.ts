/**
 * What the tests over categories share: the reference's counts, the window's beside them, unseen categories named.
 */
import type { TestResult, WindowedTest } from '../contracts/detector.ts';
import type { CountedCategories } from '../contracts/sketch.ts';
import type { Counts } from './sparse-counts.ts';

/** A category; a number and its text are two. */
export type Category = number | string;

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
  readonly #testCounts: CountsTest;

  constructor(reference: readonly Category[] | CountedCategories, testCounts: CountsTest) {
    const { counts, other } = 'counts' in reference ? reference : { counts: countsOf(reference), other: null };
    for (const category of counts.keys()) this.#columns.set(category, this.#columns.size);
    this.#expected = [...counts.values()];
    this.#other = other === null ? null : this.#expected.push(other) - 1;
    this.#referenceN = this.#expected.reduce((sum, count) => sum + count, 0);
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
    const result = this.#testCounts([current, expected]);
    if (result === null) return null;
    const notes = [result.note, unseen.size === 0 ? null : unseenNote([...unseen.keys()])].filter((note) => note !== null);
    return { ...result, n: window.length, referenceN: this.#referenceN, note: notes.length === 0 ? null : notes.join('; ') };
  }
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
