/**
 * A detector's snapshot: written from the plain object that a detector keeps its state in, read back into a fresh one, and refused where it
 * is none.
 */
import type { Level } from '../contracts/detector.ts';
import { SnapshotError } from '../contracts/errors.ts';
import type { Json, JsonObject } from '../contracts/json.ts';

/** What a detector remembers, in plain fields: one object a detector, or where nanoseconds count one that it makes of its own fields. */
export type State<S> = { [field in keyof S]: Level | number | boolean };

const LEVELS: readonly Level[] = ['warming-up', 'stable', 'warning', 'drift'];

/** The state as JSON, whose numbers are finite: null stands for an infinite one. */
export function snapshotOf<S extends State<S>>(detector: string, state: S): JsonObject {
  const fields = Object.entries<Level | number | boolean>(state);
  return { detector, ...Object.fromEntries(fields.map(([field, value]) => [field, Math.abs(Number(value)) === Infinity ? null : value])) };
}

/** Typed access to the fields of one detector's snapshot. */
export class SnapshotReader {
  readonly #detector: string;
  readonly #state: JsonObject;

  /** @throws SnapshotError when `state` is not a snapshot of `detector`. */
  constructor(detector: string, state: Json) {
    this.#detector = detector;
    if (!isObject(state) || state.detector !== detector) {
      throw new SnapshotError('foreign-snapshot', `${detector}: the stored state is not this detector's; remove it to start afresh`);
    }
    this.#state = state;
  }

  /**
   * Fills a fresh state with what `snapshotOf` made of one. Its `counts` are whole numbers from 0 up; only what is infinite in a fresh
   * state may be so in another.
   *
   * @throws SnapshotError
   */
  into<S extends State<S>>(fresh: S, counts: readonly (keyof S & string)[]): S {
    const into = fresh as { [field: string]: Level | number | boolean };
    for (const [field, first] of Object.entries(into)) {
      if (typeof first === 'string') into[field] = this.level(field);
      else if (typeof first === 'boolean') into[field] = this.flag(field);
      else if ((counts as readonly string[]).includes(field)) into[field] = this.count(field);
      else into[field] = Number.isFinite(first) ? this.number(field) : (this.numberOrNull(field) ?? first);
    }
    return fresh;
  }

  /** A whole number from 0 up. @throws SnapshotError */
  count(field: string): number {
    const value = this.#state[field];
    return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : this.refuse(field);
  }

  /** A finite number. @throws SnapshotError */
  number(field: string): number {
    const value = this.#state[field];
    return typeof value === 'number' && Number.isFinite(value) ? value : this.refuse(field);
  }

  /** A finite number, or null. @throws SnapshotError */
  numberOrNull(field: string): number | null {
    return this.#state[field] === null ? null : this.number(field);
  }

  /** True or false. @throws SnapshotError */
  flag(field: string): boolean {
    const value = this.#state[field];
    return typeof value === 'boolean' ? value : this.refuse(field);
  }

  /** One of the four levels. @throws SnapshotError */
  level(field: string): Level {
    return LEVELS.find((level) => level === this.#state[field]) ?? this.refuse(field);
  }

  /** A list of lists of finite numbers. @throws SnapshotError */
  rows(field: string): readonly (readonly number[])[] {
    const value = this.#state[field];
    if (!isRows(value)) return this.refuse(field);
    return value;
  }

  /** @throws SnapshotError always, naming the field. */
  refuse(field: string): never {
    throw new SnapshotError(
      'broken-snapshot',
      `${this.#detector}: field ${field} of the stored state does not fit; remove it to start afresh`,
    );
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRows(value: Json | undefined): value is readonly (readonly number[])[] {
  return Array.isArray(value) && value.every((row) => Array.isArray(row) && row.every((cell) => Number.isFinite(cell)));
}
