/**
 * An alert in words: what changed beside what is normal, since when, how sure, what it costs, what was done, what to do next.
 *
 * The first line alone says what, where, how bad and since when. Measured and estimated figures are told apart, no statistic stands
 * without its n, and only commands that exist are named. Lines without anything to say are left out.
 */
import type { Alert, Decision } from '../contracts/alert.ts';
import type { Estimate, Finding } from '../contracts/finding.ts';
import type { Policy } from '../contracts/policy.ts';
import { duration, figure, instant, plain, share } from './figures.ts';

/** What the text may know beside the alert. */
export interface TextContext {
  readonly policy: Policy;
  /** Alerts open at the time; the alert itself may be among them. */
  readonly open: readonly Alert[];
  /** Decisions about this alert, oldest first. */
  readonly decisions: readonly Decision[];
}

const LABEL_WIDTH = 15;
const OTHERS_NAMED = 2;

/** The names of effects, as the field writes them. */
const EFFECTS: { readonly [detector: string]: string } = {
  ks: 'KS D',
  'chi-squared': "Cramér's V",
  'g-test': "Cramér's V",
  fisher: "Cramér's V",
  wasserstein: 'Wasserstein distance over the deviation',
  energy: 'energy coefficient',
  'two-proportion': 'difference of the shares',
  'jensen-shannon': 'Jensen–Shannon distance',
  hellinger: 'Hellinger distance',
  psi: 'PSI',
  'total-variation': 'total variation',
  'l-infinity': 'largest change of a share',
};

const REASONS: { readonly [reason: string]: string } = {
  schema_violation: 'a schema alert is firing, and new data would teach the fault',
  maxPerDay: 'the quota for a day is used up',
  cooldown: 'the last one is too recent',
  dryRun: 'the policy says dry run',
};

/** Several lines, without a newline at the end. */
export function alertText(alert: Alert, context: TextContext): string {
  const lines = [headline(alert)];
  const add = (label: string, texts: readonly (string | null)[]): void => {
    const said = texts.filter((text) => text !== null && text !== '');
    said.forEach((text, index) => {
      lines.push(`${(index === 0 ? label : '').padEnd(LABEL_WIDTH)}${text}`);
    });
  };
  lines.push('');
  add('What changed', [changed(alert), others(alert, context.open)]);
  add('Since', [since(alert), lasted(alert)]);
  add('How sure', [certainty(judged(alert))]);
  add('Impact', [impact(alert, context.open)]);
  add('What happened', happened(alert, context.decisions));
  add('Do next', numbered(advice(alert, context.policy)));
  add('Links', [links(alert, context.policy)]);
  add('Owner', [owner(context.policy)]);
  return lines.join('\n');
}

/** The estimate to show for an alert: its own, else that of another open alert of the same model. */
export function lossOf(alert: Alert, open: readonly Alert[]): Estimate | null {
  if (alert.latest.estimate !== null) return alert.latest.estimate;
  const judged = open.filter((other) => other.latest.estimate !== null && other.modelVersion === alert.modelVersion);
  // What was measured outweighs what was estimated.
  const best = judged.find((other) => other.latest.estimate?.method === 'measured') ?? judged[0];
  return best?.latest.estimate ?? null;
}

function headline(alert: Alert): string {
  const tag = alert.state === 'firing' ? alert.severity.toUpperCase() : alert.state.toUpperCase();
  const model = plain(alert.modelVersion === null ? alert.model : `${alert.model} ${versionWord(alert.modelVersion)}`, 100);
  if (alert.state === 'resolved') {
    const span = alert.endsAt === null ? '' : ` after ${duration(alert.endsAt - alert.startsAt)}`;
    return `[${tag}] ${model}: ${subject(alert)} is over${span}`;
  }
  const beginning = alert.since.at ?? alert.startsAt;
  return `[${tag}] ${model}: ${subject(alert)}${extent(alert.latest)}, since about ${instant(beginning)}`;
}

function versionWord(version: string): string {
  return /^\d/.test(version) ? `v${version}` : version;
}

function subject(alert: Alert): string {
  const signal = named(alert);
  if (alert.signal === '*') return 'further alerts';
  const { estimate } = alert.latest;
  if (estimate !== null) return `${plain(estimate.metric, 40)} of the model`;
  switch (alert.kind) {
    case 'quality':
      return `data quality of ${signal}`;
    case 'schema':
      return `schema breach of ${signal}`;
    case 'performance':
      return `quality loss in ${signal}`;
    case 'failure':
      return `failures in ${signal}`;
    case 'drift':
      return alert.signal === 'feedback.error' ? `change of the error rate (${signal})` : `drift of ${signal}`;
  }
}

/** The signal, and the slice where it is about one. */
function named({ signal, slice }: Pick<Alert, 'signal' | 'slice'>): string {
  return slice === null ? plain(signal, 100) : `${plain(signal, 100)} in ${plain(slice, 100)}`;
}

