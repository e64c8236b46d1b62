/**
 * Holds a record against the policy's schema: structure by ajv, then each column's type, range, missing and unseen cells.
 */
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import type { Column, Policy } from '../contracts/policy.ts';
import type { CellCheck } from '../contracts/quality.ts';
import type { Cell, DriftlineRecord, Violation } from '../contracts/record.ts';

/** What of a record is looked at. */
type CheckedRecord = Pick<DriftlineRecord, 'rows' | 'status' | 'outcome' | 'undecoded' | 'inputs' | 'outputs'>;

/** Checks records by one policy. */
export class SchemaCheck {
  readonly #reference: (signal: string) => readonly Cell[] | null;
  /** Categories that are no surprise, by signal. */
  readonly #known = new Map<string, ReadonlySet<string>>();
  readonly #sides: readonly {
    readonly side: 'inputs' | 'outputs';
    readonly columns: readonly Column[];
    readonly structure: ValidateFunction;
  }[];

  /** @param reference cells of a signal's reference, or null while there are none: what `maxUnseen` without `values` is held against */
  constructor(policy: Policy, reference: (signal: string) => readonly Cell[] | null) {
    this.#reference = reference;
    const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true });
    this.#sides = (['inputs', 'outputs'] as const)
      .filter((side) => policy.schema[side].length > 0)
      .map((side) => ({ side, columns: policy.schema[side], structure: ajv.compile(structureOf(policy.schema[side])) }));
  }

  /** Columns that are checked, as signals. */
  get signals(): string[] {
    return this.#sides.flatMap(({ side, columns }) => columns.map((column) => `${side}.${column.name}`));
  }

  /** A side whose body was not decoded has nothing to check; one that was decoded and has none of the columns breaches all that are required. */
  check(record: CheckedRecord): Violation[] {
    const violations: Violation[] = [];
    for (const { side, columns, structure } of this.#sides) {
      if (!isDecoded(record, side)) continue;
      if (!structure(record[side])) {
        for (const { keyword, params, instancePath, message } of structure.errors ?? []) {
          const missing = keyword === 'required' ? `.${params.missingProperty}` : '';
          const text = missing === '' ? `${instancePath} ${message ?? 'is wrong'}` : 'expected the column, came a body without it';
          violations.push({ signal: `${side}${missing}`, kind: 'structure', rows: Math.max(1, record.rows), message: text });
        }
      }
      for (const column of columns) {
        const cells = record[side][column.name];
        const signal = `${side}.${column.name}`;
        if (cells !== undefined) checkColumn(signal, column, cells, this.#knownCategories(signal, column), violations);
      }
    }
    return violations;
  }

  #knownCategories(signal: string, column: Column): ReadonlySet<string> | null {
    const known = this.#known.get(signal);
    if (known !== undefined) return known;
    if (column.values === null && column.maxUnseen === null) return null;
    const values = column.values ?? this.#reference(signal)?.filter((cell) => cell !== null);
    if (values === undefined) return null;
    const set = new Set(values.map(String));
    this.#known.set(signal, set);
    return set;
  }
}

/** Every required column is there, and each holds scalars. */
function structureOf(columns: readonly Column[]) {
  const cells = { type: 'array', items: { type: ['number', 'string', 'boolean', 'null'] } };
  return {
    type: 'object',
    properties: Object.fromEntries(columns.map((column) => [column.name, cells])),
    required: columns.filter((column) => column.required).map((column) => column.name),
  };
}

function isDecoded({ undecoded, outcome, status }: CheckedRecord, side: 'inputs' | 'outputs'): boolean {
  if (side === 'inputs') return undecoded === null || undecoded.startsWith('response');
  return undecoded === null && outcome === 'answered' && status >= 200 && status < 300;
}

function checkColumn(
  signal: string,
  column: Column,
  cells: readonly Cell[],
  values: ReadonlySet<string> | null,
  violations: Violation[],
): void {
  const breaches = new Map<Violation['kind'], { rows: number; first: Cell }>();
  const breach = (kind: Violation['kind'], cell: Cell) => {
    const seen = breaches.get(kind);
    if (seen === undefined) breaches.set(kind, { rows: 1, first: cell });
    else seen.rows++;
  };
  for (const cell of cells) {
    const kind = breachOf(column, cell, values);
    if (kind !== null) breach(kind, cell);
  }
  for (const [kind, { rows, first }] of breaches) {
    violations.push({ signal, kind, rows, message: `${expectation(column, kind)}, came ${shown(column, first)}` });
  }
}

/** What of the schema a cell breaches first, or null. @param values categories that are no breach; null = any */
export function breachOf(column: Column, cell: Cell, values: ReadonlySet<string> | null): CellCheck | null {
  if (isMissing(cell)) return column.required || column.maxMissing !== null ? 'missing' : null;
  if (!fitsType(column, cell)) return 'type';
  if (isOutOfRange(column, cell)) return 'range';
  return values !== null && !values.has(String(cell)) ? 'unseen' : null;
}

export function isMissing(cell: Cell): boolean {
  return cell === null || cell === 'NaN';
}

/** Whether a value that is there is of the column's type. */
export function fitsType(column: Column, cell: Cell): boolean {
  switch (column.type) {
    case 'number':
      return isNumeric(cell);
    case 'integer':
      return isNumeric(cell) && Number.isInteger(Number(cell));
    case 'boolean':
      return typeof cell === 'boolean' || cell === 0 || cell === 1;
    case 'categorical':
      return true;
    case 'text':
      return typeof cell === 'string';
  }
}

/** Infinity and integers beyond 2^53 are kept as text and are numbers all the same. */
function isNumeric(cell: Cell): boolean {
  return typeof cell === 'number' || (typeof cell === 'string' && /^-?(\d{16,}|Infinity)$/.test(cell));
}

function isOutOfRange(column: Column, cell: Cell): boolean {
  if (column.min === null && column.max === null) return false;
  const value = Number(cell);
  return (column.min !== null && value < column.min) || (column.max !== null && value > column.max);
}

function expectation(column: Column, kind: Violation['kind']): string {
  switch (kind) {
    case 'missing':
      return 'expected a value';
    case 'range':
      return `expected ${column.min ?? '-∞'} … ${column.max ?? '∞'}`;
    case 'unseen':
      return column.values === null ? 'expected a value that the reference has' : `expected one of ${column.values.slice(0, 8).join(', ')}`;
    default:
      return `expected type ${column.type}`;
  }
}

/** Numbers of a number column help to see the mistake; text may be a person's, digits a card's, so only their length is told. */
function shown(column: Column, cell: Cell): string {
  const isFigure = typeof cell === 'number' && (column.type === 'number' || column.type === 'integer');
  if (isFigure || typeof cell === 'boolean') return String(cell);
  return cell === null || cell === 'NaN' ? 'nothing' : `text of ${String(cell).length} characters`;
}
