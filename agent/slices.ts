/**
 * Parts of the rows that are judged by themselves: one for each frequent value of some columns, or those for which a condition holds.
 *
 * Which values are slices is settled by the reference: names stay the same from window to window, and only a value that the reference
 * has can be held against it. The others are counted together as `__other__`, rows on which a condition fails as undecided. A row
 * without a value in one of the columns is in none of their slices.
 */
import type { Column, Policy, SlicePolicy } from '../contracts/policy.ts';
import type { Cell } from '../contracts/record.ts';
import { type Condition, type ConditionColumn, isVariable, readCondition } from '../policies/condition.ts';
import type { BothSides, CellsOf } from './quality-signals.ts';
import { isMissing } from './schema-check.ts';
import { categoryOf, numberOf, signalType } from './signals.ts';

/** One part of the rows. Plain data. */
export interface Slice {
  /** `region=north`, `region=north,channel=web`, or the name of a condition. */
  readonly name: string;
  /** Name of the policy's entry. */
  readonly of: string;
  /** Values of a signal that window and reference must have. */
  readonly minSamples: number;
  /** Signals of the columns it is cut by: they are the same in all its rows. */
  readonly by: readonly string[];
}

/** Rows of a table by slice, and those that are in none. */
export interface Sliced {
  /** Ascending row numbers by the slice's name; empty ones are left out. */
  readonly rows: ReadonlyMap<string, readonly number[]>;
  /** By the policy's entry: rows of values that are no slice of their own, and rows on which the condition failed. */
  readonly others: ReadonlyMap<string, { readonly other: number; readonly undecided: number }>;
}

/** Slices of all entries together; names of more values than anybody reads are counted as others. */
const MOST_SLICES = 100;
/** What joins the values of a row inside here; no value has it. */
const JOINT = '\u001f';

interface Cut {
  readonly policy: SlicePolicy;
  readonly by: readonly string[];
  readonly condition: Condition | null;
  /** Name of the slice by its values, joined; of a condition's under the empty text. */
  readonly names: Map<string, string>;
}

/** Cuts tables into the policy's slices. */
export class Slices {
  readonly slices: readonly Slice[];
  readonly #cuts: readonly Cut[];
  readonly #columns: readonly { readonly signal: string; readonly column: Column }[];

