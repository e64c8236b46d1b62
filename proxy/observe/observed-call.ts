/**
 * One call as it is seen passing by: its copy grows, and goes into the ring when it has ended.
 */
import type { Header, Outcome } from '../../contracts/exchange.ts';
import { AnswerPace } from '../answer-pace.ts';
import { Capture } from '../capture.ts';
import type { DataPath } from '../data-path.ts';
import type { OutgoingRequest } from '../forward.ts';
import { asLines } from '../http2/answer-fields.ts';
import { uuidV7 } from '../random.ts';
import type { Reason } from '../reasons.ts';
import type { CopyLimits } from '../recorder.ts';
import { nextTraceparent } from '../trace-context.ts';

export class ObservedCall {
  readonly #id: string;
  readonly #path: DataPath;
  readonly #request: OutgoingRequest;
  readonly #startedAt: number;
  readonly #startedMono: number;
  readonly #copied: CopyLimits;
  readonly #body: Capture;
  readonly #answer: Capture;
  readonly #pace = new AnswerPace();
  /** 0 before an answer. */
  #status = 0;
  #answerFields = '';

  /** `startedAt` in milliseconds since the Unix epoch, `startedMono` the same instant on `performance.now()`. */
  constructor(path: DataPath, request: OutgoingRequest, startedAt: number, startedMono: number) {
    const id = request.callerId ?? uuidV7(startedAt);
    const copied = path.recorder.limitsFor(id);
    this.#id = id;
    this.#copied = copied;
    this.#path = path;
    this.#request = request;
    this.#startedAt = startedAt;
    this.#startedMono = startedMono;
    this.#body = new Capture(copied.maxBodyBytes, copied.isRecorded);
    this.#answer = new Capture(copied.maxAnswerBytes, copied.isRecorded);
    path.counters.add('requests');
  }

  get method(): string {
    return this.#request.head.method;
  }

  /** Whether the final answer has begun. */
  get isAnswered(): boolean {
    return this.#status !== 0;
  }

  body(piece: Buffer): void {
    this.#body.keep(piece);
  }

  /** `fields` are field lines without secrets. */
  answered(status: number, fields: string): void {
    this.#status = status;
    this.#answerFields = fields;
  }

  answer(pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.#answer.keep(piece);
    this.#pace.saw(performance.now() - this.#startedMono, this.#answer.totalBytes);
  }

  /** The answer is whole. */
  done(trailers: readonly Header[]): void {
    this.#end('answered', null, trailers);
  }

  /** The caller has left. */
  abandoned(): void {
    this.#end('aborted', null, []);
  }

  /** No answer, or none that is whole, has come. */
  failed(reason: Reason): void {
    const shown = this.isAnswered ? 'truncated' : reason;
    this.#path.counters.failedBy(shown);
    this.#end('failed', shown, []);
  }

  /** How it ends will not be seen; nothing is recorded that could be wrong. */
  lost(): void {
    this.#path.counters.add('unseen');
  }

  #end(outcome: Outcome, reason: Reason | null, trailers: readonly Header[]): void {
    const { counters, recorder, traffic } = this.#path;
    const { trace, head, capturedFields } = this.#request;
    counters.add(outcome);
    const { maxBodyBytes, maxAnswerBytes } = this.#copied;
    recorder.record(this.#copied, () => ({
      id: this.#id,
      startedAt: this.#startedAt,
      latencyMs: performance.now() - this.#startedMono,
      method: head.method,
      path: head.target,
      status: this.#status,
      servedBy: this.isAnswered ? traffic.primary.label : 'none',
      outcome,
      reason,
      // A span of the caller's trace; a trace begun here would be one that the model server never heard of.
      traceparent: trace === null ? '' : nextTraceparent(trace),
      requestFields: capturedFields,
      answerFields: this.#answerFields,
      answerTrailers: asLines(trailers),
      requestBytes: this.#body.bytes,
      requestTotalBytes: this.#body.totalBytes,
      requestFingerprint: this.#body.fingerprintBeyond(maxBodyBytes),
      answerBytes: this.#answer.bytes,
      answerTotalBytes: this.#answer.totalBytes,
      answerFingerprint: this.#answer.fingerprintBeyond(maxAnswerBytes),
      pace: this.#pace,
    }));
  }
}
