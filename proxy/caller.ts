/**
 * The client's side of a call: where its body comes from and its answer goes, whichever way the client speaks.
 */
import type { Header } from '../contracts/exchange.ts';
import type { Deadline } from './deadlines.ts';
import type { OutgoingAnswer } from './forward.ts';
import type { AnswerFraming } from './framing.ts';
import type { Identity } from './identity.ts';
import type { Reason } from './reasons.ts';

/** Who answers, and why it is not the primary. */
export interface Server {
  readonly identity: Identity;
  /** The word for `x-driftline-served-by`. */
  readonly servedBy: string;
  readonly reason: Reason | null;
}

/** An answer of Driftline's own. */
export interface OwnWords {
  readonly id: string;
  readonly reason: Reason;
  readonly error: string;
  readonly retryAfterS: number;
}

export interface Caller extends Deadline {
  /** Whether reading the body waits for the upstream to take what it was sent. */
  readonly bodyPaused: boolean;
  pauseBody(): void;
  resumeBody(): void;
  /** The answer is out at `now`, on `performance.now()`. `keep`: another request may follow on the connection. */
  callEnded(keep: boolean, now: number): void;
  /** Breaks the connection off so that the answer cannot be taken for a whole one. */
  breakOff(): void;
  destroy(): void;
}

export interface AnswerOut {
  /** Whether the client was told to send its body (100). */
  readonly continued: boolean;
  /** Bytes written that the client has not taken yet, as far as this process knows. */
  readonly unsentBytes: number;
  /** Whether bytes given to `write` may still be looked at. */
  readonly holdsBytes: boolean;
  interim(answer: OutgoingAnswer): void;
  /** Tells a client that asked to go on with its body, in place of an upstream that cannot. */
  continueBody(): void;
  /** Begins the final answer, which came framed as `incoming`. Returns whether another request may follow on the connection. */
  open(answer: OutgoingAnswer, incoming: AnswerFraming, server: Server, mayKeep: boolean): boolean;
  /** Sends body bytes, perhaps passing (see `reading.ts`), and the end of the body when `done`. Returns false when the client should be waited for. */
  write(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): boolean;
  /** Sends an answer of Driftline's own in place of one. Returns the status and the body sent, and whether another request may follow. */
  own(words: OwnWords, mayKeep: boolean): { readonly body: Buffer; readonly keep: boolean };
}
