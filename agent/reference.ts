/**
 * What counts as normal: columns from a file, or learned from the first rows of traffic and then frozen; for each model version.
 *
 * Inputs do not depend on the model: those that the first version learned serve all. Outputs are learned anew for each version, since
 * another model answering otherwise is no drift.
 */
import { createHash } from 'node:crypto';
import type { Json } from '../contracts/json.ts';
import type { Column, Policy } from '../contracts/policy.ts';
import type { Cell, DriftlineRecord } from '../contracts/record.ts';
import type { ReferenceSketch } from '../contracts/sketch.ts';
import { KeptRows, type SignalCells, type SignalColumns } from './kept-rows.ts';
import { type ReferenceFile, readReferenceFile, thinningInWords } from './reference-file.ts';
import type { Version } from './served-versions.ts';
import { guessColumn } from './signals.ts';
import { cellsBySignal } from './windows.ts';

/** Rows that are learned from traffic for columns which a reference file does not have (outputs, mostly), and of a control. */
const LEARNED_ROWS = 1_000;
/** Versions whose learned outputs are remembered, so that a switch back meets them again. */
const MOST_REMEMBERED = 8;

/** What a window is compared with. */
export interface Comparison {
  /** Null while there is nothing to compare with, and where there is only a sketch of it. */
  cells(signal: string): readonly Cell[] | null;
  /** What is left where rows were not kept; null elsewhere. */
  sketch(signal: string): ReferenceSketch | null;
  /** Values that it must have at least; 0 where any will do. */
  readonly minSamples: number;
  /** What is to be said of it beside a finding; null = nothing. */
  note(signal: string): string | null;
  /** `file`, `traffic`, `upstream`, `same-hour-of-week`; a file with its hash. */
  source(signal: string): string;
}

/** The policy's files. */
export interface ReferenceFiles {
  readonly main: ReferenceFile | null;
  /** Of versions that have their own. */
  readonly versions: ReadonlyMap<string, ReferenceFile>;
}

/** Reference columns of one model version by signal (`inputs.age`). */
export class Reference implements Comparison {
  readonly minSamples = 0;
  readonly #policy: Policy;
  readonly #files: readonly ReferenceFile[];
  readonly #shared: () => Reference | null;
  readonly #rows: number;
  readonly #minAgeMs: number;
  #kept: KeptRows;
  #learned: SignalColumns = new Map();
  #frozen = false;
  #guessed: { inputs: readonly Column[]; outputs: readonly Column[] } | null = null;

