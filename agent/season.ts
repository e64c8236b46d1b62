/**
 * The same hours of the week before: what a window is compared with where traffic looks different by hour and weekday.
 *
 * A window's rows are sorted into the hours of the week in which they came. What it is compared with has the rows of those hours from the
 * weeks before, in the window's own proportions. Where an hour is not known from enough weeks the reference serves, and the finding says so.
 *
 * A window that drifted from its season does not enter the history, nor one that came while a schema alert fires: what is wrong must not
 * become normal. One that drifted from the reference alone does enter, or hours that differ from the reference could never be learned.
 * Inputs are one history for all model versions, outputs one for each.
 *
 * Hours are counted in UTC since the Unix epoch. Where people change to summer time, patterns are off by an hour until the weeks before
 * have passed. In the store each hour of the week is a row of its own; some hundred rows of each week are kept.
 */
import type { Json } from '../contracts/json.ts';
import type { Policy } from '../contracts/policy.ts';
import type { Cell } from '../contracts/record.ts';
import type { Comparison } from './reference.ts';
import type { Version } from './served-versions.ts';
import type { ClosedWindow } from './windows.ts';

const HOUR_MS = 3_600_000;
const HOURS = 168;
/** Kept of an hour of one week and version. */
const MOST_ROWS = 1_000;
const MOST_CELLS = 10_000;
/** Weeks that are kept beyond those that are needed: some may have been refused, and the present one does not count yet. */
const SPARE_WEEKS = 2;
/** A window's hour with a smaller share of its rows is left out of what it is compared with. */
const SMALLEST_SHARE = 0.05;

/** Rows of one hour of one week of one version. */
interface Stretch {
  /** Weeks since the Unix epoch. */
  readonly week: number;
  readonly version: Version;
  /** Rows that came, of which the columns keep an even sample. */
  readonly seen: number;
  readonly columns: { readonly [signal: string]: readonly Cell[] };
}

/** All weeks of an hour of the week, oldest first. */
type Slot = readonly Stretch[];

/** Keeps the history. */
export class Season {
  readonly #policy: Policy;
  readonly #fromWeeks: number;
  readonly #read: (key: string) => Json | undefined;
  /** Hours that were changed or looked at since the last commit. */
  #slots = new Map<number, Slot>();

  /** @param read what was stored under a key */
  constructor(policy: Policy, fromWeeks: number, read: (key: string) => Json | undefined) {
    this.#policy = policy;
    this.#fromWeeks = fromWeeks;
    this.#read = read;
  }

