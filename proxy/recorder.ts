/**
 * What is copied of calls, and what becomes of the copies: into the ring, or counted where they are left out.
 */
import type { Counters } from './counters.ts';
import type { Pressure } from './pressure.ts';
import type { RingWriter } from './ring.ts';
import type { CapturedCall } from './ring-record.ts';
import type { Traffic } from './traffic.ts';

/** Bytes of each body that are copied. */
export interface CopyLimits {
  readonly maxBodyBytes: number;
  readonly maxAnswerBytes: number;
}

const NO_BODIES: CopyLimits = { maxBodyBytes: 0, maxAnswerBytes: 0 };

export class Recorder {
  readonly #ring: RingWriter;
  readonly #counters: Counters;
  readonly #pressure: Pressure;
  readonly #traffic: Traffic;

  constructor(ring: RingWriter, counters: Counters, pressure: Pressure, traffic: Traffic) {
    this.#ring = ring;
    this.#counters = counters;
    this.#pressure = pressure;
    this.#traffic = traffic;
  }

  /** For a call that begins now. */
  get limits(): CopyLimits {
    return this.#pressure.gaveUp('payloads') ? NO_BODIES : this.#traffic;
  }

  /** Takes a call that has ended. */
  record(call: CapturedCall): void {
    if (this.#pressure.gaveUp('records')) {
      this.#ring.leaveOut('shed');
      this.#counters.add('shed');
    } else this.#counters.add(this.#ring.write(call) ? 'exchanges' : 'ringFull');
  }
}
