/**
 * Which model versions answer at present, and which of them a call counts for.
 *
 * Versions may take turns call by call (a canary, two pods in a rolling update), so a change of version from one call to the next means
 * nothing. A version begins with its first answer. It has ended when it has been silent for so many calls of the others as cannot be
 * chance: 500, and twenty times the gap that was usual between its own.
 */
import type { Json } from '../contracts/json.ts';
import type { DriftlineRecord } from '../contracts/record.ts';

/** A version's name; null for calls of a model that names none. */
export type Version = string | null;

const SILENT_CALLS = 500;
const SILENT_GAPS = 20;
/** Versions that answer side by side; a client that makes names up must not fill the memory. */
const MOST_LIVE = 4;
/** A version's weight is its share of about so many newest calls. */
const REMEMBERED_CALLS = 100;

interface Served {
  readonly version: Version;
  /** Number of its first and newest call, and how many there were. */
  readonly beganAt: number;
  newestAt: number;
  calls: number;
  weight: number;
}

/** What a call changed. */
export interface Seen {
  readonly version: Version;
  readonly began: boolean;
  readonly ended: readonly Version[];
}

/** Counts calls by version. */
export class ServedVersions {
  #calls = 0;
  #served = new Map<Version, Served>();

  /** @param state what `snapshot` gave */
  constructor(state?: Json) {
    // Written by this class.
    const kept = state as unknown as { calls: number; served: Served[] } | undefined;
    if (kept === undefined) return;
    this.#calls = kept.calls;
    this.#served = new Map(kept.served.map((one) => [one.version, { ...one }]));
  }

  /** Those that answer at present. */
  get live(): Version[] {
    return [...this.#served.keys()];
  }

  /** The one that answers most; null before the first call. */
  get current(): Version {
    let most: Served | null = null;
    for (const one of this.#served.values()) if (most === null || one.weight >= most.weight) most = one;
    return most?.version ?? null;
  }

  see(record: Pick<DriftlineRecord, 'version' | 'status'>): Seen {
    const version = this.#versionOf(record);
    this.#calls++;
    for (const one of this.#served.values()) one.weight *= 1 - 1 / REMEMBERED_CALLS;
    const began = !this.#served.has(version);
    const own = this.#served.get(version) ?? { version, beganAt: this.#calls, newestAt: 0, calls: 0, weight: 0 };
    own.newestAt = this.#calls;
    own.calls++;
    own.weight += 1 / REMEMBERED_CALLS;
    this.#served.set(version, own);
    const ended: Served[] = [];
    for (const one of this.#served.values()) if (this.#isSilent(one)) ended.push(one);
    if (this.#served.size - ended.length > MOST_LIVE) {
      const others = [...this.#served.values()].filter((one) => one !== own && !ended.includes(one));
      ended.push(others.reduce((least, one) => (one.weight < least.weight ? one : least)));
    }
    for (const one of ended) this.#served.delete(one.version);
    return { version, began, ended: ended.map((one) => one.version) };
  }

  snapshot(): Json {
    return { calls: this.#calls, served: [...this.#served.values()].map((one) => ({ ...one })) };
  }

  /** Only an answer names a version: a mistyped path, or a call that failed before any model saw it, counts for the one that answers most. */
  #versionOf({ version, status }: Pick<DriftlineRecord, 'version' | 'status'>): Version {
    const answered = status >= 200 && status < 300;
    if (version !== null && (answered || this.#served.has(version))) return version;
    return this.#served.size === 0 ? null : this.current;
  }

  #isSilent({ beganAt, newestAt, calls }: Served): boolean {
    const usualGap = (newestAt - beganAt + 1) / calls;
    return this.#calls - newestAt >= Math.max(SILENT_CALLS, SILENT_GAPS * usualGap);
  }
}