/** How bad, in one clause with what it is held against; starts with its own separator. */
function extent(finding: Finding): string {
  if (finding.estimate !== null) {
    const { method, reference, value } = finding.estimate;
    const points = figure(Number(((reference - value) * 100).toPrecision(3)));
    const direction = value <= reference ? `down ${points} points` : `up ${points.replace('-', '')} points`;
    return method === 'measured' ? ` ${direction} (measured)` : ` probably ${direction} (estimated)`;
  }
  if (finding.detector === 'summary') return finding.note === null ? '' : `: ${plain(finding.note, 160)}`;
  const shown = magnitude(finding);
  return shown === null ? '' : `, ${shown}`;
}

function magnitude(finding: Finding): string | null {
  if (finding.kind === 'schema') {
    if (finding.statistic === null) return null;
    return `${share(finding.statistic)} of rows${finding.threshold === null ? '' : ` (alert at ${share(finding.threshold)})`}`;
  }
  if (finding.kind === 'quality' && finding.detector === 'data-quality') {
    if (finding.effect === null) return null;
    return `${share(finding.effect)} more of the rows${finding.effectAtLeast === null ? '' : ` (alert at ${share(finding.effectAtLeast)})`}`;
  }
  if (finding.effect !== null) {
    const name = EFFECTS[finding.detector] ?? `${finding.detector} effect`;
    return `${name} ${figure(finding.effect)}${finding.effectAtLeast === null ? '' : ` (alert at ${figure(finding.effectAtLeast)})`}`;
  }
  if (finding.statistic === null) return null;
  const limit = finding.threshold === null ? '' : ` (alert at ${figure(finding.threshold)})`;
  return `${finding.detector} statistic ${figure(finding.statistic)}${limit}`;
}

/** The finding that an alert is about: of one that is over the first, of others the newest. */
function judged(alert: Alert): Finding {
  return alert.state === 'resolved' ? alert.opening : alert.latest;
}

function changed(alert: Alert): string {
  const finding = judged(alert);
  const shown = magnitude(finding);
  const parts = [finding.note === null ? null : plain(finding.note), shown, finding.detector === 'summary' ? null : counts(finding)];
  if (alert.state === 'resolved' && shown !== null) parts.push(nowStands(alert.latest));
  const said = parts.filter((part) => part !== null);
  return `${named(alert)}${said.length === 0 ? '' : `: ${said.join('; ')}`}`;
}

function nowStands(finding: Finding): string | null {
  const shown = finding.level === 'drift' ? null : magnitude(finding);
  return shown === null ? null : `now ${shown}`;
}

function counts(finding: Finding): string {
  const n = `n = ${figure(finding.n)}`;
  return finding.referenceN === null ? n : `${n} against ${figure(finding.referenceN)} of reference`;
}

