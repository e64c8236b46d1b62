/**
 * The cuts of ADWIN's window: its borders between two buckets, each with the difference of the means on its sides and the bound ε on it
 * (the formula is in `adwin.ts`).
 *
 * A quick search goes first. It passes over windows without a cut, and a full search in river's order of operations has the last word. The
 * quick one spares the older buckets while nothing that it found there last time can have become a cut.
 *
 * Cost: O(buckets) a search; O(maxBuckets) for most of those that follow closely on another.
 */
import type { AdwinWindow } from './adwin-window.ts';

/** How far below the real bound a cut must lie before the quick search passes over it. */
const SLACK = 1e-3;
const ROUNDING = 2 ** -53;
/** Values in a bucket of each row; looked up, as powers are slow. */
const SIZES = Float64Array.from({ length: 64 }, (_, row) => 2 ** row);
/** How far the width may outgrow the one whose logarithm is remembered: by so much it changes L by less than 1 %. */
const FLOOR_GROWTH = 1.05;
/** Rows below this are searched every time: a new value changes the means most at the cuts between the newest. */
const NEWER_ROWS = 2;
/** How near to the bound, in squares, a cut between older buckets may be for them to be spared. */
const TAME = 0.7;
/** Weighs that nearness against how far the mean may move until they are searched again. */
const CAUTION = 4;

/** Searches one window. */
export class AdwinCuts {
  readonly #window: AdwinWindow;
  readonly #delta: number = 0;
  /** w of the formula, and the shortest part that a cut may have. */
  readonly #minWindow: number = 0;
  readonly #shortest: number = 0;
  /** |μ0 − μ1| and ε of the last cut that `find` found. */
  difference = 0;
  bound = 0;
  /** A width since which the window has only grown by little, and its L. */
  #floorWidth = Infinity;
  #logFloor = 0;
  /** The older buckets when they were last searched: whether all their cuts were tame, values and sum of all, mean and bound of then. */
  #tame = false;
  #older = 0;
  #olderTotal = 0;
  #olderMean = 0;
  #olderBound = 0;

  constructor(window: AdwinWindow, delta: number, minWindow: number, shortest: number) {
    this.#window = window;
    this.#delta = delta;
    this.#minWindow = minWindow;
    this.#shortest = shortest;
  }

