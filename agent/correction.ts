/**
 * Corrects the p-values of a window's tests: all of a monitor together, or those of each slice by themselves.
 */
import type { MonitorPolicy } from '../contracts/policy.ts';
import { adjust } from '../detectors/multiple-testing.ts';

/** A test as the correction sees it. */
export interface Corrected {
  /** Null = it had too little to judge, and is no test. */
  readonly pValue: number | null;
  readonly slice: string | null;
}

/** Adjusted p-values in the order given, and how many tests each was corrected with; null where there was no test. */
export function correct(
  { method, family }: MonitorPolicy['correction'],
  tests: readonly Corrected[],
): { readonly adjusted: readonly (number | null)[]; readonly tests: readonly number[] } {
  const adjusted = new Array<number | null>(tests.length).fill(null);
  const together = new Array<number>(tests.length).fill(0);
  const families = Map.groupBy(tests.keys(), (index) => (family === 'slice' ? tests[index]!.slice : null));
  for (const places of families.values()) {
    const tested = places.filter((place) => tests[place]!.pValue !== null);
    const corrected = adjust(
      method,
      tested.map((place) => tests[place]!.pValue),
    );
    for (const [index, place] of tested.entries()) adjusted[place] = corrected[index] ?? null;
    for (const place of places) together[place] = tested.length;
  }
  return { adjusted, tests: together };
}

/** Families that are corrected by themselves. */
export function familiesOf({ family }: MonitorPolicy['correction'], tests: readonly Pick<Corrected, 'slice'>[]): number {
  return family === 'slice' ? new Set(tests.map(({ slice }) => slice)).size : 1;
}
