/**
 * Domain classifier: can a forest tell the window's rows from the reference's, from all columns together?
 *
 * The rows are dealt into halves; for each, a forest of extra-trees grown on the other one guesses which rows are the window's.
 * Statistic: the area under the ROC curve of the guesses, averaged over the halves; ½ where nothing tells the two apart. Below ½ says nothing.
 * p-value: of Mann and Whitney's statistic, one-sided, with its exact variance given the ties; the smaller of the halves', doubled. Under the
 * null hypothesis a half's labels are in random order whatever the other half's forest is, so each p-value holds.
 *
 * Source: Lopez-Paz, Oquab. Revisiting Classifier Two-Sample Tests. ICLR 2017. Geurts, Ernst, Wehenkel. Extremely Randomized Trees.
 * Machine Learning 63, 2006. Mann, Whitney. Annals of Mathematical Statistics 18, 1947; ties by Hemelrijk 1952.
 * Where p is at most 0.05 the note names the columns without whose values the guesses get worse most (Breiman. Random Forests. Machine
 * Learning 45, 2001, §10: each column's values are dealt anew among the rows judged).
 * Deviation: two halves and not one held-out part, so that every row is judged. Their statistics may not be added up: the forests share rows,
 * and the sum's p-values of 0.05 came in 10 % of 400 runs without a change, with two folds and with five. At most `mostRows` rows of each side are
 * taken, drawn at random.
 * Cost: two forests of `trees` trees, on up to `mostRows` rows each.
 */
import { defineWindowed, type Row } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { normalUpperTail } from './normal-tail.ts';
import type { Forest } from './performance/forest.ts';
import { growForest } from './performance/grow.ts';
import { Random, upTo } from './performance/random.ts';
import type { Rows } from './row-encoder.ts';
import { RowsAgainst, type RowsVerdict, WORTH_A_NOTE } from './rows-against.ts';

const options = {
  trees: { type: 'integer', minimum: 5, maximum: 500, default: 30, description: 'Trees of each forest.' },
  minLeaf: { type: 'integer', minimum: 1, maximum: 1_000, default: 20, description: 'Rows that a leaf holds at least.' },
  mostRows: {
    type: 'integer',
    minimum: 20,
    maximum: 20_000,
    default: 500,
    description: 'Rows of each side that are taken, drawn at random where there are more.',
  },
  seed: { type: 'integer', minimum: 0, default: 1, description: 'Seed of the draws: the same data give the same answer.' },
} as const;

/** What the classifier says. */
export interface DomainResult {
  /** In [0, 1]. */
  readonly auc: number;
  readonly pValue: number;
  /** Rows judged of each side. */
  readonly n: number;
  readonly referenceN: number;
  /** By how much the area falls without each column's values; called for where it is worth it. */
  readonly importances: (owners: Int32Array) => number[];
}

type Growth = Pick<OptionsOf<typeof options>, 'trees' | 'minLeaf' | 'seed'>;

/** A forest with the rows that it judges, the window's and the reference's. */
interface Judged {
  readonly forest: Forest;
  readonly sides: readonly [Rows, Rows];
  readonly auc: number;
}

/** Judges a window of rows against the reference's; null where either has fewer than two rows, or there is no column. */
export function domainTest(window: Rows, reference: Rows, growth: Growth): DomainResult | null {
  const { columns } = reference;
  if (window.rows < 2 || reference.rows < 2 || columns === 0) return null;
  const random = new Random(growth.seed);
  const halves = [window, reference].map((rows) => dealt(rows, random)) as [[Rows, Rows], [Rows, Rows]]; // one pair a side
  const judged: Judged[] = [];
  let pValue = 1;
  for (const half of [0, 1] as const) {
    const forest = grown([halves[0][1 - half]!, halves[1][1 - half]!], growth, random);
    const sides = [halves[0][half], halves[1][half]] as const;
    const { wins, variance } = mannWhitney(scoresOf(forest, sides[0]), scoresOf(forest, sides[1]));
    const pairs = sides[0].rows * sides[1].rows;
    pValue = Math.min(pValue, 2 * normalUpperTail(variance > 0 ? (wins - pairs / 2) / Math.sqrt(variance) : 0));
    judged.push({ forest, sides, auc: wins / pairs });
  }
  const auc = (judged[0]!.auc + judged[1]!.auc) / 2;
  return {
    auc,
    pValue,
    n: window.rows,
    referenceN: reference.rows,
    importances: (owners) => importancesOf(judged, owners, new Random(growth.seed)),
  };
}

