/**
 * Judges a window that has ended: chooses what it is compared with, says so in its findings, and remembers what was normal.
 */
import type { Alert } from '../contracts/alert.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { Policy } from '../contracts/policy.ts';
import { controlOf } from './control.ts';
import type { EndedWindow } from './epochs.ts';
import type { Comparison } from './reference.ts';
import { Season } from './season.ts';

/** Remembers seasons, where the policy has them. */
export class WindowJudge {
  readonly #policy: Policy;
  readonly #season: Season | null;

  /** @param read what was stored under a key */
  constructor(policy: Policy, read: (key: string) => Json | undefined) {
    const { seasonality = null } = policy;
    this.#policy = policy;
    this.#season = seasonality === null ? null : new Season(policy, seasonality.fromWeeks, read);
  }

  /** One finding a watched signal. */
  judge({ epoch, window }: EndedWindow): Finding[] {
    const against = this.#comparison({ epoch, window });
    const [anInput = ''] = [...window.columns.keys()].filter((signal) => signal.startsWith('inputs.'));
    return epoch.monitors.window(window, against).map((finding) => {
      // A test of several columns together is a finding on all inputs.
      const signal = finding.signal === 'inputs' ? anInput : finding.signal;
      // A performance estimate compares with what the predictor was trained on.
      const isCompared = finding.kind !== 'performance';
      const remarks = [finding.note, window.note, isCompared ? against.note(signal) : null].filter((part) => part !== null);
      return {
        ...finding,
        modelVersion: epoch.version,
        reference: isCompared ? against.source(signal) : null,
        note: remarks.length === 0 ? null : remarks.join('; '),
      };
    });
  }

  /**
   * Takes the window into what is normal at its hours, unless it drifted from just that or came while a feed was broken.
   *
   * @param open alerts that are open
   * @returns what is to be stored, by key
   */
  remember({ epoch, window }: EndedWindow, findings: readonly Finding[], open: readonly Alert[]): ReadonlyMap<string, Json> {
    const drifted = findings.some(({ level, reference }) => level === 'drift' && reference === 'same-hour-of-week');
    const broken = open.some(({ kind, state }) => kind === 'schema' && state === 'firing');
    return this.#season === null || drifted || broken ? new Map() : this.#season.admit(window, epoch.version);
  }

  /** From here on the store knows what was remembered. */
  committed(): void {
    this.#season?.committed();
  }

  #comparison({ epoch, window }: EndedWindow): Comparison {
    const { reference, minSamples } = this.#policy;
    const plain = reference.source === 'upstream' ? controlOf(window, reference.of, minSamples) : epoch.reference;
    return this.#season?.comparison(window, epoch.version, plain) ?? plain;
  }
}
