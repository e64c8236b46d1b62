/**
 * The levels in force: those that were stored, or asked for anew when anything they depend on has changed.
 */
import type { Json } from '../../contracts/json.ts';
import type { Policy } from '../../contracts/policy.ts';
import type { Watch } from '../watch-list.ts';
import type { ClosedWindow } from '../windows.ts';
import {
  type Calibration,
  type CalibrationTask,
  calibrationFingerprint,
  isOptionSet,
  isQSet,
  type MonitorLevel,
  windowsInPeriod,
} from './calibration.ts';
import { TrafficRate } from './traffic-rate.ts';

/** Works a task out, now or later. */
export type Calibrate = (task: CalibrationTask) => Calibration | Promise<Calibration>;

export interface LevelsOptions {
  readonly policy: Policy;
  /** What `snapshot` gave. */
  readonly stored: Json | undefined;
  /** What `rate` gave. */
  readonly storedRate?: Json | undefined;
  readonly calibrate: Calibrate;
  /** Called when other levels than before are in force. */
  readonly changed: () => void;
  readonly log: (line: string) => void;
}

/** Levels are the same for the same task, so they may be forgotten at any time. */
const SEED = 1;
/** Levels are worked out anew when traffic has become more or less by more than this factor: other levels make streaming detectors begin anew. */
const OTHER_RATE = 2;

/** What levels rest on. */
type Basis = Pick<Calibration, 'fingerprint' | 'rowsPerMs'>;

/** Holds a calibration; monitors whose levels are still to come are `insufficient` meanwhile. */
export class Levels {
  readonly #options: LevelsOptions;
  readonly #rate: TrafficRate;
  /** Whether the budget's windows are known from measured traffic alone. */
  readonly #isRateMeasured: boolean;
  #current: Calibration | null;
  /** What the levels were last wanted for; an answer to anything else comes too late. */
  #asked: Basis | null = null;
  #compared = false;

  constructor(options: LevelsOptions) {
    this.#options = options;
    // Written by this class under its own key; what does not fit is replaced at the first `ask`.
    this.#current = (options.stored as unknown as Calibration | undefined) ?? null;
    this.#rate = new TrafficRate(options.storedRate);
    const { policy } = options;
    this.#isRateMeasured = (policy.falseAlarms ?? null) !== null && windowsInPeriod(policy, null).rate === 'unknown';
  }

  /** Null until there is one. */
  get current(): Calibration | null {
    return this.#current;
  }

  /** Measures the rate of traffic where the budget needs it. @returns whether it has become another, so that levels are to be asked for */
  measure(window: ClosedWindow): boolean {
    if (!this.#isRateMeasured) return false;
    this.#rate.add(window);
    return !isAlike((this.#asked ?? this.#current)?.rowsPerMs ?? null, this.#rate.rowsPerMs);
  }

  /** The rate as it was measured so far; null where it is not needed. */
  get rate(): Json | null {
    return this.#isRateMeasured ? this.#rate.snapshot() : null;
  }

  /** Sees to it that the levels fit. Without a budget there is nothing to do. */
  ask(task: Omit<CalibrationTask, 'policy' | 'seed' | 'rowsPerMs'>): void {
    const { policy, calibrate, changed, log } = this.#options;
    if ((policy.falseAlarms ?? null) === null) return;
    const { rowsPerMs } = this.#rate;
    const whole: CalibrationTask = { ...task, policy, rowsPerMs, seed: SEED };
    const fingerprint = calibrationFingerprint(whole);
    if (this.#current !== null && !this.#compared && this.#current.fingerprint !== fingerprint) {
      // Stored for another policy or reference. Later changes only add to what the levels rest on, and the old ones serve meanwhile.
      this.#current = null;
      changed();
    }
    this.#compared = true;
    if (windowsInPeriod(policy, rowsPerMs).rate === 'unknown') return;
    const wanted: Basis = { fingerprint, rowsPerMs };
    if (isSame(this.#asked, wanted)) return;
    if (isSame(this.#current, wanted)) {
      // What is in force serves again. Its own rate stays what counts, or slow changes would never add up.
      this.#asked = this.#current;
      return;
    }
    this.#asked = wanted;
    const answer = calibrate(whole);
    if (!(answer instanceof Promise)) {
      this.#take(answer);
      return;
    }
    answer.then(
      (calibration) => {
        if (this.#asked === wanted) this.#take(calibration);
      },
      (error: unknown) =>
        log(`calibration: failed (${error instanceof Error ? error.message : String(error)}); monitors without a level stay silent`),
    );
  }

  snapshot(): Json {
    // Plain data throughout.
    return this.#current as unknown as Json;
  }

  #take(calibration: Calibration): void {
    this.#current = calibration;
    for (const level of calibration.levels)
      if (level.method === 'insufficient') this.#options.log(`calibration: ${level.monitor}: ${level.why}`);
    this.#options.changed();
  }
}

/** Rates that call for the same levels; null = not known. */
function isAlike(a: number | null, b: number | null): boolean {
  return a === b || (a !== null && b !== null && Math.max(a, b) <= OTHER_RATE * Math.min(a, b));
}

function isSame(a: Basis | null, b: Basis): boolean {
  return a !== null && a.fingerprint === b.fingerprint && isAlike(a.rowsPerMs, b.rowsPerMs);
}

/** The level of a monitor's windowed tests where the budget sets it; null where the policy's q stands. */
export function windowedLevel(
  policy: Policy,
  monitor: Policy['monitors'][number],
  calibration: Calibration | null,
): MonitorLevel | 'pending' | null {
  if (!isQSet(policy, monitor)) return null;
  return calibration?.levels.find((level) => level.kind === 'windowed' && level.monitor === monitor.name) ?? 'pending';
}

/** What a test's law is kept under. */
export function lawKey({ signal, slice }: { readonly signal: string; readonly slice: { readonly name: string } | null }): string {
  return slice === null ? signal : `${signal} in ${slice.name}`;
}

/** The watches as the levels have them: a streaming detector whose level is still to come, or not to be had, is left out. */
export function withLevels(policy: Policy, watches: readonly Watch[], calibration: Calibration | null): Watch[] {
  return watches.flatMap((watch): Watch[] => {
    if (watch.kind !== 'streaming' || !isOptionSet(policy, watch.choice)) return [watch];
    const level = calibration?.levels.find(
      ({ kind, monitor, signal, detector }) =>
        kind === 'streaming' && monitor === watch.monitor.name && signal === watch.signal && detector === watch.choice.type,
    );
    if (level === undefined || level.value === null) return [];
    return [{ ...watch, choice: { ...watch.choice, options: { ...watch.choice.options, [level.option]: level.value } } }];
  });
}