  /**
   * @param files the version's own first
   * @param learned what was learned already
   * @param shared the reference from which the inputs come, once there is one
   */
  constructor(
    policy: Policy,
    files: readonly ReferenceFile[],
    learned: SignalColumns | null = null,
    shared: () => Reference | null = () => null,
  ) {
    this.#policy = policy;
    this.#files = files;
    this.#shared = shared;
    const { reference } = policy;
    this.#rows = reference.source === 'traffic' ? reference.rows : LEARNED_ROWS;
    this.#minAgeMs = reference.source === 'traffic' ? (reference.minAgeMs ?? 0) : 0;
    this.#kept = new KeptRows({ rows: this.#rows });
    if (learned !== null) this.#freeze(learned);
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Columns found in traffic, for a policy without a schema; null until they are known. */
  get guessed(): { readonly inputs: readonly Column[]; readonly outputs: readonly Column[] } | null {
    return this.#guessed ?? this.#sharedPart?.guessed ?? null;
  }

  /** What was learned, rows side by side; empty until frozen. */
  get learned(): SignalColumns {
    return this.#learned;
  }

  cells(signal: string): readonly Cell[] | null {
    const file = this.#fileOf(signal);
    return file === null ? (this.#learner(signal).#learned.get(signal) ?? null) : (file.columns.get(signal) ?? null);
  }

  sketch(signal: string): ReferenceSketch | null {
    return this.#fileOf(signal)?.sketches.get(signal)?.sketch ?? null;
  }

  /** The columns that lie row by row beside this signal's: those of its file, or those learned; null while there are none. */
  beside(signal: string): SignalColumns | null {
    const file = this.#fileOf(signal);
    if (file !== null) return file.columns;
    const learned = this.#learner(signal).#learned;
    return learned.has(signal) ? learned : null;
  }

  /** Values that are no surprise: the cells, or the categories of a sketch that kept each of them apart. */
  known(signal: string): readonly Cell[] | null {
    const categories = this.sketch(signal)?.categories ?? null;
    return categories === null || categories.other !== null ? this.cells(signal) : [...categories.counts.keys()];
  }

  note(): null {
    return null;
  }

  source(signal: string): string {
    const file = this.#fileOf(signal);
    return file === null ? 'traffic' : `file ${file.sha256.slice(0, 16)}`;
  }

  /** Short hash of a signal's reference, for fingerprints. */
  hash(signal: string): string {
    const sketched = this.#fileOf(signal)?.sketches.get(signal);
    if (sketched !== undefined) return sketched.hash;
    const cells = this.cells(signal);
    return cells === null ? 'none' : createHash('sha256').update(JSON.stringify(cells)).digest('hex').slice(0, 16);
  }

  /** Takes an answered record's rows; true when this record completed the reference. @param given its cells, where they are at hand */
  learn(record: DriftlineRecord, given?: SignalCells): boolean {
    if (this.#frozen || record.rows === 0 || record.undecoded !== null || Object.keys(record.outputs).length === 0) return false;
    const { reference } = this.#policy;
    if (reference.source === 'upstream' && record.servedBy !== reference.of) return false;
    const signals = given ?? cellsBySignal(record);
    const wanted = this.#minAgeMs > 0 ? record.rows : Math.min(record.rows, this.#rows - this.#kept.seen);
    for (let row = 0; row < wanted; row++) this.#kept.add(this.#kept.seen, record.at, signals, row);
    if (this.#kept.seen < this.#rows || record.at - this.#kept.times[0]! < this.#minAgeMs) return false;
    this.#freeze(this.#kept.columns);
    return true;
  }

  /** Outputs of another version's file are no reference for this one, if it has a file of its own. */
  #fileOf(signal: string): ReferenceFile | null {
    const files = signal.startsWith('inputs.') ? this.#files : this.#files.slice(0, 1);
    return files.find(({ columns, sketches }) => columns.has(signal) || sketches.has(signal)) ?? null;
  }

  /** Whose rows count for a signal: of a control everything comes from the control. */
  #learner(signal: string): Reference {
    const isShared = signal.startsWith('inputs.') || this.#policy.reference.source === 'upstream';
    return (isShared ? this.#sharedPart : null) ?? this;
  }

  get #sharedPart(): Reference | null {
    const shared = this.#shared();
    return shared === this ? null : shared;
  }

  #freeze(columns: SignalColumns): void {
    this.#frozen = true;
    this.#learned = columns;
    this.#kept = new KeptRows({ rows: 0 });
    const side = (prefix: string) =>
      [...columns]
        .filter(([signal]) => signal.startsWith(prefix))
        .map(([signal, cells]) => guessColumn(signal.slice(prefix.length), cells));
    this.#guessed = { inputs: side('inputs.'), outputs: side('outputs.') };
  }
}

/** As it is kept in the store: what each version learned, the one whose inputs serve all first. */
interface Stored {
  readonly frozen: boolean;
  readonly versions: readonly { readonly version: Version; readonly columns: { readonly [signal: string]: readonly Cell[] } }[];
}

/** The references of all model versions. */
export class References {
  readonly #policy: Policy;
  readonly #files: ReferenceFiles;
  readonly #byVersion = new Map<Version, Reference>();
  #shared: Reference | null = null;

