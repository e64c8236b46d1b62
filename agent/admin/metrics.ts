/**
 * `/metrics` for Prometheus. Counts are kept elsewhere (shared memory, store); they are read when somebody asks.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Json } from '../../contracts/json.ts';
import { RUNGS } from '../../proxy/pressure.ts';
import type { Status } from '../status.ts';

/** Series a metric may have; more are folded into a count of what was left out. */
const MOST_SERIES = 200;

interface Shown {
  readonly name: string;
  /** Absent in what an earlier version wrote. */
  readonly slice?: string | null;
  readonly monitor: string;
  readonly detector: string;
  readonly observed: number;
  readonly level: string;
  readonly statistic: number | null;
  /** Absent for streams that belong to no version. */
  readonly modelVersion?: string | null;
}

const MONITOR_LABELS = ['monitor', 'signal', 'slice', 'detector', 'model_version'];

/** Makes the writer of the exposition text; `read` gives the figures of the moment. */
export function metricsWriter(read: () => { status: Status; signals: readonly Json[] }): { contentType: string; write(): Promise<string> } {
  const registry = new Registry();
  const counter = (name: string, help: string, labels: string[]) => new Counter({ name, help, labelNames: labels, registers: [registry] });
  const gauge = (name: string, help: string, labels: string[]) => new Gauge({ name, help, labelNames: labels, registers: [registry] });

  const requests = counter('driftline_proxy_events_total', 'What the data thread saw, by kind', ['event']);
  const shedding = gauge('driftline_shedding', '1 for what is given up at present so that calls are served', ['rung']);
  const loopDelay = gauge('driftline_event_loop_delay_seconds', 'How long nineteen of twenty moments had to wait for a thread at most', [
    'thread',
  ]);
  const memory = gauge('driftline_memory_limit_ratio', 'Share of the memory limit in use; absent without a limit', []);
  const inferences = counter('driftline_inferences_total', 'Predictions analysed, by who answered', ['model_name', 'route']);
  const outcomes = counter('driftline_outcomes_total', 'Predictions analysed, by outcome', ['model_name', 'outcome']);
  const undecoded = counter('driftline_undecoded_total', 'Predictions whose bodies were not decoded, by reason', ['model_name', 'reason']);
  const accepted = counter('driftline_accepted_total', 'Predictions taken in: stored + dropped + queued', []);
  const stored = counter('driftline_stored_total', 'Predictions stored and exported', []);
  const dropped = counter('driftline_dropped_total', 'Predictions not stored, by reason', ['reason']);
  const queued = gauge('driftline_queued', 'Predictions analysed and held: not stored for good so far, and not dropped', []);
  const unread = gauge('driftline_ring_calls', 'Calls, predictions or not, that are not analysed so far', []);
  const violations = counter('driftline_schema_violations_total', 'Rows that breach the schema, by kind', ['model_name', 'kind']);
  const feedback = counter('driftline_feedback_total', 'Lines of feedback, by fate', ['fate']);
  const score = gauge('driftline_drift_score', 'Newest statistic of a monitor', MONITOR_LABELS);
  const detected = gauge('driftline_drift_detected', '1 while a monitor says drift', MONITOR_LABELS);
  const observed = counter('driftline_monitor_observations_total', 'Values a monitor has seen', MONITOR_LABELS);
  const folded = gauge('driftline_series_folded', 'Monitors left out of these metrics because there are too many', []);
  const alerts = gauge('driftline_alerts_active', 'Open alerts', ['monitor', 'severity', 'state']);
  const exporterQueue = gauge('driftline_exporter_queue_events', 'Events an exporter has yet to send', ['exporter']);
  const exporterUp = gauge('driftline_exporter_up', '1 while the destination takes events', ['exporter']);
  const exporterDelivered = counter('driftline_exporter_delivered_total', 'Events delivered', ['exporter']);
  const exporterDropped = counter('driftline_exporter_dropped_total', 'Events given up, by reason', ['exporter', 'reason']);
  const info = gauge('driftline_build_info', 'Always 1', ['version', 'node']);
  const policyInfo = gauge('driftline_policy_info', 'Always 1', ['policy', 'policy_hash']);
  const certificateExpiry = gauge('driftline_certificate_expiry_timestamp_seconds', 'When a certificate of our own expires', ['name']);
  const certificateReloads = counter('driftline_certificate_reloads_total', 'Changed certificate files, by what became of them', [
    'outcome',
  ]);
  const broken = counter('driftline_policy_reload_failures_total', 'Policies refused at reload', []);

  const refresh = () => {
    registry.resetMetrics();
    const { status, signals } = read();
    const model = status.model.name;
    for (const [event, count] of Object.entries(status.proxy.counters)) requests.inc({ event }, count);
    for (const rung of RUNGS.slice(1)) shedding.set({ rung }, Number(RUNGS.indexOf(status.proxy.shedding) >= RUNGS.indexOf(rung)));
    for (const [thread, delayMs] of Object.entries(status.loopDelaysMs)) loopDelay.set({ thread }, delayMs / 1000);
    if (status.proxy.memoryShare === null) memory.remove();
    else memory.set(status.proxy.memoryShare);
    for (const [route, count] of Object.entries(status.accounting.servedBy)) inferences.inc({ model_name: model, route }, count);
    for (const [outcome, count] of Object.entries(status.accounting.outcomes)) outcomes.inc({ model_name: model, outcome }, count);
    for (const [reason, count] of Object.entries(status.accounting.undecoded)) undecoded.inc({ model_name: model, reason }, count);
    const { accounting } = status;
    const inRing = accounting.queued - accounting.held;
    // What is in the ring may turn out to be no prediction, and a counter must not fall.
    accepted.inc(accounting.accepted - inRing);
    stored.inc(accounting.stored);
    queued.set(accounting.held);
    unread.set(inRing);
    for (const [reason, count] of Object.entries(status.accounting.dropped)) dropped.inc({ reason }, count);
    for (const [kind, count] of Object.entries(status.accounting.violations)) violations.inc({ model_name: model, kind }, count);
    for (const [fate, count] of Object.entries(status.accounting.feedback)) feedback.inc({ fate }, count);
    for (const row of signals.slice(0, MOST_SERIES)) {
      const shown = row as unknown as Shown;
      const version = shown.modelVersion ?? null;
      const slice = shown.slice ?? null;
      const labels = {
        monitor: shown.monitor,
        signal: shown.name,
        ...(slice === null ? {} : { slice }),
        detector: shown.detector,
        ...(version === null ? {} : { model_version: version }),
      };
      if (shown.statistic !== null) score.set(labels, shown.statistic);
      detected.set(labels, shown.level === 'drift' ? 1 : 0);
      observed.inc(labels, shown.observed);
    }
    folded.set(Math.max(0, signals.length - MOST_SERIES));
    for (const alert of status.alerts) alerts.inc({ monitor: alert.monitor, severity: alert.severity, state: alert.state });
    for (const exporter of status.exporters) {
      exporterQueue.set({ exporter: exporter.name }, exporter.queued);
      exporterUp.set({ exporter: exporter.name }, Number(exporter.up));
      exporterDelivered.inc({ exporter: exporter.name }, exporter.delivered);
      for (const [reason, count] of Object.entries(exporter.dropped)) exporterDropped.inc({ exporter: exporter.name, reason }, count);
    }
    info.set({ version: status.version, node: process.version }, 1);
    policyInfo.set({ policy: status.policy.name, policy_hash: status.policy.hash.slice(0, 12) }, 1);
    for (const { name, expiresAt } of status.certificates.inUse) certificateExpiry.set({ name }, expiresAt / 1000);
    certificateReloads.inc({ outcome: 'taken' }, status.certificates.reloads);
    certificateReloads.inc({ outcome: 'refused' }, status.certificates.reloadFailures);
    broken.inc(status.policy.reloadFailures);
  };
  return {
    contentType: registry.contentType,
    write: () => {
      refresh();
      return registry.metrics();
    },
  };
}