  /**
   * @param reference what the columns of an entry hold in the reference, all of the same rows; null while there is none
   */
  constructor(policy: Policy, columns: BothSides, reference: (signals: readonly string[]) => CellsOf | null) {
    this.#columns = (['inputs', 'outputs'] as const).flatMap((side) =>
      columns[side].map((column) => ({ signal: `${side}.${column.name}`, column })),
    );
    const slices: Slice[] = [];
    const cuts: Cut[] = [];
    const add = (name: string, entry: SlicePolicy, by: readonly string[]): string => {
      // Two entries may cut by the same column, and long values may be shortened to the same words.
      const same = slices.filter((slice) => slice.name === name || slice.name.startsWith(`${name}~`)).length;
      const unique = same === 0 ? name : `${name}~${same + 1}`;
      slices.push({ name: unique, of: entry.name, minSamples: entry.minSamples, by });
      return unique;
    };
    for (const entry of policy.slices) {
      const by = entry.by.flatMap((name) => this.#signalOf(name) ?? []);
      // A column that is not there (yet) makes no slice.
      if (by.length < entry.by.length) continue;
      const names = new Map<string, string>();
      if (entry.where === null) {
        const table = reference(by);
        for (const values of table === null ? [] : frequent(by.map(table), entry.maxValues)) {
          if (slices.length >= MOST_SLICES) break;
          const name = values
            .split(JOINT)
            .map((value, index) => `${entry.by[index]}=${shortened(value)}`)
            .join(',');
          names.set(values, add(name, entry, by));
        }
        cuts.push({ policy: entry, by, condition: null, names });
      } else if (slices.length < MOST_SLICES) {
        names.set('', add(entry.name, entry, []));
        cuts.push({ policy: entry, by, condition: readCondition(entry.where, this.#variables(), false), names });
      }
    }
    this.slices = slices;
    this.#cuts = cuts;
  }

  /** The rows of a table, by slice. */
  cut(table: CellsOf, rows: number): Sliced {
    const found = new Map<string, number[]>();
    const others = new Map<string, { other: number; undecided: number }>();
    const take = (name: string, row: number) => {
      const members = found.get(name);
      if (members === undefined) found.set(name, [row]);
      else members.push(row);
    };
    for (const { policy, by, condition, names } of this.#cuts) {
      const left = { other: 0, undecided: 0 };
      others.set(policy.name, left);
      if (condition !== null) {
        const rowOf = this.#rowsOf(table);
        for (let row = 0; row < rows; row++) {
          const holds = condition(rowOf(row));
          if (holds === true) take(names.get('') ?? policy.name, row);
          else if (holds === null) left.undecided++;
        }
        continue;
      }
      const columns = by.map(table);
      for (let row = 0; row < rows; row++) {
        const values = valuesAt(columns, row);
        if (values === null) continue;
        const name = names.get(values);
        if (name === undefined) left.other++;
        else take(name, row);
      }
    }
    return { rows: found, others };
  }

  /** A bare name is a column, inputs before outputs. */
  #signalOf(name: string): string | null {
    return [name, `inputs.${name}`, `outputs.${name}`].find((signal) => this.#columns.some((one) => one.signal === signal)) ?? null;
  }

  #variables(): ConditionColumn[] {
    return this.#columns.map(({ signal, column }) => ({
      name: column.name,
      side: signal.startsWith('inputs.') ? 'inputs' : 'outputs',
      type: column.type === 'boolean' ? 'bool' : signalType(column.type) === 'number' ? 'number' : 'string',
    }));
  }

  /** Rows of a table as a condition sees them; one object is used again for each. */
  #rowsOf(table: CellsOf): (row: number) => { [variable: string]: unknown } {
    const inputs: { [name: string]: unknown } = Object.create(null);
    const outputs: { [name: string]: unknown } = Object.create(null);
    const variables: { [name: string]: unknown } = Object.assign(Object.create(null), { inputs, outputs });
    // From the last to the first, so that inputs win over outputs.
    const columns = this.#columns.map(({ signal, column }) => ({ signal, column, cells: table(signal) })).reverse();
    return (row) => {
      for (const { signal, column, cells } of columns) {
        const value = variableOf(column, cells?.[row] ?? null);
        if (signal.startsWith('inputs.')) inputs[column.name] = value;
        else outputs[column.name] = value;
        if (isVariable(column.name)) variables[column.name] = value;
      }
      return variables;
    };
  }
}

/** A cell as CEL knows it: a double, a string, true or false, or null. */
function variableOf(column: Column, cell: Cell): number | string | boolean | null {
  if (isMissing(cell)) return null;
  if (column.type === 'boolean') return cell === true || cell === 1 ? true : cell === false || cell === 0 ? false : null;
  return signalType(column.type) === 'number' ? numberOf(cell) : String(cell);
}

/** The values of a row, joined; null where one is missing. */
function valuesAt(columns: readonly (readonly Cell[] | null)[], row: number): string | null {
  let joined = '';
  for (const [index, cells] of columns.entries()) {
    const value = categoryOf(cells?.[row] ?? null);
    if (value === null) return null;
    joined = index === 0 ? value : `${joined}${JOINT}${value}`;
  }
  return joined;
}

/** The most frequent values, most frequent first; ties in order of their text, so that every replica has the same. */
function frequent(columns: readonly (readonly Cell[] | null)[], most: number): string[] {
  const rows = Math.max(0, ...columns.map((cells) => cells?.length ?? 0));
  const counts = new Map<string, number>();
  for (let row = 0; row < rows; row++) {
    const values = valuesAt(columns, row);
    if (values !== null) counts.set(values, (counts.get(values) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, most)
    .map(([values]) => values);
}

const LONGEST_VALUE = 60;

/** A value inside a name: short, and on one line. */
function shortened(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a name
  const line = value.replace(/[\u0000-\u001f\u007f]/g, ' ');
  return line.length > LONGEST_VALUE ? `${line.slice(0, LONGEST_VALUE - 1)}…` : line;
}
