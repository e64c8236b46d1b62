/**
 * What is copied of calls, and what becomes of the copies: into the ring, or counted where they are left out.
 */
import type { Counters } from './counters.ts';
import type { Pressure } from './pressure.ts';
import type { RingWriter } from './ring.ts';
import type { CapturedCall } from './ring-record.ts';
import { isLeftOut } from './sampling.ts';
import type { Traffic } from './traffic.ts';

/** What is copied of a call. */
export interface CopyLimits {
  /** Bytes of each body. */
  readonly maxBodyBytes: number;
  readonly maxAnswerBytes: number;
  /** Whether anything is: then bodies that are longer get a fingerprint. */
  readonly isRecorded: boolean;
}

const NO_BODIES: CopyLimits = { maxBodyBytes: 0, maxAnswerBytes: 0, isRecorded: true };
const NOTHING: CopyLimits = { ...NO_BODIES, isRecorded: false };

export class Recorder {
  readonly #ring: RingWriter;
  readonly #counters: Counters;
  readonly #pressure: Pressure;
  readonly #traffic: Traffic;
  #whole = NO_BODIES;

  constructor(ring: RingWriter, counters: Counters, pressure: Pressure, traffic: Traffic) {
    this.#ring = ring;
    this.#counters = counters;
    this.#pressure = pressure;
    this.#traffic = traffic;
  }

  /** For a call that begins now. */
  limitsFor(call: { readonly id: string }): CopyLimits {
    const { sampling, maxBodyBytes, maxAnswerBytes } = this.#traffic;
    if (isLeftOut(call, sampling)) return NOTHING;
    if (this.#pressure.gaveUp('payloads')) return NO_BODIES;
    // One serves all calls until the policy changes.
    const { maxBodyBytes: ofRequest, maxAnswerBytes: ofAnswer } = this.#whole;
    if (ofRequest !== maxBodyBytes || ofAnswer !== maxAnswerBytes) this.#whole = { maxBodyBytes, maxAnswerBytes, isRecorded: true };
    return this.#whole;
  }

  /** Takes a call that has ended, with the limits it began with. */
  record(limits: CopyLimits, call: CapturedCall): void {
    if (!limits.isRecorded) {
      this.#ring.leaveOut('sampled-out');
      this.#counters.add('sampledOut');
    } else if (this.#pressure.gaveUp('records')) {
      this.#ring.leaveOut('shed');
      this.#counters.add('shed');
    } else this.#counters.add(this.#ring.write(call) ? 'exchanges' : 'ringFull');
  }
}