/** A forest that answers with the share of the window's rows among those like the one asked about. */
function grown([window, reference]: readonly [Rows, Rows], { trees, minLeaf }: Growth, random: Random): Forest {
  const { columns } = reference;
  const data = new Float64Array((window.rows + reference.rows) * columns);
  data.set(window.data);
  data.set(reference.data, window.rows * columns);
  const targets = new Float64Array(window.rows + reference.rows).fill(1, 0, window.rows);
  return growForest(
    { rows: targets.length, columns, data },
    targets,
    {
      trees,
      criterion: 'squared-error',
      cut: 'random',
      minLeaf,
      featureFraction: Math.max(1 / columns, Math.min(1, 1 / Math.sqrt(columns))),
      bootstrap: false,
    },
    random,
  );
}

function scoresOf(forest: Forest, { rows, columns, data }: Rows): number[] {
  return Array.from({ length: rows }, (_, row) => forest.predict(data, row * columns).mean);
}

/** What dealing each column's values anew among the rows judged takes from the area, over both halves. */
function importancesOf(judged: readonly Judged[], owners: Int32Array, random: Random): number[] {
  return Array.from({ length: (owners.at(-1) ?? -1) + 1 }, (_, column) => {
    const from = owners.indexOf(column);
    const to = owners.lastIndexOf(column) + 1;
    let fall = 0;
    for (const { forest, sides, auc } of judged) {
      const [window, reference] = sides;
      const { columns } = window;
      const total = window.rows + reference.rows;
      const source = (row: number) =>
        row < window.rows ? { data: window.data, at: row * columns } : { data: reference.data, at: (row - window.rows) * columns };
      const order = random.shuffle(upTo(total));
      const input = new Float64Array(columns);
      const scores = Array.from({ length: total }, (_, row) => {
        const own = source(row);
        const other = source(order[row]!);
        input.set(own.data.subarray(own.at, own.at + columns));
        input.set(other.data.subarray(other.at + from, other.at + to), from);
        return forest.predict(input).mean;
      });
      const { wins } = mannWhitney(scores.slice(0, window.rows), scores.slice(window.rows));
      fall += auc - wins / (window.rows * reference.rows);
    }
    return fall;
  });
}

/** Pairs in which the first sample's value is the larger, ties counting half, and the variance of their number when labels are at random. */
export function mannWhitney(first: readonly number[], second: readonly number[]): { readonly wins: number; readonly variance: number } {
  const n = first.length;
  const m = second.length;
  const pooled = [...first, ...second];
  const order = pooled.map((_, index) => index).sort((a, b) => pooled[a]! - pooled[b]!);
  let wins = 0;
  let ties = 0;
  let below = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let ours = 0;
    while (to < order.length && pooled[order[to]!] === pooled[order[from]!]) if (order[to++]! < n) ours++;
    const size = to - from;
    wins += ours * (below + (size - ours) / 2);
    below += size - ours;
    ties += size ** 3 - size;
    from = to;
  }
  const total = n + m;
  return { wins, variance: total < 2 ? 0 : ((n * m) / 12) * (total + 1 - ties / (total * (total - 1))) };
}

/** The rows in two halves, at random. */
function dealt({ rows, columns, data }: Rows, random: Random): [Rows, Rows] {
  const order = random.shuffle(upTo(rows));
  const half = (from: number): Rows => {
    const count = Math.ceil((rows - from) / 2);
    const values = new Float64Array(count * columns);
    for (let place = 0; place < count; place++) {
      const at = order[2 * place + from]! * columns;
      values.set(data.subarray(at, at + columns), place * columns);
    }
    return { rows: count, columns, data: values };
  };
  return [half(0), half(1)];
}

function judge(window: Rows, reference: Rows, owners: Int32Array, growth: Growth): RowsVerdict | null {
  const result = domainTest(window, reference, growth);
  if (result === null) return null;
  const { auc, pValue, importances } = result;
  return { statistic: auc, pValue, effect: auc, shares: pValue > WORTH_A_NOTE ? null : importances(owners) };
}

/** A change of several columns together, by a classifier. */
export const domainClassifier = defineWindowed({
  type: 'domain-classifier',
  summary:
    'Tells the rows of a window from the reference’s, all columns together, by a forest; the area under its ROC curve says how well it can.',
  observes: 'rows',
  effect: 'auc',
  options,
  prepare: (chosen, reference: readonly Row[], names) =>
    new RowsAgainst(reference, names, chosen, (window, sample, owners) => judge(window, sample, owners, chosen)),
});
