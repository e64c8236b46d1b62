/**
 * Checks of slices and of data quality: columns that must exist, conditions that can be read, units that fit the clock.
 */
import { columnCheckOf, isPerRow, rowCheckOf } from '../contracts/quality.ts';
import { type ConditionColumn, futility, LONGEST_CONDITION, readCondition } from './condition.ts';
import type { ColumnDocument, MonitorDocument, Partly, SliceDocument } from './document.ts';
import { parseDuration } from './durations.ts';
import { at } from './mistakes.ts';
import { checkLongest, checkNames, declaredColumns, type Inspection } from './semantics.ts';
import { remedyFor } from './suggest.ts';
import type { Path } from './yaml.ts';

const DAY_MS = 86_400_000;
const SHORTEST_UNIT = '10m';

/** Checks `spec.slices`. */
export function checkSlices(inspection: Inspection): void {
  const slices = inspection.document.spec?.slices ?? [];
  checkNames(inspection, ['spec', 'slices'], slices);
  for (const [index, slice] of slices.entries()) if (slice !== undefined) checkSlice(inspection, ['spec', 'slices', index], slice);
}

function checkSlice(inspection: Inspection, here: Path, slice: Partly<SliceDocument>): void {
  const written = (key: string) => at(inspection.written, [...here, key]) !== undefined;
  if (written('by') === written('where')) {
    const message = written('by') ? 'has both `by` and `where` — make two slices of them' : 'needs `by` (columns) or `where` (a condition)';
    inspection.mistake(here, message, 'key');
  }
  if (written('where') && written('maxValues'))
    inspection.mistake([...here, 'maxValues'], '`maxValues` does not go with `where`, which makes one slice — remove it', 'key');
  const { inputs, outputs } = declaredColumns(inspection);
  const areAllKnown = inputs.length > 0 && outputs.length > 0;
  for (const [index, name] of (slice.by ?? []).entries()) {
    if (name === undefined) continue;
    const column = [...inputs, ...outputs].find((one) => one.name === name || one.signal === name);
    if (name.startsWith('header:')) {
      inspection.mistake([...here, 'by', index], 'request headers are not kept with the rows — slice by a column');
    } else if (column === undefined) {
      const known = [...inputs, ...outputs].map((one) => one.name);
      if (areAllKnown)
        inspection.mistake([...here, 'by', index], `there is no column \`${name}\` — ${remedyFor(name, known, 'add it to the schema')}`);
    } else if (column.type === 'number') {
      inspection.warning(
        [...here, 'by', index],
        `${name} is a number, of which each value is a slice — cut it by conditions: \`where: ${name} > …\``,
      );
    }
  }
  if (slice.where === undefined) return;
  if (slice.where.length > LONGEST_CONDITION) {
    inspection.mistake([...here, 'where'], `is longer than ${LONGEST_CONDITION} characters — shorten it`);
    return;
  }
  const columns = [...inputs, ...outputs].map(({ name, side, type }): ConditionColumn => ({ name, side, type: celType(type) }));
  try {
    readCondition(slice.where, columns, areAllKnown);
    const why = futility(slice.where, columns, areAllKnown);
    if (why !== null) inspection.warning([...here, 'where'], `can hold for no row (${why}) — compare values of one type`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    inspection.mistake([...here, 'where'], error.message);
  }
}

function celType(type: ColumnDocument['type'] | undefined): ConditionColumn['type'] {
  if (type === 'boolean') return 'bool';
  return type === 'categorical' || type === 'text' ? 'string' : 'number';
}

/** Checks `detectors.quality` of a monitor. */
export function checkQuality(inspection: Inspection, here: Path, monitor: Partly<MonitorDocument>): void {
  const quality = monitor.detectors?.quality;
  if (quality === undefined) return;
  const place = [...here, 'detectors', 'quality'];
  for (const [key, check] of [
    ['freshness', 'freshness'],
    ['rows', 'rows'],
  ] as const) {
    if (at(inspection.written, [...place, key]) !== undefined && quality.checks?.includes(check) === false)
      inspection.mistake([...place, key], `\`${key}\` is not among the checks — add it there, or remove the key`, 'key');
  }
  checkLongest(inspection, [...place, 'freshness', 'within'], quality.freshness?.within, '30d');
  const { per, atLeast, atMost } = quality.rows ?? {};
  if (per !== undefined) {
    const perMs = parseDuration(per);
    const fits = perMs >= parseDuration(SHORTEST_UNIT) && (perMs <= DAY_MS ? DAY_MS % perMs === 0 : (7 * DAY_MS) % perMs === 0);
    if (!fits)
      inspection.mistake(
        [...place, 'rows', 'per'],
        `is \`${per}\` and must be a divisor of a day from ${SHORTEST_UNIT} on, or 7d: units are compared by the time of day — use 1h`,
      );
  }
  if (atLeast !== undefined && atMost !== undefined && atLeast > atMost)
    inspection.mistake([...place, 'rows', 'atLeast'], `is ${atLeast}, above \`atMost\` ${atMost} — swap them`);
}

/**
 * Whether a monitor's feature names a signal of data quality; says what is wrong with it.
 *
 * @param isColumn whether a name is a column's
 */
export function checkQualityFeature(
  inspection: Inspection,
  here: Path,
  feature: string,
  monitor: Partly<MonitorDocument>,
  isColumn: (name: string) => boolean,
): boolean {
  const derived = columnCheckOf(feature);
  if (rowCheckOf(feature) === null && (derived === null || !isColumn(derived.column))) return false;
  const { quality, numeric } = monitor.detectors ?? {};
  if (quality !== undefined) return true;
  if (numeric === undefined) {
    inspection.mistake(here, `${feature} is a signal of data quality and the monitor has neither \`quality\` nor \`numeric\` — add one`);
    return true;
  }
  const kind = inspection.detectors.get(String(numeric.type))?.kind;
  const isShare = isPerRow(feature) || feature === 'rows.duplicates';
  if (!isShare) inspection.mistake(here, `${feature} has no value with each row — watch it with \`quality: {type: data-quality}\``);
  else if (kind === 'streaming' && !isPerRow(feature))
    inspection.mistake(
      here,
      `${feature} is known at the end of a window only — use a windowed test such as two-proportion, or \`quality\``,
    );
  return true;
}
