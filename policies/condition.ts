/**
 * Conditions over a row in CEL, the Common Expression Language: `channel == 'mobile' && age > 40`.
 *
 * A column is a variable by its name; one whose name is no identifier is reached as `inputs["first-name"]` or `outputs["p.default"]`. Numbers are
 * doubles (write `age + 1.0`), categories and texts strings, a missing value is `null`.
 *
 * Source: the CEL specification, github.com/cel-expr/cel-spec.
 */
import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { remedyFor } from './suggest.ts';

/** What a condition may name. */
export interface ConditionColumn {
  readonly name: string;
  readonly side: 'inputs' | 'outputs';
  readonly type: 'number' | 'string' | 'bool';
}

/** A row, by variable. */
export interface ConditionRow {
  readonly [variable: string]: unknown;
}

/** A condition that can be put to rows; true, false, or null where it fails on this row. Never throws. */
export type Condition = (row: ConditionRow) => boolean | null;

/** A condition is short: it is put to every row. */
export const LONGEST_CONDITION = 1_000;
const MOST_NODES = 200;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Words of the language, and the names of our own maps. */
const TAKEN = new Set(
  'inputs outputs in true false null as break const continue else for function if import let loop package namespace return var void while int uint double bool string bytes list map type null_type dyn size'.split(
    ' ',
  ),
);

/** Whether a column can be named by itself. */
export function isVariable(name: string): boolean {
  return IDENTIFIER.test(name) && !TAKEN.has(name);
}

/** Reads a condition. @throws SyntaxError for what is no condition, in words with a remedy. */
export function readCondition(expression: string, columns: readonly ConditionColumn[], areAllKnown: boolean): Condition {
  const environment = environmentOf(columns, areAllKnown, () => 'dyn');
  let parsed: ParseResult;
  try {
    parsed = environment.parse(expression);
  } catch (error) {
    throw new SyntaxError(`is no CEL expression (${summaryOf(error)}) — write one such as channel == 'mobile' && age > 40`);
  }
  const { valid, type, error } = parsed.check();
  if (!valid) throw new SyntaxError(mistakeOf(error, expression, columns));
  if (type !== 'bool' && type !== 'dyn')
    throw new SyntaxError(`is a ${type} and must be true or false — compare it with something, as in channel == 'mobile'`);
  return (row) => {
    try {
      const answer: unknown = parsed(row);
      return typeof answer === 'boolean' ? answer : null;
    } catch {
      return null;
    }
  };
}

/** Why a condition that can be read is never true for values of the columns' types; null when there is no such reason. */
export function futility(expression: string, columns: readonly ConditionColumn[], areAllKnown: boolean): string | null {
  // A comparison with null is never typed.
  if (/\bnull\b/.test(expression)) return null;
  const { valid, type, error } = environmentOf(columns, areAllKnown, (column) => (column.type === 'number' ? 'dyn' : column.type)).check(
    expression,
  );
  if (!valid) return summaryOf(error);
  return type === 'bool' || type === 'dyn' ? null : `it is a ${type}, neither true nor false`;
}

function environmentOf(
  columns: readonly ConditionColumn[],
  areAllKnown: boolean,
  typeOf: (column: ConditionColumn) => string,
): Environment {
  const environment = new Environment({ unlistedVariablesAreDyn: !areAllKnown, limits: { maxAstNodes: MOST_NODES, maxDepth: 32 } });
  environment.registerVariable('inputs', 'map').registerVariable('outputs', 'map');
  const named = new Set<string>();
  for (const column of columns) {
    if (named.has(column.name) || !isVariable(column.name)) continue;
    named.add(column.name);
    environment.registerVariable(column.name, typeOf(column));
  }
  return environment;
}

function mistakeOf(error: unknown, expression: string, columns: readonly ConditionColumn[]): string {
  const { code, range } = (error ?? {}) as { code?: string; range?: { start: number; end: number } };
  if (code === 'unknown_variable' && range !== undefined) {
    const name = expression.slice(range.start, range.end);
    const known = columns.map((column) => column.name);
    return `names \`${name}\` at character ${range.start + 1}, and there is no such column — ${remedyFor(name, known, 'add it to the schema')}`;
  }
  return `is no condition (${summaryOf(error)}) — compare values of one type`;
}

function summaryOf(error: unknown): string {
  const { summary, message, range } = (error ?? {}) as { summary?: string; message?: string; range?: { start: number } };
  const where = range === undefined ? '' : ` at character ${range.start + 1}`;
  return `${summary ?? message?.split('\n')[0] ?? 'it cannot be read'}${where}`;
}
