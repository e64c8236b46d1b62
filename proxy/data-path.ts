/**
 * What all connections of one data thread share.
 */
import type { Counters } from './counters.ts';
import type { Deadlines } from './deadlines.ts';
import type { OutgoingAnswer, OutgoingRequest } from './forward.ts';
import type { Refusal } from './framing.ts';
import type { Held } from './held.ts';
import type { Limits } from './limits.ts';
import type { Memo } from './memo.ts';
import type { Pressure } from './pressure.ts';
import type { Recorder } from './recorder.ts';
import type { Refusals } from './refusals.ts';
import type { Traffic } from './traffic.ts';

export interface DataPath {
  readonly traffic: Traffic;
  /** Those of the present policy. */
  limits: Limits;
  readonly deadlines: Deadlines;
  readonly counters: Counters;
  /** What lies in memory because somebody is slow. */
  readonly held: Held;
  readonly refusals: Refusals;
  /** Of HTTP/2, open at present on all connections. */
  streams: number;
  /** Takes calls that have ended. */
  readonly recorder: Recorder;
  /** What is given up at present. */
  readonly pressure: Pressure;
  /** Request heads by their text, read and made ready to go on. */
  readonly requests: Memo<OutgoingRequest | Refusal>;
  /** The same of answers. */
  readonly answers: Memo<OutgoingAnswer | Refusal>;
  /** Whether a connection may stay for another call. Where it may not, the next answer on it says so. */
  keepAlive: boolean;
  /** Whether connections without a call are closed now, whatever was said on them. */
  draining: boolean;
  /** Tells of a fault of our own that was kept inside one connection. */
  report(fault: unknown): void;
}
