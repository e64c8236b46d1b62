/**
 * When rows came, from a column of a data file.
 */
import { ConfigError } from '../../contracts/errors.ts';
import type { Value } from '../data/batch.ts';
import { readText, TIME } from '../data/cell.ts';

/** Numbers below are seconds since 1970 (until the year 5138), others milliseconds (from 1973 on, and as long); beyond those are microseconds. */
const SECONDS_BELOW = 1e11;
const MILLISECONDS_BELOW = 1e14;

/**
 * Milliseconds since the Unix epoch, one a row. Dates, ISO 8601 (UTC where it names no zone), or seconds or milliseconds since 1970.
 *
 * @throws ConfigError for what is no time, and for a row that came before the one above it
 */
export function rowTimes(column: string, values: readonly Value[]): number[] {
  const refuse = (row: number, why: string) => new ConfigError('row-time', `--time ${column}: row ${row} (from 0) ${why}`);
  let latest = -Infinity;
  return values.map((value, row) => {
    const time = timeOf(value);
    if (!(Math.abs(time) < MILLISECONDS_BELOW)) {
      const shown = value === null || value === undefined || value === '' ? 'has none' : `has ${JSON.stringify(String(value))}`;
      throw refuse(row, `${shown}; give each row an ISO 8601 time, or seconds or milliseconds since 1970`);
    }
    if (time < latest) throw refuse(row, `came at ${words(time)}, before the one above it at ${words(latest)}; sort the rows by ${column}`);
    latest = time;
    return time;
  });
}

/** NaN for what is no time. */
function timeOf(value: Value): number {
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'number' || typeof value === 'bigint') return sinceEpoch(Number(value));
  if (typeof value !== 'string') return Number.NaN;
  const { kind, number } = readText(value.trim());
  return kind === TIME ? number : sinceEpoch(number);
}

function sinceEpoch(number: number): number {
  return Math.round(Math.abs(number) < SECONDS_BELOW ? number * 1_000 : number);
}

function words(time: number): string {
  return new Date(time).toISOString();
}
