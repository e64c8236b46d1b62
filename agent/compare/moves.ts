/**
 * What happened to a column, in words.
 */
import type { DataColumn } from '../data/column.ts';
import type { Novelty, Summary } from './columns.ts';
import { figure, percent } from './words.ts';

/** Where the numbers went: up or down, apart or together, or merely into another shape. */
export function moveOf(before: Summary, now: Summary, direction: 1 | -1): string {
  const [from, to] = [before.quartiles[1], now.quartiles[1]];
  const range = ({ quartiles }: Summary) => quartiles[2] - quartiles[0];
  const unit = Math.max(range(before), range(now), Number.MIN_VALUE);
  const moved = Math.abs(to - from) / unit;
  const ratio = range(now) / range(before);
  const spread = Number.isFinite(ratio) && ratio > 0 ? Math.abs(Math.log(ratio)) : range(now) === range(before) ? 0 : 1;
  if (moved >= 0.1 && moved >= spread / 4) return `shifted ${to > from ? 'up' : 'down'}: median ${figure(from)} → ${figure(to)}`;
  if (spread >= 0.1)
    return `${range(now) > range(before) ? 'wider' : 'narrower'}: middle half spans ${figure(range(before))} → ${figure(range(now))}`;
  return `another shape, mostly ${direction === 1 ? 'higher' : 'lower'} values: mean ${figure(before.mean)} → ${figure(now.mean)}`;
}

/** The category whose share changed most. */
export function largestMove(
  reference: ReadonlyMap<string, number>,
  current: ReadonlyMap<string, number>,
  referenceN: number,
  n: number,
): string | null {
  let words: string | null = null;
  let largest = 0;
  for (const label of new Set([...reference.keys(), ...current.keys()])) {
    const [from, to] = [(reference.get(label) ?? 0) / referenceN, (current.get(label) ?? 0) / n];
    if (Math.abs(to - from) <= largest) continue;
    largest = Math.abs(to - from);
    words = `${shortened(label)}: ${percent(from)} → ${percent(to)}`;
  }
  return words;
}

/** The first few names. */
export function named(list: readonly Novelty[]): string {
  const names = list.slice(0, 3).map(({ category }) => shortened(category));
  return `${names.join(', ')}${list.length > 3 ? ` and ${list.length - 3} more` : ''}`;
}

/** The type with some values, so that one sees what happened. */
export function exampleOf(column: DataColumn): string {
  const { min, max, examples } = column;
  // Numbers among texts are no news.
  const texts = column.type === 'number' ? [] : examples.filter((text) => !Number.isFinite(Number(text)));
  const shown = texts.slice(0, 3).map(shortened).join(', ');
  if (column.type === 'number' && min !== null && max !== null) return `a number (${figure(min)} to ${figure(max)})`;
  return shown === '' || column.type === 'time' ? inWords(column) : `${inWords(column)} (${shown}${texts.length > 3 ? ' …' : ''})`;
}

function shortened(text: string): string {
  return text.length > 30 ? `${text.slice(0, 29)}…` : text;
}

/** The type with its article. */
export function inWords({ type }: { readonly type: DataColumn['type'] }): string {
  return { number: 'a number', boolean: 'true or false', category: 'a category', time: 'a time', text: 'free text', empty: 'empty' }[type];
}
