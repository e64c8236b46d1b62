/**
 * Adjusted p-values that keep the chance of any false finding at most q, and Benjamini–Yekutieli's false discovery rate.
 *
 * A test whose adjusted p-value is at most q is a finding. Bonferroni, Holm and Hommel hold for p-values that depend on each other in any
 * way (Hochberg and Hommel for those that Simes' inequality covers), Holm–Šidák for independent ones; Benjamini–Yekutieli is
 * Benjamini–Hochberg for any dependence. In the order of their power: Bonferroni ≤ Holm ≤ Holm–Šidák, Holm ≤ Hochberg ≤ Hommel.
 *
 * Source: Holm. A Simple Sequentially Rejective Multiple Test Procedure. Scandinavian Journal of Statistics 6, 1979. Šidák. JASA 62, 1967.
 * Hochberg. Biometrika 75, 1988. Hommel. Biometrika 75, 1988, in the algorithm of Wright. Biometrics 48, 1992. Benjamini, Yekutieli. Annals of Statistics 29, 2001, §1.
 */
import type { Correction } from '../contracts/policy.ts';
import { adjustBenjaminiHochberg, adjustBonferroni } from './benjamini-hochberg.ts';

const ADJUSTERS: { readonly [method in Correction]: (pValues: readonly number[]) => number[] } = {
  'benjamini-hochberg': adjustBenjaminiHochberg,
  'benjamini-yekutieli': adjustBenjaminiYekutieli,
  bonferroni: adjustBonferroni,
  holm: adjustHolm,
  'holm-sidak': adjustHolmSidak,
  hochberg: adjustHochberg,
  hommel: adjustHommel,
  none: (pValues) => [...pValues],
};

/** Adjusted p-values in the order given; what was not tested stays null and does not count. */
export function adjust(method: Correction, pValues: readonly (number | null)[]): (number | null)[] {
  const adjusted = ADJUSTERS[method](pValues.filter((pValue) => pValue !== null));
  let next = 0;
  return pValues.map((pValue) => (pValue === null ? null : adjusted[next++]!));
}

/** max over j ≤ i of p₍ⱼ₎·(m − j + 1), at most 1, in the order given. The p-values lie in [0, 1]. */
export function adjustHolm(pValues: readonly number[]): number[] {
  return stepDown(pValues, (pValue, left) => pValue * left);
}

/** max over j ≤ i of 1 − (1 − p₍ⱼ₎)^(m − j + 1), in the order given. */
export function adjustHolmSidak(pValues: readonly number[]): number[] {
  // Through logarithms: 1 − (1 − p)^k is 0 in doubles for p below 1e-16.
  return stepDown(pValues, (pValue, left) => -Math.expm1(left * Math.log1p(-pValue)));
}

/** min over j ≥ i of p₍ⱼ₎·(m − j + 1), at most 1, in the order given. */
export function adjustHochberg(pValues: readonly number[]): number[] {
  const m = pValues.length;
  const order = ascendingOrder(pValues);
  const adjusted = new Float64Array(m);
  let smallest = 1;
  for (let place = m - 1; place >= 0; place--) {
    smallest = Math.min(smallest, pValues[order[place]!]! * (m - place));
    adjusted[place] = smallest;
  }
  return inGivenOrder(order, (place) => adjusted[place]!);
}

/** Closed testing with Simes' test, in the order given. Takes m² steps. */
export function adjustHommel(pValues: readonly number[]): number[] {
  const m = pValues.length;
  const order = ascendingOrder(pValues);
  const sorted = order.map((index) => pValues[index]!);
  const adjusted = new Float64Array(m);
  adjusted.fill(sorted.reduce((least, pValue, place) => Math.min(least, (m * pValue) / (place + 1)), Infinity));
  const level = Float64Array.from(adjusted);
  for (let size = m - 1; size > 1; size--) {
    // Simes' bound of the worst set of `size` hypotheses: all but the first m − size + 1 places are taken by the largest p-values.
    const free = m - size + 1;
    let bound = Infinity;
    for (let place = free; place < m; place++) bound = Math.min(bound, (size * sorted[place]!) / (2 + place - free));
    for (let place = 0; place < free; place++) level[place] = Math.min(size * sorted[place]!, bound);
    for (let place = free; place < m; place++) level[place] = level[free - 1]!;
    for (let place = 0; place < m; place++) adjusted[place] = Math.max(adjusted[place]!, level[place]!);
  }
  return inGivenOrder(order, (place) => Math.min(1, Math.max(adjusted[place]!, sorted[place]!)));
}

/** Benjamini–Hochberg's values times 1 + ½ + … + 1/m, at most 1, in the order given. */
export function adjustBenjaminiYekutieli(pValues: readonly number[]): number[] {
  let factor = 0;
  for (let k = 1; k <= pValues.length; k++) factor += 1 / k;
  // Clipped after the product: the values of the ordinary correction were clipped at 1 before, which stays at least 1.
  return adjustBenjaminiHochberg(pValues).map((pValue) => Math.min(1, pValue * factor));
}

function stepDown(pValues: readonly number[], bound: (pValue: number, left: number) => number): number[] {
  const m = pValues.length;
  const order = ascendingOrder(pValues);
  let largest = 0;
  const sorted = order.map((index, place) => {
    largest = Math.max(largest, bound(pValues[index]!, m - place));
    return Math.min(1, largest);
  });
  return inGivenOrder(order, (place) => sorted[place]!);
}

function ascendingOrder(pValues: readonly number[]): number[] {
  return pValues.map((_, index) => index).sort((a, b) => pValues[a]! - pValues[b]!);
}

function inGivenOrder(order: readonly number[], value: (place: number) => number): number[] {
  const given = new Array<number>(order.length);
  for (const [place, index] of order.entries()) given[index] = value(place);
  return given;
}
