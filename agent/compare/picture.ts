/**
 * What is drawn of a column: the shares of both sides in common bins, or by category.
 */

/** A stretch of numbers, [from, to), the last one with its end. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  /** Shares of the side's values, in [0, 1]. */
  readonly reference: number;
  readonly current: number;
}

/** A category, or all the rest. */
export interface Bar {
  readonly label: string;
  readonly reference: number;
  readonly current: number;
}

export type Picture =
  | {
      readonly kind: 'histogram';
      readonly bins: readonly Bin[];
      /** Whether the axis is logarithmic. */
      readonly log: boolean;
      /** Shares of both sides beyond the first and last bin. */
      readonly outside: { readonly reference: number; readonly current: number };
    }
  | { readonly kind: 'bars'; readonly bars: readonly Bar[]; readonly others: (Bar & { readonly categories: number }) | null };

const BINS = 40;
const MOST_STEP_BINS = 60;
/** Share at each end that may lie outside the axis, where it stretches it. */
const TAIL = 0.005;
const MOST_BARS = 10;

/** Bins over the pooled numbers, both ascending and neither empty. */
export function histogramOf(reference: Float64Array, current: Float64Array): Picture {
  const [low, high] = axisOf(reference, current);
  const log = isSkewed(reference, current, low, high);
  const edges = log ? powers(low, high) : (stepped(reference, current, low, high) ?? even(low, high));
  const inReference = counts(reference, edges);
  const inCurrent = counts(current, edges);
  return {
    kind: 'histogram',
    log,
    bins: Array.from({ length: edges.length - 1 }, (_, index) => ({
      from: edges[index]!,
      to: edges[index + 1]!,
      reference: inReference.bins[index]! / reference.length,
      current: inCurrent.bins[index]! / current.length,
    })),
    outside: { reference: inReference.outside / reference.length, current: inCurrent.outside / current.length },
  };
}

/** Bars by category: the given order for levels, else the most frequent ones; the rest as one. Counts by text, neither side empty. */
export function barsOf(
  reference: ReadonlyMap<string, number>,
  current: ReadonlyMap<string, number>,
  order: 'frequency' | 'given',
): Picture {
  const total = { reference: sum(reference), current: sum(current) };
  const bars = [...new Set([...reference.keys(), ...current.keys()])].map((label) => ({
    label,
    reference: (reference.get(label) ?? 0) / total.reference,
    current: (current.get(label) ?? 0) / total.current,
  }));
  if (order === 'given') bars.sort((one, other) => Number(one.label) - Number(other.label));
  else bars.sort((one, other) => Math.max(other.reference, other.current) - Math.max(one.reference, one.current));
  if (bars.length <= MOST_BARS) return { kind: 'bars', bars, others: null };
  const rest = bars.slice(MOST_BARS - 1);
  return {
    kind: 'bars',
    bars: bars.slice(0, MOST_BARS - 1),
    others: {
      label: `${rest.length} others`,
      categories: rest.length,
      reference: rest.reduce((all, bar) => all + bar.reference, 0),
      current: rest.reduce((all, bar) => all + bar.current, 0),
    },
  };
}

/** The value below which the share lies; of ascending numbers. */
export function quantile(ascending: Float64Array, share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))]!;
}

/** From the least to the largest value, unless few far ones would press the others into one bin. */
function axisOf(reference: Float64Array, current: Float64Array): [number, number] {
  const low = Math.min(quantile(reference, TAIL), quantile(current, TAIL));
  const high = Math.max(quantile(reference, 1 - TAIL), quantile(current, 1 - TAIL));
  const least = Math.min(reference[0]!, current[0]!);
  const most = Math.max(reference.at(-1)!, current.at(-1)!);
  const span = high - low;
  const from = span > 0 && low - least > span / 2 ? low : least;
  const to = span > 0 && most - high > span / 2 ? high : most;
  // The width of a span beyond the largest double is infinite.
  if (!Number.isFinite(to - from)) return [Math.max(from, -8e307), Math.min(to, 8e307)];
  if (from < to) return [from, to];
  return [from - 0.5, from + 0.5];
}

/** Positive numbers over many powers of ten, most of them near the lower end. */
function isSkewed(reference: Float64Array, current: Float64Array, low: number, high: number): boolean {
  const middle = Math.max(quantile(reference, 0.5), quantile(current, 0.5));
  return low > 0 && high / low > 1_000 && middle - low < (high - low) / 50;
}

function even(low: number, high: number): Float64Array {
  const edges = Float64Array.from({ length: BINS + 1 }, (_, index) => low + (index * (high - low)) / BINS);
  // The last edge must hold the largest value in spite of rounding.
  edges[BINS] = high;
  return edges;
}

function powers(low: number, high: number): Float64Array {
  const edges = even(Math.log10(low), Math.log10(high)).map((power) => 10 ** power);
  edges[0] = low;
  edges[BINS] = high;
  return edges;
}

/** Where the values lie on steps: bins about each step, or about as many steps each; else the bins would beat against the steps. */
function stepped(reference: Float64Array, current: Float64Array, low: number, high: number): Float64Array | null {
  const step = isWhole(reference) && isWhole(current) ? 1 : stepOf(reference, current);
  if (step === null) return null;
  const steps = Math.round((high - low) / step) + 1;
  if (steps > 1_000) return null;
  const width = step * (steps <= MOST_STEP_BINS ? 1 : Math.ceil(steps / BINS));
  const count = Math.ceil((steps * step) / width);
  return Float64Array.from({ length: count + 1 }, (_, index) => low - step / 2 + index * width);
}

/** The least gap between the values, where there are few different ones. */
function stepOf(reference: Float64Array, current: Float64Array): number | null {
  const levels = new Set<number>();
  for (const side of [reference, current]) {
    for (const value of side) {
      levels.add(value);
      if (levels.size > MOST_STEP_BINS) return null;
    }
  }
  const sorted = Float64Array.from(levels).sort();
  let gap = Number.POSITIVE_INFINITY;
  for (let place = 1; place < sorted.length; place++) gap = Math.min(gap, sorted[place]! - sorted[place - 1]!);
  return Number.isFinite(gap) && gap > 0 ? gap : null;
}

function counts(ascending: Float64Array, edges: Float64Array): { bins: Float64Array; outside: number } {
  const bins = new Float64Array(edges.length - 1);
  let outside = 0;
  let bin = 0;
  for (const value of ascending) {
    if (value < edges[0]! || value > edges.at(-1)!) {
      outside++;
      continue;
    }
    while (bin < bins.length - 1 && value >= edges[bin + 1]!) bin++;
    bins[bin]!++;
  }
  return { bins, outside };
}

function isWhole(numbers: Float64Array): boolean {
  return numbers.every(Number.isInteger);
}

function sum(counts: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}
