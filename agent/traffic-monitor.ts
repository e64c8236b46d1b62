/**
 * Watches that rows come at all, and as many as usual: `rows.freshness` and `rows.count`. Judges by the clock, so silence is found in silence.
 *
 * - Freshness: finds a silence longer than the policy's limit, or else than three times the longest one of the last 168 hours that had
 *   rows, which must span a week (nights and weekends are then among them). Were hours alike, a given one would hold the longest silence
 *   of them all with a chance of 1/169, without the factor of three.
 * - Rows: counts rows by units of the wall clock. Finds a unit outside the policy's bounds, or else one that differs from the median of its
 *   like by the policy's factor, by six times their spread (MAD on a logarithmic scale) and by five times the root of the median. Alike
 *   are units at the same time of the week; while there are fewer than three of them in four weeks, those at the same time of the day.
 *
 * Only time in which the process ran counts as silence or as part of a unit; a step of the clock beyond a minute is none of it. A unit that
 * was not watched whole is not judged. A judgement is made once a limit or a unit, so `for: 2 windows` means two of them.
 */
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { DriftlineRecord } from '../contracts/record.ts';
import { ROW_SIGNALS } from '../contracts/quality.ts';
import { figure } from '../policies/figures.ts';
import { type Gaps, longestUsual, noGaps, seeGap } from './traffic-gaps.ts';
import { type Counted, judgeCount, keepCount } from './traffic-counts.ts';
import type { MonitorRow } from './store/commit.ts';
import { keyOf } from './streaming-monitor.ts';
import type { TrafficWatch } from './watch-list.ts';

/** Longest step between two looks at the clock that counts as time gone by. */
const LONGEST_STEP_MS = 60_000;
/** After a silence so many quiet limits are reported, so that its alert can clear. */
const QUIET_REPORTS = 10;

/** What it remembers; survives a JSON round trip. */
interface State {
  gaps: Gaps;
  counts: readonly Counted[];
  /** Unit of the wall clock that is being counted, its rows and how long it was watched; null before the first look. */
  unit: { readonly number: number; rows: number; watchedMs: number; fromRow: number } | null;
  silentMs: number;
  /** Silence already reported, in limits. */
  reported: number;
  /** Time since the last report after a silence, and quiet reports still due. */
  quietMs: number;
  quietDue: number;
  lastAt: number | null;
  lastRow: number;
  observed: number;
  level: Finding['level'];
  statistic: number | null;
  threshold: number | null;
  note: string | null;
}

function fresh(): State {
  return {
    gaps: noGaps,
    counts: [],
    unit: null,
    silentMs: 0,
    reported: 0,
    quietMs: 0,
    quietDue: 0,
    lastAt: null,
    lastRow: -1,
    observed: 0,
    level: 'insufficient',
    statistic: null,
    threshold: null,
    note: null,
  };
}

/** One of the two signals, watched for one monitor. */
export class TrafficMonitor {
  readonly watch: TrafficWatch;
  readonly key: string;
  #state: State;
  #now: number | null = null;
  #changed = true;

  /** @param stored what `take` gave; another fingerprint's counts are of other units and are begun anew */
  constructor(watch: TrafficWatch, stored: { readonly fingerprint: string; readonly state: Json } | undefined) {
    this.watch = watch;
    this.key = keyOf(watch);
    // Written by this class under the same key and fingerprint.
    this.#state = stored?.fingerprint === this.#fingerprint ? structuredClone(stored.state as unknown as State) : fresh();
  }

