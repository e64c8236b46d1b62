/** What stands between the cells of a text table, told from how it begins. */

const DELIMITERS = [',', ';', '\t', '|'] as const;
/** Lines from which the delimiter is guessed. */
const LINES_LOOKED_AT = 20;

/**
 * The delimiter that parts the first lines into equally many cells, most cells first; a comma where none does.
 * Delimiters inside quotes do not count.
 */
export function guessDelimiter(head: string): string {
  const plain = head.replace(/"(?:[^"]|"")*("|$)/g, '');
  const all = plain.split(/\r?\n/);
  // The last line may be cut off by the limit of the look.
  const lines = (all.length > 2 ? all.slice(0, -1) : all).filter((line) => line.trim() !== '').slice(0, LINES_LOOKED_AT);
  let best = ',';
  let bestCount = 0;
  for (const delimiter of DELIMITERS) {
    const counts = lines.map((line) => line.split(delimiter).length - 1);
    const even = counts.every((count) => count === counts[0]) ? 1 : 0;
    const count = (counts[0] ?? 0) * (even === 1 ? 1_000 : 1);
    if (count > bestCount) {
      best = delimiter;
      bestCount = count;
    }
  }
  return best;
}

/** Signs that part cells in some files and stand in names and values of others. */
const DOUBTFUL = [':', '^', ' '] as const;
const LONGEST_SHOWN = 60;

/** What to say where a table came out as one column though its name looks like several; null elsewhere. */
export function delimiterHint(columns: readonly string[]): string | null {
  const [only] = columns;
  const sign = columns.length === 1 ? DOUBTFUL.find((one) => only?.includes(one)) : undefined;
  if (only === undefined || sign === undefined) return null;
  const shown = only.length > LONGEST_SHOWN ? `${only.slice(0, LONGEST_SHOWN - 1)}…` : only;
  const parts = sign === ' ' ? 'blanks part' : `${sign} parts`;
  return `it was read as one column, ${shown}; if ${parts} its cells, write it with commas, semicolons, tabs or bars`;
}
