/**
 * Findings in, alerts out: the life cycle `inactive → pending → firing → resolved`, with `insufficient` and `inhibited`.
 *
 * Pure: time is the moment's, names are computed, the state is JSON. An alert stands for one monitor on one signal of one model
 * version; an episode lasts from its first drift finding until it clears.
 *
 * - A windowed monitor speaks at every window's end: `for: N windows` are N drift findings in a row, `clear` counts findings that are
 *   neither drift nor between the effect floor and `effectBelow`. Thin windows (`insufficient`) count for neither.
 * - A streaming monitor speaks when it fires. Its alarm counts as lasting until `clear.for` has passed without another one; further
 *   ones extend the episode and are returned as `retriggered`, each with a revision of its own.
 * - A firing schema alert inhibits drift and loss of quality of its signal, in its slices too (and one on `inputs` as a whole that of all
 *   columns). Windows that reach back into rows which breached the schema neither fire nor clear afterwards: they still show the breach.
 * - A firing alert of all rows inhibits the same monitor's alerts on the same signal in slices: one fault is one page. When it ends, a
 *   slice that still drifts fires by itself.
 */
import type { Alert } from '../contracts/alert.ts';
import type { Finding, FindingKind } from '../contracts/finding.ts';
import type { Policy } from '../contracts/policy.ts';
import type { AlertsState } from './alerts-state.ts';
import { type Episode, type Mark, nextState, type OpenState, observe, termsFor } from './episode.ts';
import { alertId, fingerprintOf } from './identity.ts';
import { becauseOf, breachOf, covers, isOfAll, isOfData, wholeOf } from './inhibition.ts';
import { openSummary, summaryFinding } from './summary.ts';

/** What happened at one instant of the analysis; without findings it is a tick that lets time pass. */
export interface Moment {
  readonly at: number;
  readonly observedRows: number;
  /** Windows closed so far. */
  readonly windows: number;
  /** Version that the findings are about. */
  readonly modelVersion: string | null;
  /** All versions that answer at present; absent = that one alone. Alerts of others resolve. */
  readonly live?: readonly (string | null)[];
  readonly findings: readonly Finding[];
}

export interface Evaluation {
  readonly state: AlertsState;
  /** One alert for each change of state, in order. */
  readonly changes: readonly Alert[];
  /** Firing alerts whose streaming detector fired again. */
  readonly retriggered: readonly Alert[];
}

const EPISODES_KEPT = 10_000;

/** Moves every alert on by one moment. */
export function evaluate(policy: Policy, state: AlertsState, moment: Moment): Evaluation {
  const evaluator = new Evaluator(policy, state, moment);
  // Breaches first: whether drift is inhibited depends on them.
  evaluator.run(({ kind }) => kind === 'schema');
  // All rows before their slices, for the same reason.
  evaluator.run(({ kind, slice }) => kind !== 'schema' && isOfAll(slice));
  evaluator.run(({ kind, slice }) => kind !== 'schema' && !isOfAll(slice));
  return evaluator.finish();
}

/** One call of `evaluate`: copies of the maps, filled in order. */
class Evaluator {
  readonly #policy: Policy;
  readonly #moment: Moment;
  readonly #mark: Mark;
  readonly #open: Map<string, Episode>;
  readonly #summaries: Map<string, Alert>;
  readonly #episodes: Map<string, number>;
  readonly #breachedTo: Map<string, number>;
  readonly #changes: Alert[] = [];
  readonly #retriggered: Alert[] = [];

  constructor(policy: Policy, state: AlertsState, moment: Moment) {
    this.#policy = policy;
    this.#moment = moment;
    this.#mark = { at: moment.at, windows: moment.windows, rows: moment.observedRows };
    this.#open = new Map(Object.entries(state.open));
    this.#summaries = new Map(Object.entries(state.summaries));
    this.#episodes = new Map(Object.entries(state.episodes));
    this.#breachedTo = new Map(Object.entries(state.breachedTo));
  }