  /** Whether some cut's means differ by more than ε; keeps `difference` and `bound` of the first that do. */
  find(): boolean {
    this.#window.settle();
    if (!this.#mayHold()) return false;
    // The search may shrink the window.
    this.#tame = false;
    return this.#search();
  }

  /** To be told when the window was cleared. */
  forget(): void {
    this.#tame = false;
  }

  /**
   * Whether a cut is possible at all: exact in saying no, quick because it takes one division for all cuts and no root.
   *
   * With d = u0 − n0 · mean the means differ by d·W/(n0·n1), and m ≥ K/(n0·n1) with K = W − 2w + 2. So a cut needs
   * d² > c·n0·n1 with c = 2Kσ²L/W² (its second term left out), here with c made smaller by SLACK and L that of a smaller width. The rounding
   * of d and of the running sums of the full search stays below 4k·2⁻⁵³·W·√(σ² + mean²) for k buckets (each partial sum is at most
   * W·√(σ² + mean²) by Cauchy–Schwarz); where that is not far below the smallest bound that SLACK leaves, the answer is yes and the full
   * search decides.
   */
  #mayHold(): boolean {
    const window = this.#window;
    const width = window.width;
    const shortest = this.#shortest;
    const last = width - shortest;
    if (last < shortest) return false;
    // One division, as SLACK has room for what the reciprocal rounds.
    const part = 1 / width;
    const mean = window.total * part;
    const variance = window.squares * part;
    const cut = 2 * (width - 2 * this.#minWindow + 2) * variance * this.#logFloorFor(width) * part * part;
    const rounding = 4 * ROUNDING * window.rows * window.slots * width;
    const smallest = (SLACK / 8) ** 2 * cut * shortest * last;
    if (!(rounding * rounding * (variance + mean * mean) < smallest)) return true;

    const bound = cut * (1 - SLACK);
    const totals = window.totals;
    const starts = window.starts;
    const ends = window.ends;
    let spared = this.#sparedBuckets(width, mean, bound);
    if (spared < 0) {
      if (this.#olderMayHold(width, mean, bound)) return true;
      spared = ends[NEWER_ROWS]! - starts[NEWER_ROWS]!;
    }
    let older = this.#older;
    let olderTotal = this.#olderTotal;
    for (let row = NEWER_ROWS, size = SIZES[row]!; row >= 0 && older < last; row--, size /= 2) {
      const end = ends[row]!;
      for (let slot = starts[row]! + spared; slot < end; slot++) {
        older += size;
        olderTotal += totals[slot]!;
        const difference = olderTotal - older * mean;
        if (difference * difference > bound * older * (width - older) && older >= shortest && older <= last) return true;
      }
      spared = 0;
    }
    return false;
  }

  /** The quick search of all rows but the newest; `bound` is c. Keeps what `sparedBuckets` asks for. */
  #olderMayHold(width: number, mean: number, bound: number): boolean {
    const { rows, totals, starts, ends } = this.#window;
    const shortest = this.#shortest;
    const last = width - shortest;
    const tameBound = bound * TAME;
    let tame = rows > NEWER_ROWS;
    let older = 0;
    let olderTotal = 0;
    for (let row = rows - 1, size = SIZES[row]!; row >= NEWER_ROWS; row--, size /= 2) {
      const from = starts[row]!;
      const end = ends[row]!;
      for (let slot = from; slot < end; slot++) {
        older += size;
        olderTotal += totals[slot]!;
        const difference = olderTotal - older * mean;
        const square = difference * difference;
        const sides = older * (width - older);
        if (square > tameBound * sides && older >= shortest) {
          tame = false;
          if (square > bound * sides && older <= last) return true;
        }
      }
    }
    this.#tame = tame;
    this.#older = older;
    this.#olderTotal = olderTotal;
    this.#olderMean = mean;
    this.#olderBound = tameBound;
    return false;
  }

  /**
   * How many buckets of the oldest of the newer rows, and all of those before them, need not be searched; negative where all must be.
   *
   * The older buckets keep their values; their cuts become fewer, by merging, and never more. While the mean moves by M, d = u0 − n0 · mean
   * moves by n0·M, and n1 only grows. So d/√(n0·n1) stays within √(bound of then) + √(n0/n1)·M, whose n0/n1 is largest at the last cut;
   * its square within (1 + 1/CAUTION) · bound of then + (1 + CAUTION) · n0/n1 · M², for any CAUTION (Young's inequality).
   * That takes two more roundings of d, for which SLACK has room.
   */
  #sparedBuckets(width: number, mean: number, bound: number): number {
    if (!this.#tame) return -1;
    const { starts, ends } = this.#window;
    const newer = width - this.#older;
    const moved = mean - this.#olderMean;
    if ((1 + CAUTION) * this.#older * moved * moved > (bound - (1 + 1 / CAUTION) * this.#olderBound) * newer) return -1;
    let after = newer;
    for (let row = 0; row < NEWER_ROWS; row++) after -= (ends[row]! - starts[row]!) * SIZES[row]!;
    // A whole number, as what merges into this row comes in whole buckets. Negative where the last cut is gone, two buckets at its sides
    // having merged into one of the next row: there is no place to begin at.
    return ends[NEWER_ROWS]! - starts[NEWER_ROWS]! - after / SIZES[NEWER_ROWS]!;
  }

  /** Whether some cut's means differ by more than ε; remembers the first that do. */
  #search(): boolean {
    const window = this.#window;
    const width = window.width;
    const minWindow = this.#minWindow;
    const shortest = this.#shortest;
    const logTerm = this.#logTerm();
    const variance = window.squares / width;
    let older = 0;
    let newer = width;
    let olderTotal = 0;
    let newerTotal = window.total;
    for (let row = window.rows - 1, size = SIZES[row]!; row >= 0; row--, size /= 2) {
      const from = window.starts[row]!;
      const end = window.ends[row]!;
      for (let slot = from; slot < end; slot++) {
        const total = window.totals[slot]!;
        older += size;
        newer -= size;
        olderTotal += total;
        newerTotal -= total;
        if (newer < shortest) return false;
        if (older < shortest) continue;
        const difference = Math.abs(olderTotal / older - newerTotal / newer);
        const bound = cutBound(older, newer, minWindow, variance, logTerm);
        if (difference > bound) {
          this.difference = difference;
          this.bound = bound;
          return true;
        }
      }
    }
    return false;
  }

  /** The cut whose difference is the largest part of its bound, or null where the window has none. */
  nearest(): { difference: number; bound: number } | null {
    const window = this.#window;
    window.settle();
    const width = window.width;
    const minWindow = this.#minWindow;
    const shortest = this.#shortest;
    if (width < 2 * shortest) return null;
    const logTerm = this.#logTerm();
    const variance = window.squares / width;
    let nearest: { difference: number; bound: number } | null = null;
    let older = 0;
    let olderTotal = 0;
    for (let row = window.rows - 1; row >= 0; row--) {
      const from = window.starts[row]!;
      for (let slot = from; slot < window.ends[row]!; slot++) {
        older += 2 ** row;
        olderTotal += window.totals[slot]!;
        const newer = width - older;
        if (older < shortest || newer < shortest) continue;
        const difference = Math.abs(olderTotal / older - (window.total - olderTotal) / newer);
        const bound = cutBound(older, newer, minWindow, variance, logTerm);
        if (nearest === null || difference * nearest.bound > nearest.difference * bound) nearest = { difference, bound };
      }
    }
    return nearest;
  }

  /** L of a width at most this and hardly below it: L grows with the width, and logarithms are the dearest part of a quick search. */
  #logFloorFor(width: number): number {
    if (width < this.#floorWidth || width > this.#floorWidth * FLOOR_GROWTH) {
      this.#floorWidth = width;
      this.#logFloor = this.#logTerm();
    }
    return this.#logFloor;
  }

  #logTerm(): number {
    return Math.log((2 * Math.log(this.#window.width)) / this.#delta);
  }
}

/** ε of the header for one cut. `variance` is per observation. */
function cutBound(older: number, newer: number, minWindow: number, variance: number, logTerm: number): number {
  const m = 1 / (older - minWindow + 1) + 1 / (newer - minWindow + 1);
  return Math.sqrt(2 * m * variance * logTerm) + (2 / 3) * logTerm * m;
}
