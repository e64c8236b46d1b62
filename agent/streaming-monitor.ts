/**
 * A signal and a streaming detector: what the detector says is kept, and a change of its level becomes a finding.
 */
import { createHash } from 'node:crypto';
import type { Level, StreamingDetector } from '../contracts/detector.ts';
import { SnapshotError } from '../contracts/errors.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import { withDefaults } from '../contracts/options.ts';
import type { MonitorRow } from './store/commit.ts';
import { type Direction, directionOf } from './direction.ts';
import type { StreamingWatch } from './watch-list.ts';

/** Where an observation stands, for the finding that it may cause. */
export interface Place {
  readonly at: number;
  readonly observedRows: number;
  /** Row and time of the k-th newest observation of this signal (1 = the newest), or null when that is no longer known. */
  back(observations: number): { readonly row: number; readonly at: number } | null;
}

/** What a monitor is stored under. */
export function keyOf(watch: {
  readonly monitor: { readonly name: string };
  readonly signal: string;
  readonly choice: { readonly type: string };
}): string {
  return `${watch.monitor.name}/${watch.signal}/${watch.choice.type}`;
}

/** Continues from the stored state if signal, detector and options are unchanged; else starts fresh. */
export class StreamingMonitor {
  readonly watch: StreamingWatch;
  readonly key: string;
  readonly #fingerprint: string;
  readonly #detector: StreamingDetector;
  /** Why it started fresh although there was a state, or null. */
  readonly startedFresh: string | null;
  /** Null for a signal of which every change is of interest. */
  readonly #direction: Direction | null;
  #level: Level;
  #changed = true;

  constructor(watch: StreamingWatch, stored: { readonly fingerprint: string; readonly state: Json } | undefined) {
    this.watch = watch;
    this.key = keyOf(watch);
    const options = withDefaults(watch.definition.options, watch.choice.options);
    this.#fingerprint = createHash('sha256')
      .update(JSON.stringify([watch.signal, watch.choice.type, options]))
      .digest('hex')
      .slice(0, 16);
    let startedFresh: string | null = null;
    let detector: StreamingDetector | null = null;
    let direction: Json | undefined;
    if (stored !== undefined) {
      if (stored.fingerprint !== this.#fingerprint) startedFresh = `${this.key}: starts fresh, its options changed`;
      else {
        try {
          const state = stored.state as { detector?: Json; direction?: Json } | null;
          detector = watch.definition.create(options, { state: state?.detector ?? null });
          direction = state?.direction;
        } catch (error) {
          if (!(error instanceof SnapshotError)) throw error;
          startedFresh = `${this.key}: starts fresh, its stored state does not fit (${error.message})`;
        }
      }
    }
    this.#detector = detector ?? watch.definition.create(options);
    this.startedFresh = startedFresh;
    this.#direction = directionOf(watch.signal, direction);
    this.#level = this.#detector.level;
  }

  /** A change for the better of a signal that has a better side is no finding. @param value finite; 0 or 1 for a detector that observes bits */
  observe(value: number, place: Place): Finding | null {
    const level = this.#detector.update(value);
    this.#direction?.see(value);
    this.#changed = true;
    const before = this.#level;
    this.#level = level;
    if (level === 'drift' && this.#direction?.improved(this.#detector.changedFor) === true) return null;
    if (level === 'warming-up' || (level === before && level !== 'drift') || (level === 'stable' && before === 'warming-up')) return null;
    const changedFor = level === 'drift' ? this.#detector.changedFor : null;
    const change = changedFor === null ? null : place.back(Math.max(1, changedFor));
    return {
      monitor: this.watch.monitor.name,
      signal: this.watch.signal,
      kind: this.watch.signal === 'request.failed' ? 'failure' : 'drift',
      detector: this.watch.choice.type,
      level,
      at: place.at,
      observedRows: place.observedRows,
      window: null,
      statistic: this.#detector.statistic,
      threshold: this.#detector.threshold,
      pValue: null,
      adjustedP: null,
      tests: null,
      effect: null,
      effectAtLeast: null,
      n: this.#detector.observed,
      referenceN: null,
      changeRow: change?.row ?? null,
      changeAt: change?.at ?? null,
      note: null,
      estimate: null,
    };
  }

  /** What changed since it was last asked, or null. */
  take(): MonitorRow | null {
    if (!this.#changed) return null;
    this.#changed = false;
    return {
      key: this.key,
      fingerprint: this.#fingerprint,
      shown: {
        name: this.watch.signal,
        monitor: this.watch.monitor.name,
        detector: this.watch.choice.type,
        observed: this.#detector.observed,
        level: this.#detector.level,
        statistic: this.#detector.statistic,
        threshold: this.#detector.threshold,
      },
      state: { detector: this.#detector.snapshot(), direction: this.#direction?.snapshot() ?? null },
    };
  }
}