  /** @param state what `snapshot` gave */
  constructor(policy: Policy, files: ReferenceFiles, state?: Json) {
    this.#policy = policy;
    this.#files = files;
    const kept = state as unknown as Stored | undefined;
    for (const { version, columns } of kept?.versions ?? []) {
      const reference = this.#create(version, new Map(Object.entries(columns)));
      this.#shared ??= reference;
    }
  }

  /** What does not depend on the version. */
  get common(): Reference {
    return new Reference(this.#policy, this.#files.main === null ? [] : [this.#files.main], null, () => this.#shared);
  }

  of(version: Version): Reference {
    return this.#byVersion.get(version) ?? this.#create(version, null);
  }

  /** Takes a record into its version's reference; true when that completed it. */
  learn(version: Version, record: DriftlineRecord, signals?: SignalCells): boolean {
    const reference = this.of(version);
    if (!reference.learn(record, signals)) return false;
    this.#shared ??= reference;
    return true;
  }

  /** Of versions that ended, what they learned is remembered, within limits; what they had only begun to learn is not. */
  keepOnly(live: readonly Version[]): void {
    for (const [version, reference] of this.#byVersion) {
      if (live.includes(version) || reference === this.#shared) continue;
      if (!reference.frozen || this.#byVersion.size > MOST_REMEMBERED) this.#byVersion.delete(version);
    }
  }

  snapshot(): Json {
    const learned = [...this.#byVersion].filter(([, reference]) => reference.frozen);
    learned.sort(([, a], [, b]) => Number(b === this.#shared) - Number(a === this.#shared));
    return {
      frozen: learned.length > 0,
      versions: learned.map(([version, reference]) => ({ version, columns: Object.fromEntries(reference.learned) })),
    };
  }

  #create(version: Version, learned: SignalColumns | null): Reference {
    const own = version === null ? undefined : this.#files.versions.get(version);
    const files = [own, this.#files.main].filter((file) => file !== undefined && file !== null);
    const reference = new Reference(this.#policy, files, learned, () => this.#shared);
    this.#byVersion.set(version, reference);
    return reference;
  }
}

/** A reference file as `/v1/status` shows it. */
export interface ReferenceFileShown {
  /** Model version that it is for; null = all that have none of their own. */
  readonly version: string | null;
  readonly path: string;
  /** Of the file's bytes, hex. */
  readonly sha256: string;
}

/** The policy's files, the one for all versions first. */
export function shownFiles(policy: Policy, files: ReferenceFiles): ReferenceFileShown[] {
  return namedFiles(policy, files).map(({ version, path, file }) => ({ version, path, sha256: file.sha256 }));
}

/** Each file that was read, with its path; `version` null = of all model versions without one of their own. */
function namedFiles(
  { reference }: Policy,
  { main, versions }: ReferenceFiles,
): { version: string | null; path: string; file: ReferenceFile }[] {
  if (reference.source !== 'file' || main === null) return [];
  return [
    { version: null, path: reference.path, file: main },
    ...[...versions].map(([version, file]) => ({ version, path: reference.versions![version]!, file })),
  ];
}

/** Reads the policy's reference files, if it has any. @throws ConfigError when one cannot be read, or lacks every column of the schema. */
export async function readReferences({ reference, schema }: Policy): Promise<ReferenceFiles> {
  const versions = new Map<string, ReferenceFile>();
  if (reference.source !== 'file') return { main: null, versions };
  for (const [version, path] of Object.entries(reference.versions ?? {})) versions.set(version, await readReferenceFile(path, schema));
  return { main: await readReferenceFile(reference.path, schema), versions };
}

/** What is to be said of how the policy's files were read. */
export function remarksOnFiles(policy: Policy, files: ReferenceFiles): string[] {
  return namedFiles(policy, files)
    .map(({ path, file }) => thinningInWords(path, file))
    .filter((remark) => remark !== null);
}
