/**
 * A test of all columns together against a reference: a sample of its rows, encoded once; a window's rows sampled and encoded each time.
 *
 * The samples are drawn at random and not evenly spread: what recurs (an hour, a batch) must not fall in step with the drawing.
 */
import type { Row, TestResult, WindowedTest } from '../contracts/detector.ts';
import { Random, upTo } from './performance/random.ts';
import { RowEncoder, type Rows } from './row-encoder.ts';

/** What a test says of encoded rows. */
export interface RowsVerdict extends Pick<TestResult, 'statistic' | 'pValue' | 'score' | 'effect'> {
  /** How much of it comes from each column, in any unit; null = not weighed. */
  readonly shares: readonly number[] | null;
}

/** p-value up to which it is worth knowing which columns it comes from. */
export const WORTH_A_NOTE = 0.05;
/** Columns that a note names at most, and the share of the first one's part that the last must have. */
const NAMED = 3;
const LEAST_PART = 1 / 3;

/** @param judge `owners`: the column that each place of an encoded row belongs to */
export class RowsAgainst implements WindowedTest<Row> {
  readonly #names: readonly string[] | undefined;
  readonly #chosen: { readonly mostRows: number; readonly seed: number };
  readonly #judge: (window: Rows, reference: Rows, owners: Int32Array) => RowsVerdict | null;
  readonly #encoder: RowEncoder;
  readonly #reference: Rows;
  readonly #referenceN: number;

  constructor(
    reference: readonly Row[],
    names: readonly string[] | undefined,
    chosen: { readonly mostRows: number; readonly seed: number },
    judge: (window: Rows, reference: Rows, owners: Int32Array) => RowsVerdict | null,
  ) {
    this.#names = names;
    this.#chosen = chosen;
    this.#judge = judge;
    const sample = this.#sample(reference);
    this.#encoder = new RowEncoder(sample);
    this.#reference = this.#encoder.encode(sample);
    this.#referenceN = reference.length;
  }

  test(window: readonly Row[]): TestResult | null {
    const verdict = this.#judge(this.#encoder.encode(this.#sample(window)), this.#reference, this.#encoder.owners);
    if (verdict === null) return null;
    const { shares, ...figures } = verdict;
    const note = shares === null ? null : mostlyIn(this.#names, shares);
    return { ...figures, degreesOfFreedom: null, n: window.length, referenceN: this.#referenceN, note };
  }

  /** At most `mostRows` rows, in the order given. */
  #sample(rows: readonly Row[]): readonly Row[] {
    const { mostRows, seed } = this.#chosen;
    if (rows.length <= mostRows) return rows;
    const drawn = new Random(seed).shuffle(upTo(rows.length), mostRows).subarray(0, mostRows).toSorted();
    return Array.from(drawn, (row) => rows[row]!);
  }
}

/** The columns of which most came, in words. */
function mostlyIn(names: readonly string[] | undefined, shares: readonly number[]): string | null {
  const ranked = shares.map((share, column) => ({ share, name: names?.[column] ?? `column ${column}` })).sort((a, b) => b.share - a.share);
  const largest = ranked[0]?.share ?? 0;
  if (!(largest > 0)) return null;
  const told = ranked.slice(0, NAMED).filter(({ share }) => share >= LEAST_PART * largest);
  return `mostly in ${told.map(({ name }) => name).join(', ')}`;
}
