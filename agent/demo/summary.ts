/**
 * What the demo came to: one object for `--json`, the same in words for people.
 */
import { mean, quantile } from 'simple-statistics';
import type { Alert, Decision } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import { several } from '../compare/words.ts';
import type { FeedResult } from './feed.ts';
import type { ReceivedCall } from './receiver.ts';

/** Accuracy over a stretch of rows; estimates are means over the windows inside it, null where none was judged. */
export interface Accuracy {
  readonly measured: number | null;
  readonly estimated: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

export interface DemoSummary {
  readonly predictions: number;
  readonly failed: number;
  readonly servedBy: { readonly primary: number; readonly fallback: number };
  readonly labelsJoined: number;
  /** First sent row with the fault; with `--fault none`, where it would have begun. */
  readonly faultAtRow: number;
  readonly accuracy: { readonly before: Accuracy; readonly after: Accuracy };
  readonly alerts: readonly {
    readonly id: string;
    readonly signal: string;
    readonly kind: string;
    readonly detector: string;
    readonly severity: string;
    readonly openedAtRow: number;
    /** Null when it opened before the fault, or when there was none. */
    readonly rowsAfterFault: number | null;
  }[];
  readonly webhooks: { readonly delivered: number; readonly verified: number; readonly withheld: number };
  /** Quantiles of calls through Driftline less those of calls past it: below 0 where few calls on a busy machine hide the difference. */
  readonly addedLatencyMs: { readonly p50: number; readonly p99: number };
}

/** What the summary is made from. */
export interface DemoOutcome {
  readonly result: FeedResult;
  readonly faultAtRow: number;
  readonly faulty: boolean;
  readonly labelsJoined: number;
  readonly alerts: readonly Alert[];
  readonly decisions: readonly Decision[];
  readonly windows: readonly Finding[];
  readonly calls: readonly ReceivedCall[];
}

export function summarise(outcome: DemoOutcome): DemoSummary {
  const { result, faultAtRow, faulty, decisions, calls } = outcome;
  const webhooks = decisions.filter((decision) => decision.type === 'webhook');
  const difference = (share: number) =>
    result.throughMs.length === 0 ? 0 : round(quantile([...result.throughMs], share) - quantile([...result.directMs], share));
  return {
    predictions: result.predictions,
    failed: result.failed,
    servedBy: result.servedBy,
    labelsJoined: outcome.labelsJoined,
    faultAtRow,
    accuracy: { before: accuracy(outcome, 0, faultAtRow), after: accuracy(outcome, faultAtRow, Number.POSITIVE_INFINITY) },
    alerts: outcome.alerts.flatMap((alert) =>
      alert.openedAtRow === null
        ? []
        : [
            {
              id: alert.id,
              signal: alert.signal,
              kind: alert.kind,
              detector: alert.detector,
              severity: alert.severity,
              openedAtRow: alert.openedAtRow,
              rowsAfterFault: faulty && alert.openedAtRow >= faultAtRow ? alert.openedAtRow - faultAtRow : null,
            },
          ],
    ),
    webhooks: {
      delivered: webhooks.filter((decision) => decision.state === 'done').length,
      verified: calls.filter((call) => call.verified).length,
      withheld: webhooks.filter((decision) => decision.state === 'withheld').length,
    },
    addedLatencyMs: { p50: difference(0.5), p99: difference(0.99) },
  };
}

/** Rows from `fromRow` up to but not including `toRow`. */
function accuracy({ result, windows }: DemoOutcome, fromRow: number, toRow: number): Accuracy {
  const judged = result.right.slice(fromRow, Number.isFinite(toRow) ? toRow : undefined).filter((right) => right !== null);
  const estimates = windows.flatMap(({ window, estimate }) =>
    window !== null && estimate !== null && window.fromRow >= fromRow && window.toRow < toRow ? [estimate] : [],
  );
  const average = (values: readonly number[]) => (values.length === 0 ? null : round(mean([...values])));
  return {
    measured: average(judged.map(Number)),
    estimated: average(estimates.map((estimate) => estimate.value)),
    low: average(estimates.map((estimate) => estimate.low)),
    high: average(estimates.map((estimate) => estimate.high)),
  };
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

/** For people. */
export function summaryText(summary: DemoSummary, seconds: number): string {
  const { before, after } = summary.accuracy;
  const lines = [
    `Summary of ${summary.predictions.toLocaleString('en')} predictions in ${seconds.toFixed(0)} s`,
    `  served         ${summary.servedBy.primary} by the model server, ${summary.servedBy.fallback} by the fallback, ${summary.failed} failed`,
    `  labels         ${summary.labelsJoined} joined`,
    `  accuracy       before row ${summary.faultAtRow}: ${shares(before)}`,
    `                 after it: ${shares(after)}`,
    `  retraining     ${several(summary.webhooks.delivered, 'call')} delivered, ${summary.webhooks.verified} verified by the receiver, ${summary.webhooks.withheld} withheld`,
    `  added latency  ${added(summary.addedLatencyMs.p50)} at the median, ${added(summary.addedLatencyMs.p99)} at p99`,
    `  alerts         ${summary.alerts.length}`,
  ];
  for (const alert of summary.alerts) {
    const when =
      alert.rowsAfterFault === null ? `row ${alert.openedAtRow}` : `row ${alert.openedAtRow}, ${alert.rowsAfterFault} rows after the fault`;
    lines.push(`    ${alert.severity.padEnd(9)}${alert.signal.padEnd(18)}${alert.kind.padEnd(12)}${alert.detector.padEnd(12)}${when}`);
  }
  return lines.join('\n');
}

function added(ms: number): string {
  return ms > 0 ? `${ms} ms` : 'none to be seen';
}

function shares(accuracy: Accuracy): string {
  const measured = accuracy.measured === null ? 'not measured' : `measured ${accuracy.measured.toFixed(3)}`;
  const { estimated, low, high } = accuracy;
  return estimated === null || low === null || high === null
    ? `${measured}, not estimated`
    : `${measured}, estimated ${estimated.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
}