  /** What the window is compared with: its season, signal by signal, or what serves without one. */
  comparison(window: ClosedWindow, version: Version, plain: Comparison): Comparison {
    const hours = hoursOf(window.times, 0);
    const rows = window.times.length;
    const parts = [...hours].filter(([, places]) => places.length >= SMALLEST_SHARE * rows);
    const known = new Map<string, { cells: readonly Cell[] | null; weeks: number }>();
    const look = (signal: string) => {
      let found = known.get(signal);
      if (found === undefined) {
        found = this.#look(
          signal,
          parts.map(([hour, places]) => ({ hour, share: places.length / rows })),
          version,
        );
        known.set(signal, found);
      }
      return found;
    };
    return {
      minSamples: plain.minSamples,
      cells: (signal) => look(signal).cells ?? plain.cells(signal),
      sketch: (signal) => (look(signal).cells === null ? plain.sketch(signal) : null),
      note: (signal) => {
        const { cells, weeks } = look(signal);
        return cells === null
          ? `compared with the whole reference: ${weeks} of ${this.#fromWeeks} weeks of this hour are known`
          : `compared with the same hour of ${weeks} weeks`;
      },
      source: (signal) => (look(signal).cells === null ? plain.source(signal) : 'same-hour-of-week'),
    };
  }

  /** Takes the window's new rows into the history. @returns what is to be stored, by key */
  admit(window: ClosedWindow, version: Version): Map<string, Json> {
    const changed = new Map<string, Json>();
    for (const [hour, places] of hoursOf(window.times, window.freshFrom)) {
      const slot = this.#slot(hour % HOURS);
      const week = weekOf(hour);
      const before = slot.find((stretch) => stretch.week === week && stretch.version === version);
      const columns = Object.fromEntries(
        [...window.columns].map(([signal, cells]): [string, Cell[]] => [signal, places.map((place) => cells[place] ?? null)]),
      );
      const others = slot.filter((stretch) => stretch !== before);
      const stretch = merged(before ?? { week, version, seen: 0, columns: {} }, columns, places.length);
      const next = [...others, stretch].sort((a, b) => a.week - b.week);
      const weeks = [...new Set(next.map((one) => one.week))].slice(-(this.#fromWeeks + SPARE_WEEKS));
      const kept = next.filter((one) => weeks.includes(one.week));
      this.#slots.set(hour % HOURS, kept);
      // Plain data throughout.
      changed.set(keyOf(hour % HOURS), kept as unknown as Json);
    }
    return changed;
  }

  /** From here on the store knows. */
  committed(): void {
    this.#slots = new Map();
  }

  #look(
    signal: string,
    parts: readonly { hour: number; share: number }[],
    version: Version,
  ): { cells: readonly Cell[] | null; weeks: number } {
    const isInput = signal.startsWith('inputs.');
    const found = parts.map(({ hour, share }) => {
      const stretches = this.#slot(hour % HOURS).filter(
        (stretch) =>
          stretch.week < weekOf(hour) &&
          (isInput || stretch.version === version) &&
          stretch.columns[signal]?.some((cell) => cell !== null) === true,
      );
      return { share, weeks: new Set(stretches.map(({ week }) => week)).size, cells: stretches.flatMap(({ columns }) => columns[signal]!) };
    });
    const weeks = Math.min(...found.map((part) => part.weeks));
    if (found.length === 0 || weeks < this.#fromWeeks) return { cells: null, weeks: found.length === 0 ? 0 : weeks };
    const rows = Math.min(...found.map(({ cells, share }) => cells.length / share));
    const cells = found.flatMap((part) => evenly(part.cells, Math.round(rows * part.share)));
    return { cells: cells.length < this.#policy.minSamples ? null : cells, weeks };
  }

  #slot(hour: number): Slot {
    let slot = this.#slots.get(hour);
    if (slot === undefined) {
      // Written by this class under its own key.
      slot = (this.#read(keyOf(hour)) as unknown as Slot | undefined) ?? [];
      this.#slots.set(hour, slot);
    }
    return slot;
  }
}

/** Places of the rows from `from` on by the hour in which they came, in hours since the Unix epoch. */
function hoursOf(times: readonly number[], from: number): Map<number, number[]> {
  const hours = new Map<number, number[]>();
  for (let place = from; place < times.length; place++) {
    const hour = Math.floor(times[place]! / HOUR_MS);
    const places = hours.get(hour) ?? [];
    places.push(place);
    hours.set(hour, places);
  }
  return hours;
}

/** New rows behind those there are; beyond the limit each side keeps its share. */
function merged(before: Stretch, columns: Stretch['columns'], rows: number): Stretch {
  const signals = new Set([...Object.keys(before.columns), ...Object.keys(columns)]);
  const most = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_CELLS / Math.max(1, signals.size))));
  const old = Object.values(before.columns)[0]?.length ?? 0;
  const seen = before.seen + rows;
  const room = old + rows <= most ? { old, rows } : { old: Math.min(old, Math.round((most * before.seen) / seen)), rows: 0 };
  if (old + rows > most) room.rows = Math.min(rows, most - room.old);
  const absent = (count: number) => new Array<Cell>(count).fill(null);
  return {
    ...before,
    seen,
    columns: Object.fromEntries(
      [...signals].map((signal): [string, Cell[]] => [
        signal,
        [...evenly(before.columns[signal] ?? absent(old), room.old), ...evenly(columns[signal] ?? absent(rows), room.rows)],
      ]),
    ),
  };
}

/** So many of a list, evenly, in order. */
function evenly<T>(list: readonly T[], count: number): readonly T[] {
  if (count >= list.length) return list;
  return Array.from({ length: count }, (_, place) => list[Math.floor((place * list.length) / count)]!);
}

function weekOf(hour: number): number {
  return Math.floor(hour / HOURS);
}

function keyOf(hour: number): string {
  return `season/${hour}`;
}
