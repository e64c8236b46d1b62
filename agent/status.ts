/**
 * The state of everything in one object: what `/v1/status`, the page and `/metrics` show.
 */
import type { Alert, Severity } from '../contracts/alert.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { Mode, Policy } from '../contracts/policy.ts';
import type { DeliveryStatus } from '../exporters/delivery.ts';
import type { CertificatesStatus } from './certificates.ts';
import { type Counts, countLeftOut, type Passed, readCounts, unsettledOf } from './accounting.ts';
import type { Rung } from '../proxy/pressure.ts';
import type { ReferenceFileShown } from './reference.ts';
import type { StoreReader } from './store/read.ts';

/** How a model as a whole is doing; `insufficient` before anything could be judged. */
export type VerdictWord = 'ok' | 'warning' | 'critical' | 'insufficient';

export interface Verdict {
  readonly verdict: VerdictWord;
  /** For rollout controllers: whether to go on, to go back, or to wait. */
  readonly decision: 'pass' | 'fail' | 'inconclusive';
  readonly because: string;
  readonly since: number | null;
}

export interface Status {
  readonly version: string;
  readonly startedAt: number;
  readonly now: number;
  readonly model: { readonly name: string; readonly version: string | null };
  readonly policy: {
    readonly name: string;
    readonly hash: string;
    readonly file: string | null;
    readonly reloads: number;
    readonly reloadFailures: number;
    readonly lastError: string | null;
  };
  readonly verdict: Verdict;
  readonly proxy: {
    readonly mode: Mode;
    readonly address: string;
    readonly route: string;
    readonly upstreams: readonly string[];
    readonly fallback: string;
    readonly counters: { readonly [event: string]: number };
    /** What is given up at present so that calls are served (`nothing`, `payloads`, `records`, `connections`), and why. */
    readonly shedding: Rung;
    /** How late the latest of the data threads' event loops runs, as of the last look. */
    readonly loopDelayMs: number;
    /** Share of the container's memory limit in use; null = no limit. */
    readonly memoryShare: number | null;
  };
  /**
   * How late the event loop of each thread runs, by its name (`main`, `analysis`, `data-0` …): milliseconds that a call which comes at any moment of
   * the last ten seconds waited for it at most, nineteen times out of twenty.
   */
  readonly loopDelaysMs: { readonly [thread: string]: number };
  /** Our own certificates: on the data port, and toward upstreams that ask for one. */
  readonly certificates: CertificatesStatus;
  /** `accepted = stored + dropped + queued`. */
  readonly accounting: Counts & { readonly queued: number };
  readonly rows: { readonly observed: number; readonly windows: number };
  readonly reference: {
    readonly source: string;
    readonly kind: string | null;
    readonly ready: boolean;
    /** Files it was read from, the one for all versions first. */
    readonly files: readonly ReferenceFileShown[];
  };
  /** Newest performance estimate and what labels say of the newest window, each null before it is known. */
  readonly quality: {
    readonly estimate: Finding['estimate'];
    readonly measured: { readonly labelled: number; readonly rows: number; readonly accuracy: number | null } | null;
  };
  readonly alerts: readonly Pick<Alert, 'id' | 'monitor' | 'signal' | 'slice' | 'kind' | 'severity' | 'state'>[];
  /** Slices that are judged, and the newest window's rows outside them; null before the first window. */
  readonly slices: Json;
  readonly exporters: readonly DeliveryStatus[];
  /** What went wrong without stopping anything (state set aside, scorer restarts …). */
  readonly notices: readonly string[];
}

/** What the main thread knows and the store does not. */
export interface LiveFacts {
  readonly version: string;
  readonly startedAt: number;
  readonly now: number;
  readonly policy: Policy;
  readonly reloads: { readonly done: number; readonly failed: number; readonly lastError: string | null };
  readonly proxy: Status['proxy'];
  readonly loopDelaysMs: Status['loopDelaysMs'];
  readonly certificates: CertificatesStatus;
  readonly exporters: readonly DeliveryStatus[];
  readonly notices: readonly string[];
  readonly passed: Passed;
}

