/**
 * A comparison as a table for the terminal: what matters most first.
 */
import type { ColumnComparison, Comparison, Verdict } from './columns.ts';
import { chance, figure, percent, several, togetherInWords } from './words.ts';

const HEADINGS = ['column', 'verdict', 'effect', 'test', 'p', 'adjusted p', 'missing', 'what'];
const LONGEST_NAME = 28;
const COLOURS: { readonly [verdict in Verdict]: string } = { drift: '31', insufficient: '33', same: '32', skipped: '90' };

/** Lines of the table. `width` in characters cuts the last column; null = nothing is cut. */
export function tableOf(comparison: Comparison, layout: { readonly width: number | null; readonly colour: boolean }): string[] {
  const rows = comparison.columns.map(cellsOf);
  const widths = HEADINGS.map((heading, place) => Math.max(heading.length, ...rows.map((row) => row[place]!.length)));
  const line = (cells: readonly string[], verdict: Verdict | null) => {
    const padded = cells.map((cell, place) => (place === cells.length - 1 ? cell : cell.padEnd(widths[place]!)));
    const text = padded.join('  ').trimEnd();
    const cut = layout.width !== null && text.length > layout.width ? `${text.slice(0, layout.width - 1)}…` : text;
    return layout.colour && verdict !== null ? cut.replace(verdict, `\u001b[${COLOURS[verdict]}m${verdict}\u001b[0m`) : cut;
  };
  const { together } = comparison;
  const lines = [line(HEADINGS, null), ...rows.map((row, place) => line(row, comparison.columns[place]!.verdict))];
  return together === null ? lines : [...lines, '', printable(togetherInWords(together))];
}

/** The comparison in one sentence. */
export function headlineOf({ columns, together, reference, current }: Comparison): string {
  const count = (verdict: Verdict) => columns.filter((column) => column.verdict === verdict).length;
  const parts = [
    count('drift') === 0
      ? together?.verdict === 'drift'
        ? 'drift of the columns together, of none alone'
        : 'no drift found'
      : `${several(count('drift'), 'column')} drifted`,
    ...(['insufficient', 'same', 'skipped'] as const)
      .filter((verdict) => count(verdict) > 0)
      .map((verdict) => `${count(verdict)} ${verdict}`),
  ];
  return `${current.path} (${several(current.rows, 'row')}) against ${reference.path} (${several(reference.rows, 'row')}): ${parts.join(', ')}`;
}

/** What the verdicts rest on. */
export function rulesOf({ settings, tests }: Comparison): string {
  const { q, threshold, minSamples } = settings;
  return (
    `drift = effect (D or Cramér’s V) of ${threshold} or more, and adjusted p of ${q} or less (Benjamini–Hochberg over ${several(tests, 'test')}); ` +
    `insufficient = fewer than ${minSamples} values a side, or too few to see twice that effect`
  );
}

function cellsOf({ name, verdict, test, reference, current, reasons }: ColumnComparison): string[] {
  return [
    name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name,
    verdict,
    test === null ? '' : `${test.effectName === 'D' ? 'D' : 'V'} ${test.effect.toFixed(3)}`,
    test === null ? '' : test.type === 'chi-squared' ? `chi-squared ${figure(test.statistic)}` : test.type,
    test === null ? '' : chance(test.pValue),
    test === null ? '' : chance(test.adjustedPValue),
    missingOf(reference?.missing ?? 0, current?.missing ?? 0),
    reasons.join('; '),
  ].map(printable);
}

function missingOf(before: number, now: number): string {
  if (before === 0 && now === 0) return '';
  return percent(before) === percent(now) ? percent(now) : `${percent(before)} → ${percent(now)}`;
}

/** A file's texts must not steer the terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
