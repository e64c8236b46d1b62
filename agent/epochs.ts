/**
 * What is kept for each model version that answers: its reference, its open window, its monitors.
 *
 * A version's epoch lasts from its first answer until it has long been silent. Another version's begin is no drift: it meets detectors
 * that know nothing of the one before, a window of its own, and outputs that are learned anew. Versions that take turns disturb nothing,
 * since each has its own. Streams of inputs belong to no version and go on.
 */
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { Policy } from '../contracts/policy.ts';
import type { DriftlineRecord } from '../contracts/record.ts';
import type { Calibration } from './calibration/calibration.ts';
import type { SignalCells } from './kept-rows.ts';
import { Monitors, type StoredMonitors } from './monitors.ts';
import type { Reference, References } from './reference.ts';
import { ServedVersions, type Version } from './served-versions.ts';
import type { MonitorRow } from './store/commit.ts';
import type { StoreReader } from './store/read.ts';
import type { Place } from './streaming-monitor.ts';
import { type ClosedWindow, Windows } from './windows.ts';

/** One version's part. */
export interface Epoch {
  readonly version: Version;
  readonly reference: Reference;
  readonly windows: Windows;
  readonly monitors: Monitors;
  /** First row that may be its own. */
  readonly fromRow: number;
  /** Keys in the store of what its monitors keep there. */
  readonly keys: Set<string>;
}

/** A window of a version that has ended. */
export interface EndedWindow {
  readonly epoch: Epoch;
  readonly window: ClosedWindow;
}

export interface EpochsOptions {
  readonly policy: Policy;
  readonly references: References;
  /** Number of the next row. */
  readonly nextRow: number;
  readonly reader: StoreReader;
  readonly log: (line: string) => void;
  /** Told of what went otherwise than it should, for counting. */
  readonly count: (what: string) => void;
  readonly skipped: (signal: string) => void;
  readonly levels: () => Calibration | null;
}

/** As it is kept in the store. */
interface Stored {
  readonly served: Json;
  readonly windows: readonly { readonly version: Version; readonly fromRow: number; readonly state: Json }[];
}

/** All epochs, and the streams that outlast them. */
export class Epochs {
  readonly #options: EpochsOptions;
  readonly #served: ServedVersions;
  readonly #data: Monitors;
  readonly #epochs = new Map<Version, Epoch>();
  #endedKeys: string[] = [];

