/**
 * Two data files, column by column: what differs, how much, and whether that is more than chance.
 *
 * A column has drifted when its difference is significant (Benjamini–Hochberg over all tests) and at least as large as the threshold, or when
 * more or fewer values are missing (Cohen's h from 0.2, "small" after Cohen 1988), or when it changed its type, vanished, brings categories
 * that the reference's rare ones do not explain (Good 1953: as many are unseen as occur once), became constant, or repeats values that were
 * each another one before.
 */
import { adjustBenjaminiHochberg } from '../../detectors/benjamini-hochberg.ts';
import { countsOfNumbers, type DataColumn, MOST_DISTINCT } from '../data/column.ts';
import type { Data } from '../data/file.ts';
import type { ColumnComparison, CompareSettings, Comparison, MissingTest, Novelty, Side, Test, Together } from './columns.ts';
import { kindOf } from './kind.ts';
import { exampleOf, largestMove, moveOf, named } from './moves.ts';
import { barsOf, histogramOf, type Picture } from './picture.ts';
import { cohensH, otherUnits, summaryOf, testCounts, testNumbers } from './tests.ts';
import { testTogether } from './together.ts';
import { delimiterHint } from '../delimiter.ts';
import { type Draft, judge, judgeTogether } from './verdict.ts';
import { percent } from './words.ts';

/** Numbers with at most so many different values are compared value by value. */
const FEW_LEVELS = 10;
/** Share of the current values that new categories must make up, beyond what is to be expected. */
const LEAST_UNSEEN = 0.01;
/** Share of the values that must repeat others in a column that had no two alike. */
const LEAST_REPEATED = 0.01;
const MOST_NOVELTIES = 50;
/** From here on rows that follow each other are no independent draws. */
const STRONG_AUTOCORRELATION = 0.3;
/** Compares two files. */
export function compareData(reference: Data, current: Data, settings: CompareSettings): Comparison {
  const now = new Map(current.columns.map((column) => [column.name, column]));
  const before = new Set(reference.columns.map((column) => column.name));
  const drafts: Draft[] = reference.columns.map((column) => draftOf(column, now.get(column.name) ?? null, reference, current, settings));
  for (const column of current.columns) {
    if (before.has(column.name)) continue;
    const reasons = ['only in the current file'];
    drafts.push({ ...nothing(column.name), current: sideOf(column), reasons, skipped: true });
  }
  const whole = testTogether(reference, current, settings);
  const pValues = [...drafts.flatMap(({ test, missingTest }) => [test, missingTest]), whole]
    .filter((one) => one !== null)
    .map((one) => one.pValue);
  const adjusted = adjustBenjaminiHochberg(pValues)[Symbol.iterator]();
  const adjust = <T extends Test | MissingTest | Together>(test: T | null): T | null =>
    test === null ? null : { ...test, adjustedPValue: adjusted.next().value ?? 1 };
  const columns = drafts.map((draft) => judge({ ...draft, test: adjust(draft.test), missingTest: adjust(draft.missingTest) }, settings));
  const together = adjust(whole);
  columns.sort((one, other) => rank(one) - rank(other) || weight(other) - weight(one));
  const file = ({ path, format, rows, kept }: Data) => ({ path, format, rows, kept });
  return {
    reference: file(reference),
    current: file(current),
    settings,
    tests: pValues.length,
    columns,
    together: together === null ? null : judgeTogether(together, settings),
    notes: notesOn(reference, current, columns),
  };
}

function nothing(name: string): Draft {
  return {
    name,
    reasons: [],
    reference: null,
    current: null,
    test: null,
    missingTest: null,
    wasserstein: null,
    newCategories: [],
    vanishedCategories: [],
    picture: null,
    changed: false,
    skipped: false,
    moves: [],
  };
}

