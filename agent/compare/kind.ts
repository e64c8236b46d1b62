/**
 * Whether two columns of the same name can be compared, and as what.
 */
import type { DataColumn } from '../data/column.ts';

/** How two columns can be compared, or why they cannot. */
export function kindOf(before: DataColumn, now: DataColumn): 'numbers' | 'categories' | 'changed' | (string & {}) {
  if (before.type === 'empty' || now.type === 'empty')
    return before.type === now.type ? 'no values on either side' : 'values on one side only';
  if (isText(before) || (now.type === 'text' && before.type === 'category' && isManifold(before)))
    return now.type === 'text' || now.type === 'category' ? 'identifier or free text: nearly every value is another one' : 'changed';
  if (isIdentifier(before, now)) return 'numbers rows or instants: it rises from row to row';
  if (before.type === now.type)
    return before.type === 'time' ? 'time moves on by itself' : before.type === 'number' ? 'numbers' : 'categories';
  if (isNumeric(before) && isNumeric(now)) return 'numbers';
  // Text in one file format, numbers in the other.
  if ((before.type === 'number' && isNumbersAsText(now)) || (now.type === 'number' && isNumbersAsText(before))) return 'categories';
  return 'changed';
}

function isText(column: DataColumn): boolean {
  return column.type === 'text';
}

function isManifold({ distinct, present }: DataColumn): boolean {
  return distinct > present / 2;
}

function isNumeric({ type, min, max, integer }: DataColumn): boolean {
  return type === 'boolean' || (type === 'number' && integer && min !== null && min >= 0 && max !== null && max <= 1);
}

function isNumbersAsText({ type, categories }: DataColumn): boolean {
  return type === 'category' && [...categories.keys()].every((text) => text.trim() !== '' && Number.isFinite(Number(text)));
}

function isIdentifier(before: DataColumn, now: DataColumn): boolean {
  const unique = ({ type, integer, distinct, numbers }: DataColumn) =>
    type === 'number' && integer && distinct === numbers.length && distinct > 20;
  return (before.rising || now.rising) && unique(before) && unique(now);
}
