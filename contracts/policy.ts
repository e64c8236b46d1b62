/**
 * The policy as the program uses it: checked, defaults filled in, durations in milliseconds.
 * The YAML that users write is described by `policies/schema.ts`.
 */
import type { Severity } from './alert.ts';
import type { QualityCheck } from './quality.ts';

/** `windows` counts closed windows, `ms` elapsed time. */
export type Span = { readonly unit: 'windows'; readonly count: number } | { readonly unit: 'ms'; readonly count: number };

export type ColumnType = 'number' | 'integer' | 'categorical' | 'boolean' | 'text';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Tensor that carries it, `header:NAME` for a header field; null = the tensor (or table column) of the same name. */
  readonly tensor: string | null;
  /** Position inside a row of that tensor; null = the tensor has one value a row. */
  readonly index: number | null;
  /** JSONPath subset (`$.a.b`, `$.a[0]`, `$[*].a`) inside a raw-json body; null elsewhere. */
  readonly path: string | null;
  /** What is worked out of what stands at `path`. Absent: the column is what stands there. */
  readonly derive?: 'entropy';
  readonly required: boolean;
  readonly min: number | null;
  readonly max: number | null;
  readonly values: readonly string[] | null;
  /** Largest share of missing / unseen cells that is no breach; null = any missing is fine unless required / any unseen is a breach when `values` is given. */
  readonly maxMissing: number | null;
  readonly maxUnseen: number | null;
}

/** Where a server listens. */
export interface Endpoint {
  /** Name or number, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whether it is spoken to over TLS; absent = no. */
  readonly secure?: boolean;
}

/** PEM files, absolute paths; null where none is given. */
export interface TlsFiles {
  /** Authorities that the other side's certificate is checked against. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

export interface Upstream extends Endpoint {
  readonly name: string;
  /** Where gRPC calls go; absent = to the same place, over HTTP/2. */
  readonly grpc?: Endpoint;
  /** For `secure` endpoints. `serverName` = the name that the certificate must bear; null = the host. Absent = no file, the host. */
  readonly tls?: TlsFiles & { readonly serverName: string | null };
  /** Until the first byte of the answer, interim ones aside. */
  readonly timeoutMs: number;
  readonly version: string | null;
}

/** What the data path bears with anyone, by the policy. Times in milliseconds. */
export interface TrafficLimits {
  /** Client connections open at once, in all and from one address. */
  readonly maxClients: number;
  readonly maxClientsPerAddress: number;
  /** From the first byte of a head to its end, on either side. */
  readonly headTimeoutMs: number;
  /** Longest silence within a body, and longest wait for a reader that takes nothing. */
  readonly stallTimeoutMs: number;
  /** A client connection between two requests. */
  readonly keepAliveMs: number;
  /** What a client must send of a body, or take of an answer, on average once `rateGraceMs` have passed; 0 = any. */
  readonly minBytesPerSecond: number;
  readonly rateGraceMs: number;
  /** Bytes of a request's body; Infinity = any. */
  readonly maxRequestBytes: number;
  /** Connections to one upstream at once. Calls beyond them wait, as many and as long as the next three say. */
  readonly maxUpstreamConnections: number;
  readonly maxQueuedCalls: number;
  /** Body bytes that the waiting calls hold together. */
  readonly maxQueuedBytes: number;
  readonly queueTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** A pooled upstream connection between two calls. */
  readonly upstreamIdleMs: number;
}

/** When an upstream that fails is left alone for a while. A failure is a call without an answer; an answer of any status is none. */
export interface BreakerOptions {
  /** So many failures in a row open the breaker. */
  readonly failures: number;
  /** Or this share, in [0, 1], of the last `ofLast` calls. */
  readonly share: number;
  readonly ofLast: number;
  /** How long no call is sent; then one is, and its fate decides. */
  readonly openMs: number;
}

/** Whether calls are taken in and sent on, or bytes passed on unchanged and a copy of them read. */
export type Mode = 'intervene' | 'observe';

/** Who reads HTTP/1.1: our own strict framing, or Node's. */
export type Parser = 'driftline' | 'node';

/** Which calls may be sent a second time after a pooled connection turned out to be closed. */
export type Retry = 'all' | 'idempotent' | 'never';

export interface OnnxFallback {
  readonly onnx: string;
  readonly provider: 'cpu' | 'cuda';
}

export interface DetectorChoice {
  readonly type: string;
  /** Options of the detector, checked against its schema; `semantics` among them for streaming ones. */
  readonly options: { readonly [name: string]: unknown };
  /** Names of the options that the user wrote; the others have their defaults. */
  readonly written?: readonly string[];
  readonly effectAtLeast: number | null;
}