function draftOf(before: DataColumn, now: DataColumn | null, reference: Data, current: Data, settings: CompareSettings): Draft {
  const draft = { ...nothing(before.name), reference: sideOf(before) };
  if (now === null) return { ...draft, reasons: ['missing in the current file'], changed: true };
  const both = { ...draft, current: sideOf(now), missingTest: missingTestOf(before, now, reference, current, settings) };
  const kind = kindOf(before, now);
  const lost = varietyLost(before, now, reference.kept, current.kept, settings);
  const withLoss = (found: Draft): Draft => (lost === null ? found : { ...found, reasons: [lost, ...found.reasons], changed: true });
  switch (kind) {
    case 'changed':
      return { ...both, reasons: [`was ${exampleOf(before)}, is ${exampleOf(now)}`], changed: true };
    case 'numbers':
      return withLoss({ ...both, ...numbersDraft(before, now, settings) });
    case 'categories':
      return withLoss({ ...both, ...categoriesDraft(countsOf(before), countsOf(now), 'frequency', settings) });
    default:
      return withLoss({ ...both, reasons: [kind], skipped: true });
  }
}

/** Whether a column is constant that was not, or repeats values that were each another one; null where neither is so, or values are few. */
function varietyLost(before: DataColumn, now: DataColumn, keptBefore: number, keptNow: number, settings: CompareSettings): string | null {
  const [values, others] = [keptNow - now.missingKept, keptBefore - before.missingKept];
  if (Math.min(values, others) < settings.minSamples) return null;
  // Texts beyond those that are told apart count as none.
  const areCounted = before.distinct < MOST_DISTINCT && now.distinct < MOST_DISTINCT;
  if (now.distinct === 1 && before.distinct > 1) {
    return `constant: one value in all ${values.toLocaleString('en-US')} rows, ${before.distinct.toLocaleString('en-US')} before`;
  }
  const repeated = 1 - now.distinct / values;
  // None alike among m: up to 3/m² of all pairs may be (95 %), and so 3n/m² of n values repeat one by chance.
  const byChance = (3 * values) / others ** 2;
  return areCounted && before.distinct === others && repeated >= Math.max(LEAST_REPEATED, 2 * byChance)
    ? `duplicates: ${percent(repeated)} of the values repeat another, none did before`
    : null;
}

function numbersDraft(before: DataColumn, now: DataColumn, settings: CompareSettings): Partial<Draft> {
  const [reference, current] = [before.numbers, now.numbers];
  if (reference.length === 0 || current.length === 0) return {};
  // Counted only where they are few: the text of a number costs more than all else.
  const levels = Math.max(before.distinct, now.distinct) <= FEW_LEVELS ? [countsOfNumbers(reference), countsOfNumbers(current)] : null;
  if (levels !== null && new Set(levels.flatMap((side) => [...side.keys()])).size <= FEW_LEVELS) {
    const draft = categoriesDraft(levels[0]!, levels[1]!, 'given', settings);
    return { ...draft, wasserstein: testNumbers(reference, current, settings.q).wasserstein };
  }
  const picture = histogramOf(reference, current);
  if (isFew(reference.length, current.length, settings)) return { picture };
  const { test, direction, wasserstein } = testNumbers(reference, current, settings.q);
  const units = otherUnits(reference, current, test.effect);
  const moves = units === null ? [] : [`other units? The values fit the reference’s ${units}`];
  return { picture, test, wasserstein, moves: [...moves, moveOf(summaryOf(reference), summaryOf(current), direction)] };
}

function categoriesDraft(
  reference: ReadonlyMap<string, number>,
  current: ReadonlyMap<string, number>,
  order: 'frequency' | 'given',
  settings: CompareSettings,
): Partial<Draft> {
  const [referenceN, n] = [totalOf(reference), totalOf(current)];
  if (referenceN === 0 || n === 0) return {};
  const picture: Picture = barsOf(reference, current, order);
  const newCategories = novelties(current, reference, n);
  const vanishedCategories = novelties(reference, current, referenceN);
  const found = {
    picture,
    newCategories: newCategories.slice(0, MOST_NOVELTIES),
    vanishedCategories: vanishedCategories.slice(0, MOST_NOVELTIES),
  };
  const unseen = newCategories.reduce((all, { share }) => all + share, 0);
  const once = [...reference.values()].filter((count) => count === 1).length / referenceN;
  const changed = unseen >= LEAST_UNSEEN + 2 * once && unseen * n >= 5;
  const reasons: string[] = [];
  const moves: string[] = [];
  if (newCategories.length > 0) reasons.push(`new: ${named(newCategories)}, ${percent(unseen)} of the values`);
  if (isFew(referenceN, n, settings)) return { ...found, reasons, changed };
  const test = testCounts(reference, current, settings.q);
  if (test !== null) {
    const moved = largestMove(reference, current, referenceN, n);
    if (moved !== null) moves.push(moved);
  } else if (reference.size === 1 && current.size === 1 && newCategories.length === 0) reasons.push('constant');
  // Those that are merely rare vanish by chance.
  const gone = vanishedCategories.filter(({ share }) => share * n >= 5);
  if (gone.length > 0) reasons.push(`vanished: ${named(gone)}`);
  return { ...found, reasons, moves, changed, test };
}