  /** Takes some of the findings, then settles the state of every alert of this sort. */
  run(concerned: (sort: Pick<Finding, 'kind' | 'slice'>) => boolean): void {
    const fired = new Set<string>();
    for (const finding of this.#moment.findings) {
      if (concerned(finding)) this.#take(finding, fired);
    }
    for (const [fingerprint, episode] of this.#open) {
      if (concerned(episode.alert)) this.#settle(fingerprint, episode, fired.has(fingerprint));
    }
  }

  finish(): Evaluation {
    this.#summarize();
    this.#forgetEpisodes();
    return {
      state: {
        version: 1,
        open: Object.fromEntries(this.#open),
        summaries: Object.fromEntries(this.#summaries),
        episodes: Object.fromEntries(this.#episodes),
        breachedTo: Object.fromEntries(this.#breachedTo),
      },
      changes: this.#changes,
      retriggered: this.#retriggered,
    };
  }

  #take(finding: Finding, fired: Set<string>): void {
    const policy = this.#policy;
    const terms = termsFor(policy, finding.monitor, finding.kind);
    if (terms === null) return;
    const { modelVersion } = this.#moment;
    const { monitor, signal, slice, kind } = finding;
    const fingerprint = fingerprintOf({ policy: policy.name, monitor, signal, slice, kind, modelVersion });
    const inhibited = isOfData(kind) && breachOf(this.#open, signal) !== null;
    const tainted = isOfData(kind) && this.#isTainted(finding);
    if (tainted && !inhibited) return;
    // A streaming detector has no window to tell which rows it judged: while a breach lasts, all it says is suspect.
    const clean = !tainted && !(inhibited && finding.window === null);
    let episode = this.#open.get(fingerprint);
    if (episode === undefined) {
      if (finding.level !== 'drift') return;
      episode = this.#begin(fingerprint, finding, terms.severity);
    }
    this.#open.set(fingerprint, observe(episode, finding, this.#mark, terms, clean));
    if (finding.level === 'drift' && finding.window === null) fired.add(fingerprint);
  }

  #begin(fingerprint: string, finding: Finding, severity: Alert['severity']): Episode {
    const number = this.#nextEpisode(fingerprint);
    const policy = this.#policy;
    const alert: Alert = {
      id: alertId(fingerprint, number),
      fingerprint,
      episode: number,
      revision: 0,
      state: 'inactive',
      policy: policy.name,
      policyHash: policy.hash,
      monitor: finding.monitor,
      signal: finding.signal,
      slice: finding.slice,
      kind: finding.kind,
      detector: finding.detector,
      severity,
      model: policy.model.name,
      modelVersion: this.#moment.modelVersion,
      since: { at: finding.changeAt, row: finding.changeRow },
      startsAt: this.#moment.at,
      endsAt: null,
      openedAtRow: null,
      changedAt: this.#moment.at,
      opening: finding,
      latest: finding,
      because: null,
      fired: false,
    };
    const mark = this.#mark;
    return { alert, state: null, streak: 0, first: mark, last: mark, quiet: 0, quietFrom: null, thin: false, clean: true, folded: false };
  }

  #settle(fingerprint: string, episode: Episode, firedAgain: boolean): void {
    const { alert } = episode;
    const terms = alert.policy === this.#policy.name ? termsFor(this.#policy, alert.monitor, alert.kind) : null;
    const stale = !(this.#moment.live ?? [this.#moment.modelVersion]).includes(alert.modelVersion);
    const inhibitor = (isOfData(alert.kind) ? breachOf(this.#open, alert.signal) : null) ?? wholeOf(this.#open, alert);
    const next = nextState(episode, terms, this.#mark, stale, inhibitor !== null);
    if (next === 'inactive' || next === 'resolved') {
      this.#open.delete(fingerprint);
      const because = stale ? `model version ${alert.modelVersion ?? 'without a name'} no longer answers` : null;
      if (alert.revision > 0) this.#show({ ...alert, state: next, endsAt: this.#moment.at, because });
    } else if (next !== episode.state) {
      this.#enter(fingerprint, episode, next, inhibitor);
    } else if (firedAgain && next === 'firing' && !episode.folded) {
      const extended = { ...alert, revision: alert.revision + 1, changedAt: this.#moment.at };
      this.#open.set(fingerprint, { ...episode, alert: extended });
      this.#retriggered.push(extended);
    }
    if (alert.kind === 'schema' && next === 'firing' && alert.latest.level === 'drift') {
      this.#breachedTo.set(alert.signal, alert.latest.window?.toRow ?? alert.latest.observedRows - 1);
    }
  }

  #enter(fingerprint: string, episode: Episode, next: OpenState, inhibitor: Alert | null): void {
    const { alert } = episode;
    const folded = next === 'firing' && this.#firing() >= this.#policy.alerts.maxActive;
    if (folded && alert.revision === 0) {
      this.#open.set(fingerprint, { ...episode, state: next, folded });
      return;
    }
    const state = folded ? 'inhibited' : next;
    const begins = state === 'firing' && alert.fired !== true;
    const shown = this.#show({
      ...alert,
      state,
      startsAt: begins ? this.#moment.at : alert.startsAt,
      openedAtRow: state === 'firing' || state === 'inhibited' ? (alert.openedAtRow ?? this.#moment.observedRows) : alert.openedAtRow,
      because: folded ? `folded into a summary: more than ${this.#policy.alerts.maxActive} alerts fire` : becauseOf(state, inhibitor),
      fired: alert.fired === true || begins,
    });
    this.#open.set(fingerprint, { ...episode, alert: shown, state: next, folded });
  }

  /** Counts the change, stamps it and hands it out. */
  #show(alert: Alert): Alert {
    const shown = { ...alert, revision: alert.revision + 1, changedAt: this.#moment.at, policyHash: this.#policy.hash };
    this.#changes.push(shown);
    return shown;
  }

  /** Whether the window reaches back into rows that breached the schema. */
  #isTainted(finding: Finding): boolean {
    for (const [signal, row] of this.#breachedTo) {
      if (finding.window !== null && covers(signal, finding.signal) && finding.window.fromRow <= row) return true;
    }
    return false;
  }

  #firing(): number {
    let count = 0;
    for (const episode of this.#open.values()) if (episode.state === 'firing' && !episode.folded) count += 1;
    return count;
  }

  #summarize(): void {
    const folded = new Map<FindingKind, Alert[]>();
    for (const { alert, folded: inside } of this.#open.values()) {
      if (inside) folded.set(alert.kind, [...(folded.get(alert.kind) ?? []), alert]);
    }
    for (const [kind, alerts] of folded) {
      const known = this.#summaries.get(kind);
      if (known !== undefined) {
        this.#summaries.set(kind, { ...known, latest: summaryFinding(alerts) });
        continue;
      }
      const summary = openSummary(this.#policy, alerts, this.#moment, (fingerprint) => this.#nextEpisode(fingerprint));
      this.#summaries.set(kind, this.#show({ ...summary, state: 'firing', openedAtRow: this.#moment.observedRows, fired: true }));
    }
    for (const [kind, summary] of this.#summaries) {
      // The kinds of the map are those of its alerts.
      if (folded.has(kind as FindingKind)) continue;
      this.#summaries.delete(kind);
      this.#show({ ...summary, state: 'resolved', endsAt: this.#moment.at });
    }
  }

  #nextEpisode(fingerprint: string): number {
    const number = (this.#episodes.get(fingerprint) ?? 0) + 1;
    // Set anew at the end, so that the order of the map is that of use.
    this.#episodes.delete(fingerprint);
    this.#episodes.set(fingerprint, number);
    return number;
  }

  #forgetEpisodes(): void {
    for (const fingerprint of this.#episodes.keys()) {
      if (this.#episodes.size <= EPISODES_KEPT) return;
      if (!this.#open.has(fingerprint)) this.#episodes.delete(fingerprint);
    }
  }
}
