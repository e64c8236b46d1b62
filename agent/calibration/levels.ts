/**
 * The levels in force: those that were stored, or asked for anew when anything they depend on has changed.
 */
import type { Json } from '../../contracts/json.ts';
import type { Policy } from '../../contracts/policy.ts';
import type { Watch } from '../watch-list.ts';
import {
  type Calibration,
  type CalibrationTask,
  calibrationFingerprint,
  isOptionSet,
  isQSet,
  type MonitorLevel,
  windowsInPeriod,
} from './calibration.ts';

/** Works a task out, now or later. */
export type Calibrate = (task: CalibrationTask) => Calibration | Promise<Calibration>;

export interface LevelsOptions {
  readonly policy: Policy;
  /** What `snapshot` gave. */
  readonly stored: Json | undefined;
  readonly calibrate: Calibrate;
  /** Called when other levels than before are in force. */
  readonly changed: () => void;
  readonly log: (line: string) => void;
}

/** Levels are the same for the same task, so they may be forgotten at any time. */
const SEED = 1;

/** Holds a calibration; monitors whose levels are still to come are `insufficient` meanwhile. */
export class Levels {
  readonly #options: LevelsOptions;
  #current: Calibration | null;
  #asked: string | null = null;
  #compared = false;

  constructor(options: LevelsOptions) {
    this.#options = options;
    // Written by this class under its own key; what does not fit is replaced at the first `ask`.
    this.#current = (options.stored as unknown as Calibration | undefined) ?? null;
  }

  /** Null until there is one. */
  get current(): Calibration | null {
    return this.#current;
  }

  /** Whether a budget waits for the rate of traffic to be measured. */
  get wantsRate(): boolean {
    return (
      (this.#options.policy.falseAlarms ?? null) !== null &&
      windowsInPeriod(this.#options.policy, null).rate === 'unknown' &&
      this.#current?.rate !== 'measured'
    );
  }

  /** Sees to it that the levels fit. Without a budget there is nothing to do. */
  ask(task: Omit<CalibrationTask, 'policy' | 'seed'>): void {
    const { policy, calibrate, changed, log } = this.#options;
    if ((policy.falseAlarms ?? null) === null) return;
    const whole: CalibrationTask = { ...task, policy, seed: SEED };
    const fingerprint = calibrationFingerprint(whole);
    if (this.#current !== null && !this.#compared && this.#current.fingerprint !== fingerprint) {
      // Stored for another policy or reference. Later changes only add to what the levels rest on, and the old ones serve meanwhile.
      this.#current = null;
      changed();
    }
    this.#compared = true;
    if (windowsInPeriod(policy, task.rowsPerMs).rate === 'unknown') return;
    if (this.#current?.fingerprint === fingerprint || this.#asked === fingerprint) return;
    this.#asked = fingerprint;
    const answer = calibrate(whole);
    if (!(answer instanceof Promise)) {
      this.#take(answer);
      return;
    }
    answer.then(
      (calibration) => {
        if (this.#asked === fingerprint) this.#take(calibration);
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
