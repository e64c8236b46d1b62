/**
 * What people compare of a window and its reference: the middle of numbers or the most frequent category, and the share that is missing.
 */
import { median } from 'simple-statistics';
import type { TestResult, Value } from '../contracts/detector.ts';
import type { ReferenceSketch } from '../contracts/sketch.ts';
import { countsOf } from '../detectors/categories-against.ts';
import { spreadOut } from '../detectors/sketches/spread-out.ts';
import type { WindowedWatch } from './watch-list.ts';
import { observesNumbers, type WatchedCell } from './watched-cells.ts';

/** Characters of a category in a note. */
const LONGEST_NAME = 40;

/** What people compare: the middle of numbers, or the most frequent category, and the share that is missing. */
export interface Summary {
  readonly values: number;
  readonly missing: number;
  readonly centre: string;
}

/** Of the cells of a watch, and of those among them that have a value. */
export function summarise(watch: WindowedWatch, cells: readonly WatchedCell[], values: readonly Value[]): Summary {
  const missing = cells.length === 0 ? 0 : 1 - values.length / cells.length;
  if (values.length === 0) return { values: 0, missing, centre: 'no values' };
  // `valuesOf` gives numbers to a watch that observes them, else categories.
  const centre = observesNumbers(watch) ? middle(median(values as number[])) : mostOf(countsOf(values as string[]), values.length);
  return { values: values.length, missing, centre };
}

/** Of a reference without rows. */
export function summariseSketch({ n, missing, numbers, categories }: ReferenceSketch): Summary {
  const centre = n === 0 ? 'no values' : categories !== null ? mostOf(categories.counts, n) : middle(spreadOut(numbers!, 1)[0]!);
  return { values: n, missing: n + missing === 0 ? 0 : missing / (n + missing), centre };
}

function middle(median: number): string {
  return `median ${Number(median.toPrecision(3))}`;
}

function mostOf(counts: ReadonlyMap<number | string, number>, n: number): string {
  let [most, times]: [number | string, number] = ['', 0];
  for (const [category, count] of counts) if (count > times) [most, times] = [category, count];
  const name = String(most);
  return `${name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name} in ${percent(times / n)}`;
}

/** Between which bounds an effect lies that a sketch leaves open. */
export function openWords({ definition }: WindowedWatch, { effect, atMost }: TestResult): string {
  const figure = (value: number) => Number(value.toPrecision(3));
  return `${definition.effect} lies between ${figure(effect)} and ${figure(atMost?.effect ?? effect)}, and the sketch of the reference cannot tell where`;
}

/** `18.4 %`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
