/**
 * A concurrent control as what a window is compared with: rows that another upstream served meanwhile. Whatever changed for both, the hour
 * and the season with it, makes no difference between them.
 */
import type { Comparison } from './reference.ts';
import type { ClosedWindow } from './windows.ts';

/** @param minSamples values that each side must have */
export function controlOf({ control }: Pick<ClosedWindow, 'control'>, of: string, minSamples: number): Comparison {
  return {
    minSamples,
    cells: (signal) => control?.get(signal) ?? [],
    sketch: () => null,
    note: () => `compared with what ${of} served meanwhile`,
    source: () => `upstream ${of}`,
  };
}
