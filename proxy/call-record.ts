/**
 * What goes on record of a call: who it is, the copies of both bodies, how it went. Whichever way it travels, it is counted and handed over here.
 */
import { performance } from 'node:perf_hooks';
import type { Outcome } from '../contracts/exchange.ts';
import { AnswerPace } from './answer-pace.ts';
import type { Server } from './caller.ts';
import { Capture } from './capture.ts';
import type { DataPath } from './data-path.ts';
import type { CapturedHead, OutgoingRequest } from './forward.ts';
import type { Identity } from './identity.ts';
import type { Reason } from './reasons.ts';
import type { CopyLimits } from './recorder.ts';
import type { CapturedCall } from './ring-record.ts';

export class CallRecord implements CapturedCall, Server {
  // Set by `start`.
  identity!: Identity;
  captured!: CapturedHead;
  startedAt = 0;
  /** The same instant on `performance.now()`. */
  startedMono = 0;
  readonly request: Capture;
  readonly answer: Capture;
  readonly pace = new AnswerPace();
  /** Status sent to the client; 0 before any. */
  status = 0;
  servedBy = 'none';
  /** Why the primary did not answer, as far as is known. */
  reason: Reason | null = null;
  /** Field lines without secrets. */
  answerFields = '';
  answerTrailers = '';
  outcome: Outcome = 'failed';
  latencyMs = 0;
  readonly #path: DataPath;
  readonly #heldBytes: number;
  #limits!: CopyLimits;
  #ended = false;

  /** @param heldBytes of the request's body that are held whatever the analysis wants, so that it can be sent again */
  constructor(path: DataPath, heldBytes: number) {
    this.#path = path;
    this.request = new Capture(path.held);
    this.answer = new Capture(path.held);
    this.#heldBytes = heldBytes;
  }

  /** Of the next call, that begins at `startedAt`: milliseconds since the Unix epoch. */
  start(request: OutgoingRequest, identity: Identity, startedAt: number, startedMono: number): void {
    this.identity = identity;
    this.captured = request.captured;
    this.startedAt = startedAt;
    this.startedMono = startedMono;
    this.#limits = this.#path.recorder.limitsFor(identity);
    const { maxBodyBytes, maxAnswerBytes, isRecorded } = this.#limits;
    this.request.start(maxBodyBytes, this.#heldBytes, isRecorded);
    this.answer.start(maxAnswerBytes, 0, isRecorded);
    this.pace.start();
    this.status = 0;
    this.servedBy = 'none';
    this.reason = null;
    this.answerFields = '';
    this.answerTrailers = '';
    this.#ended = false;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** A read of the answer has passed on. */
  saw(now: number): void {
    this.pace.saw(now - this.startedMono, this.answer.totalBytes);
  }

  /** Counts the call and hands its record over; only the first time. */
  end(outcome: Outcome, now = performance.now()): void {
    if (this.#ended) return;
    this.#ended = true;
    this.outcome = outcome;
    this.latencyMs = now - this.startedMono;
    const { counters, recorder } = this.#path;
    const { reason } = this;
    counters.add(outcome);
    if (outcome === 'failed' && reason !== null) counters.failedBy(reason);
    if (outcome === 'answered' && this.servedBy === 'fallback') {
      counters.add('fallback');
      if (reason !== null) counters.fallbackBy(reason);
    }
    try {
      recorder.record(this.#limits, this);
    } finally {
      this.giveBack();
    }
  }

  /** Others may have the room of its copies; `end` does it, and who never ends it must. */
  giveBack(): void {
    this.request.giveBack();
    this.answer.giveBack();
  }
}
