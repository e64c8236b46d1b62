/**
 * How often a monitor alarms in replays: windows in which one of its tests finds something while the test's alert fires.
 *
 * The alert fires from the `for`-th find in a row until `clear` is over, as in policies/episode.ts; a time stands for one window, since
 * replays know none. An alert that fires on is one alert to a person, but each window that keeps it firing is an alarm.
 */
import type { MonitorPolicy } from '../../contracts/policy.ts';
import { correct } from '../correction.ts';
import type { Replays, Watched } from './replays.ts';

/** What a monitor's tests say of one window, in the order of the signals; null = too little to judge. */
type Results = Replays[number][number];

/** Alarms against each reference; several tests in one window are one alarm. */
export function countAlarms(monitor: MonitorPolicy, watched: readonly Watched[], replays: Replays): number[] {
  return replays.map((sequence) => {
    const alerts = watched.map(() => new ReplayedAlert(monitor));
    return sequence.filter((results) => {
      const found = foundIn(monitor, watched, results);
      let alarms = false;
      for (const [index, result] of results.entries()) {
        if (result !== null && alerts[index]!.see(found[index]!, result.effect)) alarms = true;
      }
      return alarms;
    }).length;
  });
}

/** Which tests are significant at the monitor's q, and at or above their floor. */
function foundIn({ correction }: MonitorPolicy, watched: readonly Watched[], results: Results): boolean[] {
  const { adjusted } = correct(
    correction,
    results.map((result, index) => ({ pValue: result?.pValue ?? null, slice: watched[index]!.watch.slice?.name ?? null })),
  );
  return results.map(
    (result, index) =>
      result !== null && adjusted[index]! <= correction.q && result.effect >= (watched[index]!.watch.choice.effectAtLeast ?? 0),
  );
}

/** One test's alert over the windows of a replay. */
class ReplayedAlert {
  readonly #monitor: MonitorPolicy;
  #streak = 0;
  #quiet = 0;
  #fires = false;

  constructor(monitor: MonitorPolicy) {
    this.#monitor = monitor;
  }

  /** Takes the word of a window that could be judged. @returns whether that is an alarm */
  see(found: boolean, effect: number): boolean {
    const { for: held, clear } = this.#monitor;
    if (found) {
      this.#streak++;
      this.#quiet = 0;
      if (this.#streak >= windowsOf(held)) this.#fires = true;
      return this.#fires;
    }
    this.#streak = 0;
    this.#quiet = clear.effectBelow === null || effect < clear.effectBelow ? this.#quiet + 1 : 0;
    if (this.#quiet >= windowsOf(clear.for)) this.#fires = false;
    return false;
  }
}

function windowsOf({ unit, count }: MonitorPolicy['for']): number {
  return unit === 'windows' ? count : 1;
}