  /** @param state what `snapshot` gave; the rows are put back from the store's records */
  constructor(options: EpochsOptions, state: Json | undefined) {
    this.#options = options;
    const { policy, references, reader, nextRow } = options;
    // Written by this class.
    const kept = state as unknown as Stored | undefined;
    this.#served = new ServedVersions(kept?.served);
    this.#data = this.#monitors(references.common, 'data');
    for (const { version, fromRow, state: windows } of kept?.windows ?? []) this.#begin(version, fromRow, { windows, nextRow });
    this.resolve();
    const live = [...this.#epochs.values()];
    if (live.length === 0) return;
    for (const record of reader.recordsFromRow(this.neededFromRow)) {
      const own = this.#epochs.get(versionOf(record));
      if (own !== undefined && (record.firstRow ?? 0) >= own.fromRow) references.learn(own.version, record);
      for (const epoch of isControl(policy, record) ? live : own === undefined ? [] : [own]) epoch.windows.restore(record);
    }
  }

  /** Records from this row on rebuild the open windows and what is still learned; infinite before the first call. */
  get neededFromRow(): number {
    const from = [...this.#epochs.values()].map(({ reference, fromRow, windows }) => (reference.frozen ? windows.fromRow : fromRow));
    return Math.min(...from);
  }

  /** The version that answers most. */
  get current(): Version {
    return this.#served.current;
  }

  get live(): readonly Version[] {
    return this.#served.live;
  }

  /** The epoch of the version that answers most; undefined before the first call. */
  get currentEpoch(): Epoch | undefined {
    return this.#epochs.get(this.current);
  }

  /** The streams that belong to no version. */
  get data(): Monitors {
    return this.#data;
  }

  get(version: Version): Epoch | undefined {
    return this.#epochs.get(version);
  }

  /** The epoch that a call counts for, and whether others have ended with it. */
  see(record: Pick<DriftlineRecord, 'version' | 'status'>, nextRow: number): { epoch: Epoch; ended: readonly Version[] } {
    const { version, ended } = this.#served.see(record);
    for (const gone of ended) this.#endedKeys.push(...(this.#epochs.get(gone)?.keys ?? []));
    for (const gone of ended) this.#epochs.delete(gone);
    if (ended.length > 0) this.#options.references.keepOnly(this.live);
    return { epoch: this.#epochs.get(version) ?? this.#begin(version, nextRow, null), ended };
  }

  /** A record's values, to the streaming detectors. */
  stream(epoch: Epoch, record: DriftlineRecord, signals: SignalCells, byCall: Place): Finding[] {
    const findings = this.#data.record(record, byCall, signals);
    const others = epoch.monitors.record(record, byCall, signals);
    return others.length === 0 ? findings : [...findings, ...others];
  }

  /** A record's rows, into its version's window, and into all as the control. */
  fill(epoch: Epoch, record: DriftlineRecord, signals: SignalCells, time: number): EndedWindow[] {
    const ended: EndedWindow[] = [];
    const shared = isControl(this.#options.policy, record);
    for (const one of this.#epochs.values()) {
      const windows = one === epoch || shared ? one.windows.add(record, time, signals) : one.windows.advance(time);
      for (const window of windows) ended.push({ epoch: one, window });
    }
    return ended;
  }

  /** Lets time pass. */
  advance(time: number): EndedWindow[] {
    return [...this.#epochs.values()].flatMap((epoch) => epoch.windows.advance(time).map((window) => ({ epoch, window })));
  }

  /** Resolves the policy's monitors again: columns or levels have become known. */
  resolve(): void {
    const stored = this.#options.reader.monitors();
    this.#data.resolve(new Map(stored.map((row) => [row.key, row])));
    for (const { version, monitors, keys } of this.#epochs.values()) monitors.resolve(storedOf(version, stored, keys));
  }

  /** Rows of every monitor that has something new, and the keys of those that have ended. */
  take(): { readonly rows: readonly MonitorRow[]; readonly ended: readonly string[] } {
    const rows = this.#data.take();
    for (const { version, monitors, keys } of this.#epochs.values()) {
      for (const row of monitors.take()) {
        const key = keyFor(version, row.key);
        keys.add(key);
        rows.push({ ...row, key, shown: { ...(row.shown as object), modelVersion: version } });
      }
    }
    const ended = this.#endedKeys;
    this.#endedKeys = [];
    return { rows, ended };
  }

  snapshot(): Json {
    const windows = [...this.#epochs.values()].map(({ version, fromRow, windows }) => ({ version, fromRow, state: windows.snapshot() }));
    return { served: this.#served.snapshot(), windows };
  }

  /** @param kept what there is to continue from */
  #begin(version: Version, fromRow: number, kept: { windows: Json; nextRow: number } | null): Epoch {
    const { policy, references, reader, count } = this.#options;
    const control = policy.reference.source === 'upstream' ? policy.reference.of : null;
    const keys = new Set<string>();
    const epoch: Epoch = {
      version,
      reference: references.of(version),
      windows: new Windows({ policy: policy.window, fromRow: kept?.nextRow ?? fromRow, control, state: kept?.windows, count }),
      monitors: this.#monitors(references.of(version), 'model'),
      fromRow,
      keys,
    };
    this.#epochs.set(version, epoch);
    // At a start all are resolved together.
    if (kept === null) epoch.monitors.resolve(storedOf(version, reader.monitors(), keys));
    return epoch;
  }

  #monitors(reference: Reference, part: 'data' | 'model'): Monitors {
    const { policy, log, skipped, levels } = this.#options;
    return new Monitors({ policy, reference, log, skipped, levels, part });
  }
}

/** The version that a record counts for. */
export function versionOf({ version, countedFor }: DriftlineRecord): Version {
  return countedFor === undefined ? version : countedFor;
}

function isControl({ reference }: Policy, { servedBy }: DriftlineRecord): boolean {
  return reference.source === 'upstream' && servedBy === reference.of;
}

/** A model that names no version has its monitors under their own keys. */
function keyFor(version: Version, key: string): string {
  return version === null ? key : `${key}@${version}`;
}

/** What is stored of a version's monitors, under their own keys. */
function storedOf(version: Version, stored: ReturnType<StoreReader['monitors']>, keys: Set<string>): StoredMonitors {
  const suffix = keyFor(version, '');
  const own = stored.filter(({ shown }) => (shown as { modelVersion?: Version } | null)?.modelVersion === version);
  return new Map(
    own.map((row) => {
      keys.add(row.key);
      return [row.key.slice(0, row.key.length - suffix.length), row];
    }),
  );
}
