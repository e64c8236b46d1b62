/**
 * Summary alerts: when more alerts fire than the policy's `maxActive`, the rest is folded into one alert a kind, since a flood is ignored.
 */
import type { Alert, Severity } from '../contracts/alert.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Policy } from '../contracts/policy.ts';
import { alertId, fingerprintOf } from './identity.ts';

/** The monitor's name on a summary alert; its signal is `*`. */
const SUMMARY_MONITOR = 'summary';

const NAMED = 3;
const RANK: { readonly [severity in Severity]: number } = { info: 0, warning: 1, critical: 2 };

/** A summary of these folded alerts, not shown yet. `folded` has at least one, all of one kind. */
export function openSummary(
  policy: Policy,
  folded: readonly Alert[],
  moment: { readonly at: number },
  episodeOf: (fingerprint: string) => number,
): Alert {
  const first = folded[0]!;
  const fingerprint = fingerprintOf({
    policy: policy.name,
    monitor: SUMMARY_MONITOR,
    signal: '*',
    slice: null,
    kind: first.kind,
    modelVersion: first.modelVersion,
  });
  const episode = episodeOf(fingerprint);
  const finding = summaryFinding(folded);
  return {
    ...first,
    id: alertId(fingerprint, episode),
    fingerprint,
    episode,
    revision: 0,
    state: 'inactive',
    monitor: SUMMARY_MONITOR,
    signal: '*',
    slice: null,
    detector: SUMMARY_MONITOR,
    severity: folded.map((alert) => alert.severity).sort((a, b) => RANK[b] - RANK[a])[0]!,
    startsAt: moment.at,
    endsAt: null,
    openedAtRow: null,
    opening: finding,
    latest: finding,
    because: null,
    fired: false,
  };
}

/** The newest finding of a folded alert, with words for all of them instead of figures for one. */
export function summaryFinding(folded: readonly Alert[]): Finding {
  const newest = folded.map((alert) => alert.latest).reduce((a, b) => (b.at > a.at ? b : a));
  const signals = [...new Set(folded.map((alert) => alert.signal))].sort();
  const rest = signals.length - NAMED;
  const names = signals.slice(0, NAMED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
  return {
    ...newest,
    monitor: SUMMARY_MONITOR,
    signal: '*',
    slice: null,
    detector: SUMMARY_MONITOR,
    statistic: null,
    threshold: null,
    pValue: null,
    adjustedP: null,
    tests: null,
    effect: null,
    effectAtLeast: null,
    estimate: null,
    note: `${folded.length} further ${folded.length === 1 ? 'alert' : 'alerts'}: ${names}`,
  };
}
