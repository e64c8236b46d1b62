/**
 * A policy's mapping of columns to places in a JSON body, applied both ways.
 */
import type { Tensor } from '../../contracts/tensor.ts';
import { unexpected } from './body.ts';
import { isList, type Value } from './json.ts';
import { compilePath, type Step, select } from './json-path.ts';
import { nestedOf } from './rows.ts';
import { entropyOf } from './entropy.ts';
import { tensorOf } from './tensors.ts';

/** What is worked out of the numbers a path leads to. */
export type Derived = 'entropy';

/** Columns of the requests and of the answers, each with its place in the body. A side without columns is not described. */
export interface Mapping {
  readonly inputs: readonly MappedColumn[];
  readonly outputs: readonly MappedColumn[];
}

export interface MappedColumn {
  readonly name: string;
  /** JSONPath subset, see `json-path.ts`. */
  readonly path: string;
  /** Absent: the column is what stands there. */
  readonly derive?: Derived;
}

/** A column whose path was read. */
export interface Place {
  readonly name: string;
  readonly path: readonly Step[];
  readonly derive?: Derived;
}

/** @throws ConfigError `json-path` when a path cannot be read. */
export function placesOf(columns: readonly MappedColumn[]): readonly Place[] {
  return columns.map(({ path, ...rest }) => ({ ...rest, path: compilePath(path) }));
}

/**
 * One tensor a column: shape `[rows, …]` where the path leads through or to a list, `[]` otherwise, null where the body lacks it.
 *
 * @throws DecodeError `unexpected-structure` when the body has none of the columns.
 */
export function mappedTensors(value: Value, places: readonly Place[]): Tensor[] {
  return tensorsAt([value], places, false);
}

/**
 * The same of a stream: one row an event, or as many as a path finds in each.
 *
 * @throws DecodeError `unexpected-structure` when no event has any of the columns.
 */
export function mappedStream(events: readonly Value[], places: readonly Place[]): Tensor[] {
  return tensorsAt(events, places, true);
}

function tensorsAt(bodies: readonly Value[], places: readonly Place[], streamed: boolean): Tensor[] {
  let anyFound = false;
  const tensors = places.map(({ name, path, derive }) => {
    const selections = bodies.map((body) => select(body, path));
    anyFound ||= selections.some(({ found }) => found);
    const found = selections.flatMap(({ values }) => values);
    const values = derive === undefined ? found : found.map(entropyOf);
    return tensorOf(name, streamed || selections.some(({ listed }) => listed) ? values : (values[0] ?? null));
  });
  if (!anyFound) throw unexpected('body: none of the mapped paths leads to anything');
  return tensors;
}

/** A body in which the paths lead to these tensors; undefined when no column has its tensor or two paths contradict each other. */
export function bodyOf(tensors: readonly Tensor[], places: readonly Place[]): Value | undefined {
  const leaves: Leaf[] = [];
  for (const { name, path, derive } of places) {
    // What is derived follows from the members that the other columns lead to.
    if (derive !== undefined) continue;
    const tensor = tensors.find((candidate) => candidate.name === name);
    if (tensor !== undefined) leaves.push({ path, value: nestedOf(tensor) });
  }
  return leaves.length === 0 ? undefined : build(leaves);
}

interface Leaf {
  readonly path: readonly Step[];
  readonly value: Value;
}

function build(leaves: readonly Leaf[]): Value | undefined {
  const kinds = new Set(leaves.map(({ path }) => path[0]?.kind));
  if (kinds.size > 1) return undefined;
  const [kind] = kinds;
  if (kind === undefined) return leaves[0]?.value;
  if (kind === 'all') return buildRows(leaves);
  const groups = Map.groupBy(leaves, ({ path: [step] }) => (step?.kind === 'key' ? step.key : step?.kind === 'index' ? step.index : ''));
  const members = new Map<string | number, Value>();
  for (const [key, group] of groups) {
    const inner = build(group.map(({ path, value }) => ({ path: path.slice(1), value })));
    if (inner === undefined) return undefined;
    members.set(key, inner);
  }
  if (kind === 'index') {
    const length = Math.max(...[...members.keys()].map(Number)) + 1;
    return Array.from({ length }, (_, index) => members.get(index) ?? null);
  }
  return Object.fromEntries(withoutDerived(members));
}

function buildRows(leaves: readonly Leaf[]): Value | undefined {
  const length = leaves.reduce((most, { value }) => Math.max(most, isList(value) ? value.length : 1), 0);
  const rows: Value[] = [];
  for (let row = 0; row < length; row++) {
    const built = build(leaves.map(({ path, value }) => ({ path: path.slice(1), value: isList(value) ? (value[row] ?? null) : value })));
    if (built === undefined) return undefined;
    rows.push(built);
  }
  return rows;
}

/** `max_key` and `max_value` become the member that they are derived from. */
function withoutDerived(members: Map<string | number, Value>): Map<string | number, Value> {
  const key = members.get('max_key');
  const score = members.get('max_value');
  if (key === undefined && score === undefined) return members;
  const rest = new Map([...members].filter(([name]) => name !== 'max_key' && name !== 'max_value'));
  return rest.set(key === undefined ? 'value' : String(key), score ?? 1);
}