function missingTestOf(before: DataColumn, now: DataColumn, reference: Data, current: Data, settings: CompareSettings): MissingTest | null {
  if (before.missingKept === 0 && now.missingKept === 0) return null;
  const counts = (data: Data, { missingKept }: DataColumn) =>
    new Map([
      ['missing', missingKept],
      ['present', data.kept - missingKept],
    ]);
  const test = testCounts(counts(reference, before), counts(current, now), settings.q);
  if (test === null) return null;
  const { pValue } = test;
  return { pValue, adjustedPValue: pValue, effect: cohensH(missingShare(before), missingShare(now)) };
}

function rank({ verdict }: ColumnComparison): number {
  return ['drift', 'insufficient', 'same', 'skipped'].indexOf(verdict);
}

/** What changed in kind outweighs what changed in degree. */
function weight({ test, missingTest, verdict, reference, current }: ColumnComparison): number {
  const missing = missingTest === null || reference === null || current === null ? 0 : Math.abs(reference.missing - current.missing);
  if (test === null) return verdict === 'drift' ? 2 : 0;
  return Math.max(test.effect, missing);
}

function notesOn(reference: Data, current: Data, columns: readonly ColumnComparison[]): string[] {
  const notes: string[] = [];
  for (const [which, { path, format, rows, kept, columns: names }] of [
    ['reference', reference],
    ['current file', current],
  ] as const) {
    if (kept < rows) notes.push(`the ${which} has ${rows} rows, of which an even random sample of ${kept} was compared`);
    const hint = format === 'csv' ? delimiterHint(names.map(({ name }) => name)) : null;
    if (hint !== null) notes.push(`${path}: ${hint}`);
  }
  const dependent = columns.filter(({ reference: one, current: other, test }) => {
    const strongest = Math.max(one?.autocorrelation ?? 0, other?.autocorrelation ?? 0);
    return test !== null && strongest > STRONG_AUTOCORRELATION;
  });
  if (dependent.length > 0) {
    const names = dependent.slice(0, 3).map(({ name }) => name);
    const more = dependent.length > 3 ? ` and ${dependent.length - 3} more` : '';
    notes.push(
      `rows that follow each other are alike in ${names.join(', ')}${more}: p-values take rows as independent and come out too small there, so let the effect decide`,
    );
  }
  return notes;
}

function sideOf(column: DataColumn): Side {
  const { type, rows, present, invalid, distinct, numbers, autocorrelation } = column;
  const measured = (type === 'number' || type === 'time') && numbers.length > 0;
  return {
    type,
    rows,
    missing: missingShare(column),
    invalid: present === 0 ? 0 : invalid / present,
    distinct,
    summary: measured ? summaryOf(numbers) : null,
    autocorrelation,
  };
}

function missingShare({ rows, present }: DataColumn): number {
  return rows === 0 ? 0 : 1 - present / rows;
}

function countsOf(column: DataColumn): ReadonlyMap<string, number> {
  return column.type === 'number' ? countsOfNumbers(column.numbers) : column.categories;
}

function novelties(of: ReadonlyMap<string, number>, against: ReadonlyMap<string, number>, total: number): Novelty[] {
  return [...of]
    .filter(([category]) => !against.has(category))
    .map(([category, count]) => ({ category, share: count / total }))
    .sort((one, other) => other.share - one.share);
}

function isFew(referenceN: number, n: number, { minSamples }: CompareSettings): boolean {
  return Math.min(referenceN, n) < minSamples;
}

function totalOf(counts: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}