  /** Rows that came. */
  record({ rows, firstRow }: Pick<DriftlineRecord, 'rows' | 'firstRow'>, now: number): Finding[] {
    const findings = this.tick(now);
    const state = this.#state;
    if (rows === 0 || firstRow === null) return findings;
    this.#changed = true;
    state.observed += rows;
    if (this.watch.signal === ROW_SIGNALS.rows) {
      if (state.unit !== null) state.unit.rows += rows;
      state.lastRow = firstRow + rows - 1;
      return findings;
    }
    if (state.lastAt !== null) state.gaps = seeGap(state.gaps, state.silentMs, now);
    const wasSilent = state.reported > 0;
    Object.assign(state, { silentMs: 0, reported: 0, lastAt: now, lastRow: firstRow + rows - 1 });
    if (wasSilent) {
      Object.assign(state, { quietMs: 0, quietDue: QUIET_REPORTS });
      findings.push(this.#finding('stable', now, null, this.#limitMs(), 'rows come again'));
    } else if (state.level === 'insufficient' && this.#limitMs() !== null) this.#say('stable', null, this.#limitMs(), null);
    return findings;
  }

  /** Lets time pass. */
  tick(now: number): Finding[] {
    const passedMs = this.#now === null ? 0 : now - this.#now;
    this.#now = now;
    const isTrusted = passedMs >= 0 && passedMs <= LONGEST_STEP_MS;
    return this.watch.signal === ROW_SIGNALS.rows
      ? this.#countUnit(now, isTrusted ? passedMs : 0)
      : this.#listen(now, isTrusted ? passedMs : 0);
  }

  /** What changed since it was last asked, or null. */
  take(): MonitorRow | null {
    if (!this.#changed) return null;
    this.#changed = false;
    const { level, statistic, threshold, note, observed } = this.#state;
    const { monitor, choice, signal } = this.watch;
    return {
      key: this.key,
      fingerprint: this.#fingerprint,
      shown: { name: signal, slice: null, monitor: monitor.name, detector: choice.type, observed, level, statistic, threshold, note },
      // A copy of what is changed in place; the rest is replaced as a whole.
      state: { ...this.#state, unit: this.#state.unit === null ? null : { ...this.#state.unit } } as unknown as Json,
    };
  }

  get #fingerprint(): string {
    return this.watch.signal === ROW_SIGNALS.rows ? `units of ${this.watch.choice.rows.perMs}` : 'gaps';
  }

  #limitMs(): number | null {
    return this.watch.choice.freshnessWithinMs ?? longestUsual(this.#state.gaps);
  }

  #listen(now: number, passedMs: number): Finding[] {
    const state = this.#state;
    // With a limit that was stated the beginning counts as a row: traffic that never comes is silence too.
    if (state.lastAt === null && this.watch.choice.freshnessWithinMs !== null) state.lastAt = now;
    if (state.lastAt === null) return [];
    state.silentMs += passedMs;
    const limitMs = this.#limitMs();
    if (limitMs === null) {
      if (state.note === null) this.#say('insufficient', null, null, 'no week of history yet, and no limit is stated');
      return [];
    }
    const limits = Math.floor(state.silentMs / limitMs);
    if (limits > state.reported) {
      state.reported = limits;
      const usual = this.watch.choice.freshnessWithinMs === null ? 'three times the longest silence of a week' : 'the limit';
      return [
        this.#finding('drift', now, state.silentMs, limitMs, `no row for ${inWords(state.silentMs)} (${usual}: ${inWords(limitMs)})`),
      ];
    }
    state.quietMs += passedMs;
    if (state.reported > 0 || state.quietDue === 0 || state.quietMs < limitMs) return [];
    state.quietMs = 0;
    state.quietDue--;
    return [this.#finding('stable', now, state.silentMs, limitMs, 'rows come again')];
  }

  #countUnit(now: number, passedMs: number): Finding[] {
    const state = this.#state;
    const { perMs } = this.watch.choice.rows;
    const number = Math.floor(now / perMs);
    state.unit ??= { number, rows: 0, watchedMs: 0, fromRow: state.lastRow };
    const { unit } = state;
    // A clock that was set back goes on in the unit it was in.
    if (number <= unit.number) {
      unit.watchedMs += passedMs;
      return [];
    }
    const beyond = now - number * perMs;
    unit.watchedMs += Math.max(0, passedMs - beyond);
    state.unit = { number, rows: 0, watchedMs: Math.min(passedMs, beyond), fromRow: state.lastRow };
    this.#changed = true;
    // A step or two of the clock may be lost at either end.
    if (unit.watchedMs < 0.95 * perMs) return [];
    const judged = judgeCount(state.counts, [unit.number, unit.rows], this.watch.choice.rows);
    state.counts = keepCount(state.counts, [unit.number, unit.rows], perMs);
    return [
      this.#finding(
        judged.level,
        number * perMs,
        unit.rows,
        judged.bound,
        `${figure(unit.rows)} rows in ${inWords(perMs)}${judged.usual}`,
        unit,
      ),
    ];
  }

  #say(level: State['level'], statistic: number | null, threshold: number | null, note: string | null): void {
    Object.assign(this.#state, { level, statistic, threshold, note });
    this.#changed = true;
  }

  #finding(
    level: State['level'],
    at: number,
    statistic: number | null,
    threshold: number | null,
    note: string,
    unit: { readonly number: number; readonly rows: number; readonly fromRow: number } | null = null,
  ): Finding {
    this.#say(level, statistic, threshold, note);
    const { lastAt, lastRow } = this.#state;
    const fromAt = unit === null ? (lastAt ?? at) : unit.number * this.watch.choice.rows.perMs;
    return {
      monitor: this.watch.monitor.name,
      signal: this.watch.signal,
      slice: null,
      kind: 'quality',
      detector: this.watch.choice.type,
      level,
      at,
      observedRows: lastRow + 1,
      window: { fromRow: Math.max(0, unit?.fromRow ?? lastRow), toRow: Math.max(0, lastRow), fromAt, toAt: at },
      statistic,
      threshold,
      pValue: null,
      adjustedP: null,
      tests: null,
      effect: null,
      effectAtLeast: null,
      n: unit?.rows ?? 0,
      referenceN: null,
      changeRow: level === 'drift' ? Math.max(0, lastRow) : null,
      changeAt: level === 'drift' ? fromAt : null,
      note,
      estimate: null,
    };
  }
}

const UNITS: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
];

/** `1.5 h`. */
function inWords(ms: number): string {
  const [size, unit] = UNITS.find(([least]) => ms >= least) ?? [1_000, 's'];
  return `${Number((ms / size).toPrecision(3))} ${unit}`;
}