function others(alert: Alert, open: readonly Alert[]): string | null {
  const firing = open.filter((other) => other.state === 'firing' && other.fingerprint !== alert.fingerprint && other.signal !== '*');
  const signals = [...new Set(firing.map(named))];
  if (signals.length === 0) return null;
  const rest = signals.length - OTHERS_NAMED;
  return `also firing: ${signals.slice(0, OTHERS_NAMED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function since(alert: Alert): string {
  const { at, row } = alert.since;
  const begin = at === null ? null : `about ${instant(at)}`;
  const place = row === null ? null : `row ${figure(row)}`;
  const found = `detected ${instant(alert.opening.at)} at row ${figure(alert.opening.observedRows)}`;
  // A finding that must last first (`for`) is older than its alert.
  const fired =
    alert.openedAtRow === null || alert.openedAtRow <= alert.opening.observedRows
      ? null
      : `firing from row ${figure(alert.openedAtRow)} on`;
  return [begin, place, found, fired].filter((part) => part !== null).join('; ');
}

function lasted(alert: Alert): string | null {
  if (alert.state !== 'resolved' || alert.endsAt === null) return null;
  const rows = alert.openedAtRow === null ? 0 : alert.latest.observedRows - alert.openedAtRow;
  const served = rows > 0 ? `, about ${figure(rows)} predictions meanwhile` : '';
  return `over since ${instant(alert.endsAt)}, lasted ${duration(alert.endsAt - alert.startsAt)}${served}`;
}

function certainty(finding: Finding): string {
  if (finding.level === 'insufficient')
    return `${finding.pValue === null ? 'too few samples' : 'the reference is too coarse a sketch'} to say (${counts(finding)})`;
  const n = counts(finding);
  if (finding.kind === 'schema') return `counted, not tested: ${n} rows of the block`;
  if (finding.adjustedP !== null) {
    const tests = finding.tests === null ? '' : ` for ${figure(finding.tests)} ${finding.tests === 1 ? 'test' : 'tests'}`;
    return `q ${probability(finding.adjustedP)} after correction${tests}; ${n}`;
  }
  if (finding.pValue !== null) return `p ${probability(finding.pValue)}, not corrected; ${n}`;
  // Silence and rows a unit: what is sure is the limit, and the note has it.
  if (finding.kind === 'quality' && finding.pValue === null) return 'counted, not tested';
  if (finding.estimate !== null) return `bounds ${figure(finding.estimate.low)} to ${figure(finding.estimate.high)}; ${n}`;
  return finding.detector === 'summary' ? 'see each alert' : `${finding.detector} after ${figure(finding.n)} observations`;
}

function probability(p: number): string {
  return p < 0.001 ? '< 0.001' : `= ${figure(p)}`;
}

function impact(alert: Alert, open: readonly Alert[]): string {
  const loss = lossOf(alert, open);
  if (loss === null) return 'not estimated';
  const bounds = `${figure(loss.low)} to ${figure(loss.high)}`;
  return `${loss.method} ${plain(loss.metric, 40)} ${figure(loss.reference)} -> ${figure(loss.value)} (bounds ${bounds})`;
}

function happened(alert: Alert, decisions: readonly Decision[]): string[] {
  const told = decisions.filter((decision) => decision.type !== 'console').map(outcome);
  if (alert.because !== null) return [`${alert.state}: ${plain(alert.because)}; nothing is done about it`, ...told];
  return told.length > 0 ? told : ['no action was started'];
}

function outcome(decision: Decision): string {
  const name = plain(decision.action, 64);
  const reason = decision.reason === null ? '' : plain(REASONS[decision.reason] ?? decision.reason);
  switch (decision.state) {
    case 'queued':
      return reason === '' ? `${name} queued` : `${name} queued again after ${decision.attempts} attempts: ${reason}`;
    case 'done':
      return decision.result === null ? `${name} done` : `${name} done: ${plain(decision.result)}`;
    case 'failed':
      return reason === '' ? `${name} FAILED` : `${name} FAILED: ${reason}`;
    case 'withheld':
      return `${name} NOT started: ${decision.reason === null ? 'withheld' : `${plain(decision.reason)}${reason === plain(decision.reason) ? '' : `, ${reason}`}`}`;
  }
}

/** Steps for a person, most useful first. */
function advice(alert: Alert, policy: Policy): string[] {
  if (alert.state === 'resolved' || alert.state === 'inactive') return [];
  const signal = named(alert);
  const check = policy.file === null ? null : `driftline check ${plain(policy.file, 200)}`;
  if (alert.signal === '*') return ['look at the list of alerts on the page: many at once usually have one cause upstream'];
  if (alert.kind === 'schema') {
    const wrong = check === null ? [] : [`if the new values are right, correct the schema, then ${check}`];
    return [`ask whoever feeds ${signal} what changed, and mend the feed; retrain on nothing until it is mended`, ...wrong];
  }
  if (alert.state === 'inhibited') return ['mend what inhibits it first; whether it drifts shows in the next clean window'];
  if (alert.kind === 'quality')
    return [
      `ask whoever feeds ${signal} what changed; retrain on nothing until that is known`,
      ...(check === null ? [] : [`if this is as it should be, renew the reference or state a limit, then ${check}`]),
    ];
  if (alert.kind === 'failure')
    return ['look at the log of the model server for the time above; calls go on through the fallback if the policy has one'];
  const since = alert.since.row === null ? '' : ` from row ${figure(alert.since.row)} on`;
  if (alert.kind === 'performance' || alert.latest.estimate !== null || alert.signal.startsWith('feedback.')) {
    return [
      `compare the records${since} with earlier ones on the page, by signal`,
      'retrain on them once their labels have arrived, and watch the new version',
    ];
  }
  const floor = check === null ? [] : [`if the change is real and harmless, renew the reference or raise the effect floor, then ${check}`];
  return [`look at ${signal} on the page: a change of the feed, or of the world?`, ...floor];
}

function numbered(steps: readonly string[]): string[] {
  return steps.map((step, index) => `${index + 1}. ${step}`);
}

function links(alert: Alert, policy: Policy): string {
  const named = Object.entries(policy.annotations).filter(([name, value]) => name.endsWith('_url') && value !== '');
  const urls = named.map(([name, url]) => `${plain(name.slice(0, -'_url'.length), 40)} ${plain(url, 500)}`);
  return [...urls, `policy ${plain(alert.policy, 100)}@${alert.policyHash.slice(0, 8)}`, `alert ${alert.id}`].join('  ');
}

function owner(policy: Policy): string | null {
  const { team, contact } = policy.owner;
  if (team !== null && contact !== null) return `${plain(team, 100)} (${plain(contact, 100)})`;
  const either = team ?? contact;
  return either === null ? null : plain(either, 100);
}