/** Calls in the ring or in the batch that is not committed yet are accepted, and wait; so do records that are held. */
function withQueued(counts: Counts, passed: Passed): Counts & { readonly queued: number } {
  countLeftOut(counts, passed);
  const unsettled = unsettledOf(counts, passed);
  return { ...counts, accepted: counts.accepted + unsettled, queued: unsettled + counts.held };
}

/** Puts the status together from the store and the live facts. */
export function readStatus(reader: StoreReader, facts: LiveFacts): Status {
  const { policy } = facts;
  const progress = (reader.state('progress') ?? {}) as { observedRows?: number; windows?: number };
  const alerts = reader.openAlerts();
  const reference = (reader.state('reference') ?? {}) as { frozen?: boolean };
  const windows = reader.recentWindows(200);
  const estimate = windows.findLast((finding) => finding.kind === 'performance' && finding.estimate !== null)?.estimate ?? null;
  const ready = policy.reference.source !== 'traffic' || reference.frozen === true;
  const files = (reader.state('referenceFiles') ?? []) as unknown as readonly ReferenceFileShown[];
  return {
    version: facts.version,
    startedAt: facts.startedAt,
    now: facts.now,
    model: { name: policy.model.name, version: (reader.state('modelVersion') as string | null | undefined) ?? null },
    policy: {
      name: policy.name,
      hash: policy.hash,
      file: policy.file,
      reloads: facts.reloads.done,
      reloadFailures: facts.reloads.failed,
      lastError: facts.reloads.lastError,
    },
    verdict: judge(alerts, windows),
    proxy: facts.proxy,
    loopDelaysMs: facts.loopDelaysMs,
    certificates: facts.certificates,
    accounting: withQueued(readCounts(reader.state('accounting')), facts.passed),
    rows: { observed: progress.observedRows ?? 0, windows: progress.windows ?? 0 },
    reference: { source: policy.reference.source, kind: policy.reference.kind ?? null, ready, files },
    quality: { estimate, measured: measured(reader, windows) },
    alerts: alerts.map(({ id, monitor, signal, slice, kind, severity, state }) => ({ id, monitor, signal, slice, kind, severity, state })),
    slices: reader.state('slices') ?? null,
    exporters: facts.exporters,
    notices: facts.notices,
  };
}

/** The worst firing alert speaks; without one, silence counts as fine only when something was judged. */
export function judge(alerts: readonly Alert[], windows: readonly Finding[]): Verdict {
  const firing = alerts.filter((alert) => alert.state === 'firing');
  const rank: readonly Severity[] = ['info', 'warning', 'critical'];
  const worst = firing.toSorted((a, b) => rank.indexOf(b.severity) - rank.indexOf(a.severity))[0];
  if (worst !== undefined && worst.severity !== 'info') {
    const more = firing.length > 1 ? ` and ${firing.length - 1} more` : '';
    const inSlice = (worst.slice ?? null) === null ? '' : ` in ${worst.slice}`;
    const decision = worst.severity === 'critical' ? 'fail' : 'inconclusive';
    return { verdict: worst.severity, decision, because: `${worst.monitor} on ${worst.signal}${inSlice}${more}`, since: worst.startsAt };
  }
  if (!windows.some((finding) => finding.level !== 'insufficient')) {
    return { verdict: 'insufficient', decision: 'inconclusive', because: 'no window could be judged yet', since: null };
  }
  return { verdict: 'ok', decision: 'pass', because: 'no alert is firing', since: null };
}

function measured(reader: StoreReader, windows: readonly Finding[]): Status['quality']['measured'] {
  // The newest windows' labels are often still to come, so the newest window with any speaks.
  const seen = new Set<number>();
  for (const finding of windows.toReversed()) {
    const { window } = finding;
    if (window === null || seen.has(window.fromRow)) continue;
    seen.add(window.fromRow);
    const { labelled, wrong } = reader.cohort(window.fromRow, window.toRow);
    if (labelled > 0) return { labelled, rows: window.toRow - window.fromRow + 1, accuracy: 1 - wrong / labelled };
    if (seen.size >= 5) break;
  }
  return null;
}
