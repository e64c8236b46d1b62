/**
 * Joins labels and rewards, which come later, to the records they are about.
 */
import type { Json } from '../contracts/json.ts';
import type { Sampling } from '../contracts/policy.ts';
import type { DriftlineRecord, Feedback, FeedbackFate } from '../contracts/record.ts';
import { isSampled } from '../proxy/sampling.ts';
import { sameLabel } from './signals.ts';
import type { JoinedFeedback } from './store/commit.ts';
import type { StoreReader } from './store/read.ts';
import { StoredIds } from './store/stored-ids.ts';
import { recordOf, type StoredRecord } from './store/stored-record.ts';

/** Lines that may wait for their records; a job that labels another model's predictions must not fill the disk. */
const MOST_EARLY = 100_000;

/** What became of one line, and the join where there was one. */
export interface Joining {
  readonly fate: FeedbackFate;
  readonly joined: JoinedFeedback | null;
  /** The record that it is about; null where it was not joined. */
  readonly record: DriftlineRecord | null;
}

export interface JoinOptions {
  /** Output that a label is compared with. */
  readonly prediction: string | null;
  readonly ttlMs: number;
  readonly sampling: Sampling;
  readonly now: () => number;
}

/** What the join looks up: the store, and what is not committed yet. */
export class FeedbackJoin {
  readonly #reader: StoreReader;
  readonly #ids: StoredIds;
  readonly #now: () => number;
  readonly #prediction: string | null;
  readonly #ttlMs: number;
  readonly #sampling: Sampling;
  /** Records of the open batch, by id and by the request's own id. */
  #recent = new Map<string, StoredRecord>();
  #recentByRequestId = new Map<string, StoredRecord[]>();
  /** Feedback of the open batch, by record, row and kind. */
  #recentFeedback = new Map<string, Json>();
  /** Ids that early feedback waits for. */
  #awaited: Set<string>;
  #recentEarly = new Map<string, Feedback[]>();
  #earlyCount: number;

  constructor(reader: StoreReader, options: JoinOptions) {
    this.#reader = reader;
    this.#now = options.now;
    this.#ids = new StoredIds(reader, this.#now());
    this.#prediction = options.prediction;
    this.#ttlMs = options.ttlMs;
    this.#sampling = options.sampling;
    this.#awaited = new Set(reader.earlyIds());
    this.#earlyCount = reader.count('early');
  }

  /** Whether a record of this id is live: known, in the store or in the open batch. */
  knows(id: string): boolean {
    return this.#recent.has(id) || this.#ids.has(id);
  }

  /** Makes a record known, and gives the feedback that came before it. */
  add(record: StoredRecord): Feedback[] {
    this.#recent.set(record.id, record);
    if (record.requestId !== null) {
      const same = this.#recentByRequestId.get(record.requestId) ?? [];
      same.push(record);
      this.#recentByRequestId.set(record.requestId, same);
    }
    const waiting: Feedback[] = [];
    for (const id of [record.id, record.requestId]) {
      if (id === null || !this.#awaited.has(id)) continue;
      waiting.push(...this.#reader.early(id), ...(this.#recentEarly.get(id) ?? []));
      this.#earlyCount -= waiting.length;
      this.#awaited.delete(id);
      this.#recentEarly.delete(id);
    }
    return waiting;
  }

  /** Decides what a line is about. Early lines are remembered until their record comes. */
  join(feedback: Feedback): Joining {
    const found = this.#find(feedback);
    if (found === 'ambiguous') return { fate: 'ambiguous', joined: null, record: null };
    if (found === null ? this.#isLost(feedback.id) : found.keptFor === null && !this.#keepsLabelled) {
      return { fate: 'sampled-out', joined: null, record: null };
    }
    if (found === null) {
      if (this.#earlyCount >= MOST_EARLY) return { fate: 'early-full', joined: null, record: null };
      this.#earlyCount++;
      this.#awaited.add(feedback.id);
      const waiting = this.#recentEarly.get(feedback.id) ?? [];
      waiting.push(feedback);
      this.#recentEarly.set(feedback.id, waiting);
      return { fate: 'early', joined: null, record: null };
    }
    if (feedback.receivedAt - found.at > this.#ttlMs) return { fate: 'late', joined: null, record: null };
    if (feedback.row === null && found.rows > 1) return { fate: 'unusable', joined: null, record: null };
    const row = feedback.row ?? 0;
    if (row >= Math.max(found.rows, 1)) return { fate: 'unusable', joined: null, record: null };
    const key = `${found.id}\n${row}\n${feedback.kind}`;
    const before = this.#recentFeedback.get(key) ?? this.#stored(found.id, row, feedback.kind);
    if (before !== undefined) {
      const same = sameLabel(before, feedback.value) || JSON.stringify(before) === JSON.stringify(feedback.value);
      return { fate: same ? 'duplicate' : 'contradicting', joined: null, record: null };
    }
    this.#recentFeedback.set(key, feedback.value);
    const dataRow = found.firstRow === null ? null : found.firstRow + row;
    const error = this.#judge(found, row, feedback);
    return { fate: 'joined', joined: { recordId: found.id, row, dataRow, feedback, error }, record: found };
  }

  /** To be called when the open batch was committed: from here on the store knows. */
  committed(): void {
    this.#ids.committed(this.#recent.keys(), this.#now());
    this.#recent = new Map();
    this.#recentByRequestId = new Map();
    this.#recentFeedback = new Map();
    this.#recentEarly = new Map();
  }

  /** Early lines whose time to live is over: nothing ever came that they could be about. To be committed before it is asked again. */
  orphans(now: number): { readonly seq: number; readonly feedback: Feedback }[] {
    const gone = this.#reader.earlyBefore(now - this.#ttlMs);
    this.#earlyCount -= gone.length;
    return gone;
  }

  get #keepsLabelled(): boolean {
    return this.#sampling.keepAlways.includes('has_feedback');
  }

  /** Whether the id is one that sampling leaves out, so that waiting would be in vain. Early feedback by a request's own id is lost likewise. */
  #isLost(id: string): boolean {
    return !this.#keepsLabelled && !isSampled(id, this.#sampling.rate);
  }

  #find(feedback: Feedback): DriftlineRecord | 'ambiguous' | null {
    const recent = this.#recent.get(feedback.id);
    const byId = recent === undefined ? this.#reader.record(feedback.id) : recordOf(recent);
    if (byId !== null) return byId;
    const since = feedback.receivedAt - this.#ttlMs;
    const stored = this.#reader.recordsByRequestId(feedback.id, since);
    const all = [...stored, ...(this.#recentByRequestId.get(feedback.id) ?? []).map(recordOf)];
    if (all.length > 1) return 'ambiguous';
    return all[0] ?? null;
  }

  #stored(recordId: string, row: number, kind: string): Json | undefined {
    return this.#reader.feedbackOf(recordId).find((stored) => stored.row === row && stored.kind === kind)?.value;
  }

  /** Whether the prediction that the policy names was wrong. */
  #judge(record: DriftlineRecord, row: number, feedback: Feedback): boolean | null {
    if (feedback.kind !== 'label' || this.#prediction === null) return null;
    const predicted = record.outputs[this.#prediction]?.[row];
    return predicted === undefined || predicted === null ? null : !sameLabel(predicted, feedback.value);
  }
}
