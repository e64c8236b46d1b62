/**
 * A record: one call decoded, with the feedback that came for it later.
 */
import type { Outcome } from './exchange.ts';
import type { Json } from './json.ts';
import type { KeepAlways } from './policy.ts';

/** A cell of a column. Non-finite numbers and integers beyond 2^53 are kept as text (`NaN`, `Infinity`, digits). */
export type Cell = number | string | boolean | null;

/** Columns by name, each with one cell a row. */
export type Columns = { readonly [column: string]: readonly Cell[] };

/** A breach of the schema. */
export interface Violation {
  /** `inputs.income`; `inputs` when the structure as a whole is wrong. */
  readonly signal: string;
  readonly kind: 'structure' | 'missing' | 'type' | 'range' | 'unseen';
  /** Rows of the record that breach it. */
  readonly rows: number;
  /** What was expected and what came; of text only its length. */
  readonly message: string;
}

/** The times of an answer, milliseconds since the request's first byte. */
export interface RecordTiming {
  readonly firstByteMs: number;
  readonly lastByteMs: number;
  /** Reads in which the answer came, and the longest time between two. */
  readonly reads: number;
  readonly longestGapMs: number;
  /** Events of a stream; null when the answer is none, or was not decoded. */
  readonly events: number | null;
  /** When the first generated text was there; null for other answers, and where compression hides it. */
  readonly firstTokenMs: number | null;
  /** By the server's own count of tokens: between the first and the last one of a stream, over the whole call otherwise; null without it. */
  readonly tokensPerSecond: number | null;
}

/** A body that was not copied to its end. */
export interface UnreadBody {
  /** Bytes that travelled, content encoding not removed. */
  readonly totalBytes: number;
  /**
   * Eight hexadecimal digits: the CRC-32 of its first 16 KiB and each 1024th byte from there on. Equal bodies have the same; of two that have it and are
   * equally long, small differences may lie between the samples. It recognises, it proves nothing.
   */
  readonly fingerprint: string;
}

/** Why a record stays: the sampling rate took it, or what the policy keeps always. */
export type KeptFor = 'sampled' | KeepAlways;

export interface DriftlineRecord {
  readonly id: string;
  /** The body's own id, or null. */
  readonly requestId: string | null;
  /** When the call began, milliseconds since the Unix epoch. */
  readonly at: number;
  readonly model: string | null;
  readonly version: string | null;
  /** Model version whose monitors it counts for, where that is not `version`: a failed call that names an unknown one, or none. */
  readonly countedFor?: string | null;
  readonly servedBy: string;
  /** HTTP status; of a gRPC call the one that its code maps to. */
  readonly status: number;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly protocol: string | null;
  /** Why nothing was decoded (`not-json`, `shape-mismatch`, `truncated` …), or null. */
  readonly undecoded: string | null;
  readonly latencyMs: number;
  /** Absent where no server answered. */
  readonly timing?: RecordTiming;
  readonly method: string;
  readonly path: string;
  readonly traceparent: string;
  /** Rows in the request; 0 when nothing was decoded. */
  readonly rows: number;
  /** Index of the first row among all rows observed since the state began, or null when there are none. */
  readonly firstRow: number | null;
  readonly inputs: Columns;
  readonly outputs: Columns;
  readonly violations: readonly Violation[];
  /** Absent = the body was copied whole, or there was none. */
  readonly unreadRequest?: UnreadBody;
  readonly unreadResponse?: UnreadBody;
  /** Share of the calls like it that are kept, in (0, 1]; 0 while it is not kept. */
  readonly samplingProbability: number;
  /** Null = it is held for now, neither shown in lists nor exported, and goes when no window and no feedback can need it. */
  readonly keptFor: KeptFor | null;
}

export type FeedbackKind = 'label' | 'reward' | 'decision';

/** One line of `POST /v1/feedback`, accepted. */
export interface Feedback {
  /** Prediction id, or the request's own id when exactly one live record carries it. */
  readonly id: string;
  readonly kind: FeedbackKind;
  readonly value: Json;
  /** Row inside the record, 0-based; null = not given. */
  readonly row: number | null;
  /** When the truth became known, milliseconds since the Unix epoch; null = not given. */
  readonly at: number | null;
  readonly receivedAt: number;
}

/**
 * What became of a line of feedback. `early` waits for its record, `early-full` found too many waiting; `orphan` waited in vain;
 * `sampled-out` is about a call that sampling left out.
 */
export type FeedbackFate =
  | 'joined'
  | 'sampled-out'
  | 'early'
  | 'early-full'
  | 'late'
  | 'duplicate'
  | 'contradicting'
  | 'ambiguous'
  | 'orphan'
  | 'unusable';
