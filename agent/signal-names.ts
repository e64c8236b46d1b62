/**
 * Names of columns as signals (`inputs.age`), each put together once: a text put together anew is hashed anew wherever it is looked up,
 * which for a record of twenty columns cost more than the detectors did.
 */

/** Names are of a schema, or come with traffic; those without end must not fill the memory. */
const MOST_NAMES = 1_000;

const names = { inputs: new Map<string, string>(), outputs: new Map<string, string>() };

/** `side.column`. */
export function signalName(side: 'inputs' | 'outputs', column: string): string {
  const known = names[side].get(column);
  if (known !== undefined) return known;
  if (names[side].size >= MOST_NAMES) names[side].clear();
  const signal = `${side}.${column}`;
  names[side].set(column, signal);
  return signal;
}
