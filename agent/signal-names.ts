/**
 * Names of columns as signals (`inputs.age`), each put together once: a text put together anew is hashed anew wherever it is looked up,
 * which for a record of twenty columns cost more than the detectors did.
 */

/** Names are of a schema, or come with traffic; those without end must not fill the memory. */
const MOST_NAMES = 1_000;

const names = { inputs: new Map<string, string>(), outputs: new Map<string, string>() };

/** Columns that records have together, and their signals. */
interface Layout {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly signals: readonly string[];
}
/** Those met last, for records of several models or versions that take turns. */
const MOST_LAYOUTS = 4;
let layouts: readonly Layout[] = [];

/** The signals of a record with these columns, inputs first. One list for all records of the same columns, so that what was found for each is found at its place. */
export function signalNames(inputs: readonly string[], outputs: readonly string[]): readonly string[] {
  for (const layout of layouts) if (isSame(inputs, layout.inputs) && isSame(outputs, layout.outputs)) return layout.signals;
  const signals = [...inputs.map((column) => signalName('inputs', column)), ...outputs.map((column) => signalName('outputs', column))];
  layouts = [{ inputs, outputs, signals }, ...layouts.slice(0, MOST_LAYOUTS - 1)];
  return signals;
}

/** `side.column`. */
export function signalName(side: 'inputs' | 'outputs', column: string): string {
  const known = names[side].get(column);
  if (known !== undefined) return known;
  if (names[side].size >= MOST_NAMES) names[side].clear();
  const signal = `${side}.${column}`;
  names[side].set(column, signal);
  return signal;
}

function isSame(columns: readonly string[], others: readonly string[]): boolean {
  if (columns.length !== others.length) return false;
  for (let k = 0; k < columns.length; k++) if (columns[k] !== others[k]) return false;
  return true;
}