/** How the p-values of a window's tests may be corrected together. */
export const CORRECTIONS = [
  'benjamini-hochberg',
  'benjamini-yekutieli',
  'bonferroni',
  'holm',
  'holm-sidak',
  'hochberg',
  'hommel',
  'none',
] as const;

export type Correction = (typeof CORRECTIONS)[number];

export interface MonitorPolicy {
  readonly name: string;
  /** Signals by name, or `*` for all input columns. Names without a dot are columns, inputs before outputs. */
  readonly features: '*' | readonly string[];
  readonly needsFeedback: boolean;
  /** For number, integer and boolean signals; for categorical ones; for `feedback.error`; null = none of these. */
  readonly numeric: DetectorChoice | null;
  readonly categorical: DetectorChoice | null;
  /** For all watched columns at once; absent = none. */
  readonly multivariate?: DetectorChoice | null;
  readonly error: DetectorChoice | null;
  readonly predictor: PredictorChoice | null;
  readonly quality: QualityChoice | null;
  /** `written`: the user chose q, and `falseAlarms` leaves it alone. */
  readonly correction: {
    readonly method: Correction;
    /** Tests that are corrected together: all of a window, slices included, or those of each slice by themselves. */
    readonly family: 'window' | 'slice';
    readonly q: number;
    readonly written?: boolean;
  };
  readonly for: Span;
  readonly clear: { readonly effectBelow: number | null; readonly for: Span };
  readonly severity: Severity;
}

export interface PredictorChoice {
  readonly type: 'performance';
  /** Path of the file `driftline train-predictor` wrote. */
  readonly model: string;
  /** Absolute drop of the estimate below the reference that matters. */
  readonly dropAtLeast: number;
  /** Whether the whole interval must lie below (`certain`), or only the estimate (`suspect`). */
  readonly require: 'certain' | 'suspect';
}

/** Checks of the data's quality at the end of each window, and of its coming. */
export interface QualityChoice {
  readonly type: 'data-quality';
  readonly checks: readonly QualityCheck[];
  /** Smallest rise of a share that matters, in [0, 1]. */
  readonly effectAtLeast: number;
  /** Longest silence that is fine; null = what a week of history shows. */
  readonly freshnessWithinMs: number | null;
  readonly rows: {
    /** Length of the unit in which rows are counted. */
    readonly perMs: number;
    /** Fewest and most rows of a unit that are fine; null = by the factor. */
    readonly atLeast: number | null;
    readonly atMost: number | null;
    /** So many times fewer or more rows than usual are a finding; above 1. */
    readonly factor: number;
  };
}

/** A part of the rows that is judged by itself: one for each value of its columns, or those for which a condition holds. */
export interface SlicePolicy {
  readonly name: string;
  /** Columns whose values make the slices; empty with `where`. */
  readonly by: readonly string[];
  /** Condition in CEL over the row's columns; null with `by`. */
  readonly where: string | null;
  /** Values that window and reference must have of a signal inside a slice. */
  readonly minSamples: number;
  /** Most frequent values that become slices; the others are counted together. */
  readonly maxValues: number;
}

export interface Guard {
  readonly maxPerDay: number | null;
  readonly cooldownMs: number | null;
  readonly dryRun: boolean;
  /** Alert kinds that withhold the action while one of them fires; `schema_violation` = kind `schema`. */
  readonly notWhen: readonly string[];
}

interface ActionBase {
  readonly name: string;
  readonly guard: Guard;
}

export type ActionPolicy =
  | (ActionBase & { readonly type: 'console' })
  | (ActionBase & {
      readonly type: 'webhook';
      readonly url: string;
      readonly format: 'cloudevents' | 'alertmanager-v4';
      /** `retrain`: the body asks a pipeline to train on a window; `alert`: it tells of the alert. */
      readonly purpose: 'alert' | 'retrain';
      readonly secretRef: string | null;
      /** Private, loopback and link-local targets are refused without it. */
      readonly allowPrivate: boolean;
      readonly timeoutMs: number;
    })
  | (ActionBase & { readonly type: 'rollback'; readonly to: string; readonly verifyWithinMs: number });

export interface Route {
  readonly monitor: string | null;
  readonly severity: Severity | null;
  readonly kind: string | null;
  readonly actions: readonly string[];
}

/** The stretch of rows that windowed tests judge together. */
export interface WindowPolicy {
  /** Rows of a window; of a window by time there may be any number, and this is a limit that no test reaches. */
  readonly rows: number;
  /** Length of a window by time, whose ends lie on multiples of it since the Unix epoch; null or absent = by rows. */
  readonly spanMs?: number | null;
  /** A window by rows ends earlier when its first row is so old; null or absent = never. */
  readonly maxAgeMs?: number | null;
  /** Sliding: from one window's end to the next, in the unit of its length, which is a multiple of it; both null or absent = tumbling. */
  readonly stepRows?: number | null;
  readonly stepMs?: number | null;
}

