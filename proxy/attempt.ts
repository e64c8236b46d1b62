/**
 * One try at having a call answered by an upstream: what the call does with it and hears from it, whichever way it travels.
 */
import type { Header } from '../contracts/exchange.ts';
import type { OutgoingAnswer, OutgoingRequest } from './forward.ts';
import type { AnswerFraming } from './framing.ts';
import type { Identity } from './identity.ts';
import type { Reason } from './reasons.ts';

/** What is sent, apart from the body. */
export interface AttemptRequest {
  readonly request: OutgoingRequest;
  readonly identity: Identity;
}

export interface Attempt {
  /** Whether the upstream has taken the connection. */
  readonly connected: boolean;
  /** When the head of an answer began that is not whole yet, on `performance.now()`; Infinity = none has begun. Means nothing after a final answer. */
  readonly headSince: number;
  /**
   * Whether nothing has come and the connection had served a call before: then it may have been closed from the other side meanwhile.
   */
  readonly stale: boolean;
  /** Whether bytes given to `send` may still be looked at. */
  readonly holdsBytes: boolean;
  /**
   * Sends body bytes, perhaps passing (see `reading.ts`), and the body's end when `done`; the head goes out with the first of them. Returns false
   * when `drained` should be waited for.
   */
  send(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): boolean;
  /** Stops reading the answer, and goes on. */
  pause(): void;
  resume(): void;
  /** Gives up; the call hears no more of it. */
  discard(): void;
}

/**
 * In this order: interim answers, the final answer, parts of its body, the last of them `done`. Nothing follows `done` or `failed`.
 * `now`, on `performance.now()`, is for who has looked at the clock already.
 */
export interface AttemptUser {
  /** It has begun, or is connected: what is waited for has its whole time from now on. */
  moved(now?: number): void;
  /** Bytes have come, and no final answer with them: `headSince` may have changed. */
  headMoved(now: number): void;
  drained(): void;
  interim(answer: OutgoingAnswer): void;
  answer(answer: OutgoingAnswer, framing: AnswerFraming): void;
  /** Body bytes, perhaps passing. Returns whether the pieces are free: nobody looks at them any more. */
  part(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[], now?: number): boolean;
  failed(reason: Reason): void;
  /** It has held bytes for longest while there was too little room for all. */
  evict(): void;
  /** One of the above has thrown. */
  fault(): void;
}

/** Opens attempts at one upstream. */
export interface Transport {
  /** `fresh`: not over a connection that was used before. */
  open(user: AttemptUser, request: AttemptRequest, fresh: boolean): Attempt;
  /** Keeps no connection any more; running attempts end undisturbed. */
  retire(): void;
  close(): void;
}
