/**
 * One episode of an alert: what it remembers of the findings, and which state follows from that.
 *
 * Findings only change the bookkeeping (`observe`); the state is a function of the bookkeeping and the moment (`nextState`). So a
 * finding, the passing of time and the end of an inhibition all take the same way.
 */
import type { Alert, AlertState, Severity } from '../contracts/alert.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Policy, Span } from '../contracts/policy.ts';

/** A point in the life of the process, by each of its measures. */
export interface Mark {
  readonly at: number;
  readonly windows: number;
  readonly rows: number;
}

/** States that an open episode can be in. */
export type OpenState = Extract<AlertState, 'pending' | 'insufficient' | 'firing' | 'inhibited'>;

export interface Episode {
  /** As it was last shown; `latest` runs ahead. Revision 0 = not shown yet. */
  readonly alert: Alert;
  /** Null until its first moment is settled. */
  readonly state: OpenState | null;
  /** Drift findings in a row. */
  readonly streak: number;
  /** First of the streak, and newest drift finding. */
  readonly first: Mark;
  readonly last: Mark;
  /** Findings in a row that speak for an end, and the first of them. */
  readonly quiet: number;
  readonly quietFrom: Mark | null;
  /** The newest finding had too few samples. */
  readonly thin: boolean;
  /** The newest drift finding says something about the data, not about a breach of the schema. */
  readonly clean: boolean;
  /** It fires, but only inside a summary alert. */
  readonly folded: boolean;
}

/** The policy's terms for one alert. */
export interface Terms {
  readonly severity: Severity;
  readonly for: Span;
  readonly clear: { readonly effectBelow: number | null; readonly for: Span };
}

const SCHEMA_CLEAR: Span = { unit: 'windows', count: 3 };

/** Terms for what this monitor found; null when the policy has no such monitor (any more). */
export function termsFor(policy: Policy, monitor: string, kind: Finding['kind']): Terms | null {
  if (kind === 'schema') {
    const { severity, for: held } = policy.schema.onViolation;
    return { severity, for: held, clear: { effectBelow: null, for: held.unit === 'ms' ? held : SCHEMA_CLEAR } };
  }
  return policy.monitors.find((candidate) => candidate.name === monitor) ?? null;
}

/** Takes a finding into the bookkeeping. `clean`: it does not stem from rows that breached the schema. */
export function observe(episode: Episode, finding: Finding, mark: Mark, terms: Terms, clean: boolean): Episode {
  if (finding.level === 'drift') return observeDrift(episode, finding, mark, clean);
  // A streaming detector starts anew after it fired, so its next level says nothing about an end.
  if (isStreaming(episode)) return episode;
  if (finding.level === 'insufficient' || finding.level === 'warming-up') {
    const waiting = episode.state !== 'firing' && episode.state !== 'inhibited';
    return { ...episode, thin: true, alert: waiting ? { ...episode.alert, latest: finding } : episode.alert };
  }
  const { effectBelow } = terms.clear;
  const calm = effectBelow === null || finding.effect === null || finding.effect < effectBelow;
  return {
    ...episode,
    alert: { ...episode.alert, latest: finding },
    streak: 0,
    quiet: calm ? episode.quiet + 1 : 0,
    quietFrom: calm ? (episode.quietFrom ?? mark) : null,
    thin: false,
  };
}

function observeDrift(episode: Episode, finding: Finding, mark: Mark, clean: boolean): Episode {
  const streak = clean && !episode.clean ? 1 : episode.streak + 1;
  return {
    ...episode,
    alert: { ...episode.alert, latest: finding },
    streak,
    first: streak === 1 ? mark : episode.first,
    last: mark,
    quiet: 0,
    quietFrom: null,
    thin: false,
    clean,
  };
}

/**
 * The state that follows. `inactive` ends an episode that never fired or was inhibited, `resolved` one that was.
 *
 * @param stale its model version no longer answers, so no more findings will come for this one
 * @param inhibited a firing alert stands above this one
 */
export function nextState(
  episode: Episode,
  terms: Terms | null,
  mark: Mark,
  stale: boolean,
  inhibited: boolean,
): OpenState | 'inactive' | 'resolved' {
  const acute = episode.state === 'firing' || episode.state === 'inhibited';
  const ended = acute ? 'resolved' : 'inactive';
  if (terms === null || stale || isCleared(episode, terms, mark)) return ended;
  if (episode.state === 'firing') return inhibited ? 'inhibited' : 'firing';
  if (inhibited) return episode.state === 'inhibited' || episode.streak > 0 ? 'inhibited' : ended;
  if (episode.state === 'inhibited') {
    if (episode.quiet > 0) return 'resolved';
    // What was found in rows that breached the schema proves nothing: wait for a finding made after them.
    if (!episode.clean) return 'inhibited';
  } else if (episode.streak === 0) {
    return 'inactive';
  }
  if (episode.thin) return episode.state === 'inhibited' ? 'inhibited' : 'insufficient';
  return isServed(episode, terms.for, mark) ? 'firing' : 'pending';
}

/** A streaming detector judges no window. */
function isStreaming(episode: Episode): boolean {
  return episode.alert.opening.window === null;
}

function isServed(episode: Episode, held: Span, mark: Mark): boolean {
  if (episode.alert.fired === true) return true;
  if (held.unit === 'ms') return mark.at - episode.first.at >= held.count;
  // A streaming alarm counts as lasting until it clears: N windows are N - 1 more closed ones.
  if (isStreaming(episode)) return mark.windows - episode.first.windows >= held.count - 1;
  return episode.streak >= held.count;
}

function isCleared(episode: Episode, terms: Terms, mark: Mark): boolean {
  const { unit, count } = terms.clear.for;
  if (isStreaming(episode)) {
    return unit === 'ms' ? mark.at - episode.last.at >= count && mark.at > episode.last.at : mark.windows - episode.last.windows >= count;
  }
  const spans = quietSpans(episode, mark);
  if (spans === 0) return false;
  return unit === 'windows' ? spans >= count : mark.at - (episode.quietFrom ?? episode.last).at >= count;
}

/**
 * Quiet findings in a row. For a schema alert quiet blocks, counted in rows: a column that is well again sends no more findings, so
 * there silence is good news.
 */
function quietSpans(episode: Episode, mark: Mark): number {
  const { kind, latest } = episode.alert;
  if (kind !== 'schema' || latest.n <= 0) return episode.quiet;
  return Math.max(episode.quiet, Math.floor((mark.rows - episode.last.rows) / latest.n));
}