/** What counts as normal. `path`, `versions`: absolute. */
export type ReferencePolicy = (
  | {
      readonly source: 'traffic';
      readonly rows: number;
      /** Learning lasts at least so long; the rows are spread over it. */
      readonly minAgeMs?: number | null;
    }
  | {
      readonly source: 'file';
      readonly path: string;
      /** Files of model versions that have one of their own. */
      readonly versions?: { readonly [version: string]: string };
    }
  | {
      /** A concurrent control: rows that this upstream serves in the same window. */
      readonly source: 'upstream';
      readonly of: string;
    }
) & {
  /** Says where the rows come from; for people. */
  readonly kind?: 'training' | 'production' | null;
};

/** Compares a window with the same hours of the week before. */
export interface Seasonality {
  /** From so many weeks on; before, the plain reference serves. */
  readonly fromWeeks: number;
}

/** How many false alarms are acceptable; sets every level that is not written out. */
export interface FalseAlarms {
  readonly atMost: number;
  /** `ms` needs the rate of traffic: `traffic.expectedRows`, or measured. */
  readonly per: Span;
  /** Rows of one block when the reference is replayed; null = estimated from the reference. */
  readonly blockRows: number | null;
}

/** Calls that stay whatever the sampling rate says. */
export type KeepAlways = 'schema_violation' | 'upstream_error' | 'has_feedback';

/** Which calls are kept. */
export interface Sampling {
  /** Share of the calls in [0, 1], chosen by a hash of their ids. */
  readonly rate: number;
  /** Not empty: every call is analysed and watched. Empty: calls that the rate leaves out are not even copied. */
  readonly keepAlways: readonly KeepAlways[];
}

export interface Policy {
  readonly name: string;
  /** SHA-256 of the file's bytes, hex; `default` without a file. */
  readonly hash: string;
  readonly file: string | null;
  readonly annotations: { readonly [name: string]: string };
  /** For sorting and finding. */
  readonly labels?: { readonly [name: string]: string };
  readonly owner: { readonly team: string | null; readonly contact: string | null };
  readonly model: {
    readonly name: string;
    /** Where the version comes from, first that answers wins: `header:NAME`, `path`, `config:TEXT`. */
    readonly version: readonly string[];
    /** Output column that a label is compared with; null = no label can be judged. */
    readonly prediction: string | null;
  };
  readonly traffic: {
    readonly mode: Mode;
    /** A protocol's name, or `auto`: the first that matches the path. */
    readonly protocol: string;
    readonly upstreams: readonly Upstream[];
    readonly fallback: OnnxFallback | null;
    /** The data port's own certificate; with `ca`, clients must have one too. Absent = it is served in the clear. */
    readonly tls?: TlsFiles;
    /** Bytes of each body that are copied for analysis; 0 = request bodies are not, of answers 256 KiB are. */
    readonly maxBodyBytes: number;
    readonly sampling: Sampling;
    readonly parser: Parser;
    readonly retry: Retry;
    readonly limits: TrafficLimits;
    /** Null = every call is tried. */
    readonly breaker: BreakerOptions | null;
    /** Rows that come in so many milliseconds, as the user expects them; null = measured. */
    readonly expectedRows?: { readonly count: number; readonly perMs: number } | null;
  };
  readonly schema: {
    /** Empty = learn the columns from traffic. */
    readonly inputs: readonly Column[];
    readonly outputs: readonly Column[];
    readonly onViolation: { readonly severity: Severity; readonly minFraction: number; readonly for: Span };
  };
  readonly reference: ReferencePolicy;
  readonly window: WindowPolicy;
  /** Absent or null: windows are compared with the reference alone. */
  readonly seasonality?: Seasonality | null;
  readonly minSamples: number;
  readonly slices: readonly SlicePolicy[];
  /** Absent or null: every level is as written or its default. */
  readonly falseAlarms?: FalseAlarms | null;
  readonly monitors: readonly MonitorPolicy[];
  readonly feedback: { readonly ttlMs: number };
  readonly alerts: { readonly routes: readonly Route[]; readonly maxActive: number };
  readonly actions: readonly ActionPolicy[];
  readonly exporters: {
    readonly elasticsearch: { readonly nodes: readonly string[]; readonly apiKeyRef: string | null; readonly namespace: string } | null;
    readonly otlp: boolean;
  };
  readonly retention: { readonly eventsMs: number };
}
