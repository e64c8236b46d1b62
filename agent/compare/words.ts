/**
 * Figures as people read them.
 */
import type { Together } from './columns.ts';

/** Four significant digits, thousands parted where there is no need for powers. */
export function figure(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace('e+', 'e');
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  return size >= 1_000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(4)));
}

/** A share in percent, with a digit more where it is small. */
export function percent(share: number): string {
  if (share === 0) return '0 %';
  if (share < 0.0001) return '< 0.01 %';
  const points = 100 * share;
  return `${points < 0.1 ? points.toFixed(2) : points < 10 ? points.toFixed(1) : points.toFixed(0)} %`;
}

/** A p-value: three decimals, or a power of ten. */
export function chance(pValue: number): string {
  if (pValue === 0) return '< 1e-300';
  return pValue >= 0.001 ? pValue.toFixed(3) : pValue.toExponential(0);
}

/** One clause on all columns at once. */
export function togetherInWords({ verdict, columns, effect, adjustedPValue, note }: Together): string {
  const figures = `AUC ${effect.toFixed(3)}, adjusted p ${chance(adjustedPValue)}`;
  return verdict === 'drift'
    ? `all ${columns} columns together: drift, a classifier tells the files apart (${figures})${note === null ? '' : `, ${note}`}`
    : `all ${columns} columns together: same (${figures})`;
}

/** `1 column`, `2 columns`. */
export function several(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}
