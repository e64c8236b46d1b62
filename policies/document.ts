/**
 * The YAML document as plain data, after `schema.ts` has checked it and filled in its defaults. Words and units are the user's.
 */
import type { ColumnType, Correction, KeepAlways, Mode, Parser, Retry } from '../contracts/policy.ts';
import type { Severity } from '../contracts/alert.ts';
import type { QualityCheck } from '../contracts/quality.ts';

export interface PolicyDocument {
  readonly metadata: { readonly name: string; readonly labels: Words; readonly annotations: Words };
  readonly spec: {
    readonly falseAlarms?: { readonly atMost: number; readonly per: string; readonly blocks?: number };
    readonly owner: { readonly team?: string; readonly contact?: string };
    readonly model: { readonly name: string; readonly version: string; readonly prediction?: string };
    readonly traffic: {
      readonly mode: Mode;
      readonly protocol: string;
      readonly upstreams: { readonly [name: string]: UpstreamDocument };
      readonly expectedRows?: { readonly count: number; readonly per: string };
      readonly sampling: { readonly rate: number; readonly keepAlways: readonly KeepAlways[]; readonly maxBodyBytes: number | string };
      readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
      readonly parser: Parser;
      readonly retry: Retry;
      readonly limits: LimitsDocument;
      readonly breaker: {
        readonly enabled: boolean;
        readonly failures: number;
        readonly share: number;
        readonly ofLast: number;
        readonly openFor: string;
      };
    };
    readonly schema: {
      readonly inputs: readonly ColumnDocument[];
      readonly outputs: readonly ColumnDocument[];
      readonly onViolation: { readonly severity: Severity; readonly minFraction: number; readonly for: string };
    };
    readonly reference: {
      readonly source: 'traffic' | 'file' | 'upstream';
      readonly learn?: { readonly rows: number; readonly minAge?: string };
      readonly path?: string;
      readonly versions?: Words;
      readonly of?: string;
      readonly kind?: 'training' | 'production';
    };
    readonly window: {
      readonly type: 'tumbling' | 'sliding';
      readonly rows?: number;
      readonly span?: string;
      readonly maxAge?: string;
      readonly step?: number | string;
    };
    readonly seasonality?: { readonly compareTo: 'same-hour-of-week'; readonly when: string };
    readonly minSamples?: number;
    readonly slices: readonly SliceDocument[];
    readonly monitors: readonly MonitorDocument[];
    readonly feedback: { readonly join: { readonly ttl: string } };
    readonly alerts: { readonly routes: readonly RouteDocument[]; readonly maxActive: number };
    readonly actions: readonly ActionDocument[];
    readonly exporters: {
      readonly elasticsearch?: { readonly nodes: readonly string[]; readonly apiKeyRef?: string; readonly namespace: string };
      readonly otlp?: { readonly fromEnv: true };
    };
    readonly retention: { readonly events: string };
  };
}

export interface LimitsDocument {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly headTimeout: string;
  readonly stallTimeout: string;
  readonly keepAlive: string;
  readonly bytesPerSecond: number;
  readonly rateGrace: string;
  readonly requestBody?: number | string;
  readonly upstreamConnections: number;
  readonly queuedCalls: number;
  readonly queuedBytes: number | string;
  readonly queueTimeout: string;
  readonly connectTimeout: string;
  readonly upstreamKeepAlive: string;
}

interface Words {
  readonly [name: string]: string;
}

/** A model server, or (by the name `fallback`) the ONNX file. */
export interface UpstreamDocument {
  readonly url?: string;
  readonly grpcUrl?: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly serverName?: string };
  readonly timeout?: string;
  readonly version?: string;
  readonly onnx?: string;
  readonly provider?: 'cpu' | 'cuda';
}

export interface ColumnDocument {
  readonly name: string;
  readonly type: ColumnType;
  readonly tensor?: string;
  readonly index?: number;
  readonly path?: string;
  readonly from?: string;
  readonly derive?: 'entropy';
  readonly of?: string;
  readonly required: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly values?: readonly (string | number | boolean)[];
  readonly maxMissing?: number;
  readonly maxUnseen?: number;
}

/** A detector with its options beside its type. */
export interface DetectorDocument {
  readonly type: string;
  readonly effect?: { readonly stat?: string; readonly atLeast: number };
  readonly [option: string]: unknown;
}

export interface MonitorDocument {
  readonly name: string;
  readonly features?: '*' | readonly string[];
  readonly needs?: 'feedback';
  readonly detectors: {
    readonly numeric?: DetectorDocument;
    readonly categorical?: DetectorDocument;
    readonly multivariate?: DetectorDocument;
    readonly error?: DetectorDocument;
    readonly predictor?: {
      readonly type: 'performance';
      readonly model: string;
      readonly dropAtLeast: number;
      readonly require: 'certain' | 'suspect';
    };
    readonly quality?: QualityDocument;
  };
  readonly correction: { readonly method: Correction; readonly family: 'window' | 'slice'; readonly q: number };
  readonly for: string;
  readonly clear: { readonly effectBelow?: number; readonly for: string };
  readonly severity: Severity;
}

export interface QualityDocument {
  readonly type: 'data-quality';
  readonly checks: readonly QualityCheck[];
  readonly effect: { readonly stat: 'share'; readonly atLeast: number };
  readonly freshness: { readonly within?: string };
  readonly rows: { readonly per: string; readonly atLeast?: number; readonly atMost?: number; readonly factor: number };
}

export interface SliceDocument {
  readonly name: string;
  readonly by?: readonly string[];
  readonly where?: string;
  readonly minSamples: number;
  readonly maxValues: number;
}

export interface RouteDocument {
  readonly match: { readonly monitor?: string; readonly severity?: Severity; readonly kind?: string };
  readonly actions: readonly string[];
}

export interface ActionDocument {
  readonly name: string;
  readonly type: 'console' | 'webhook' | 'rollback';
  readonly url?: string;
  readonly format?: 'cloudevents' | 'alertmanager-v4';
  readonly purpose?: 'alert' | 'retrain';
  readonly signing?: { readonly secretRef: string };
  readonly allowPrivate?: boolean;
  readonly timeout?: string;
  readonly steps?: readonly { readonly do: 'route'; readonly to: string; readonly verifyWithin: string }[];
  readonly guard: {
    readonly maxPerDay?: number;
    readonly cooldown?: string;
    readonly dryRun: boolean;
    readonly notWhen: readonly string[];
  };
}

/** A document with mistakes: what was wrong has been taken out. */
export type Partly<T> = T extends readonly (infer Item)[]
  ? readonly (Partly<Item> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: Partly<T[K]> | undefined }
    : T;
