/**
 * What a windowed test is handed of the columns: the cells of its signal, or rows across the signals that it watches together.
 */
import type { Value } from '../contracts/detector.ts';
import type { Cell } from '../contracts/record.ts';
import { categoriesOf, categoryOf, numberOf, numbersOf } from './signals.ts';
import type { WindowedWatch } from './watch-list.ts';

/** A cell, or the cells of one row in the order of the watch's members. */
export type WatchedCell = Cell | readonly Cell[];

/** The columns that a watch looks at. */
export function signalsOf({ signal, members }: Pick<WindowedWatch, 'signal' | 'members'>): string[] {
  return members?.map((member) => member.signal) ?? [signal];
}

/** Cells of a watch by row; null where a column is not known, or columns have no rows in common. */
export function cellsOf(
  { signal, members }: Pick<WindowedWatch, 'signal' | 'members'>,
  columnOf: (signal: string) => readonly Cell[] | null | undefined,
): readonly WatchedCell[] | null {
  if (members === undefined) return columnOf(signal) ?? null;
  const columns = members.map((member) => columnOf(member.signal) ?? null);
  const [first] = columns;
  // A file's column and one that was learned from traffic stand in different rows: what goes together is not known.
  if (first === null || first === undefined || columns.some((column) => column?.length !== first.length)) return null;
  return first.map((_, row) => columns.map((column) => column![row] ?? null));
}

/** What a test sees of cells: what is present, as numbers or as categories; whole rows, what is missing among it. */
export function valuesOf(watch: WindowedWatch, cells: readonly WatchedCell[]): readonly Value[] {
  const { members } = watch;
  // Made by `cellsOf` of the same watch, which gives rows to those with members and cells to the others.
  if (members === undefined) return observesNumbers(watch) ? numbersOf(cells as readonly Cell[]) : categoriesOf(cells as readonly Cell[]);
  return (cells as readonly (readonly Cell[])[]).map((row) =>
    members.map(({ isNumber }, place) => (isNumber ? numberOf(row?.[place] ?? null) : categoryOf(row?.[place] ?? null))),
  );
}

/** What takes anything gets numbers from the slot of numeric signals. */
export function observesNumbers({ definition, choice, monitor }: WindowedWatch): boolean {
  return definition.observes === 'number' || (definition.observes === 'any' && choice === monitor.numeric);
}
