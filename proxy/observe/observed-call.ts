/**
 * One call as it is seen passing by: its copy grows, and goes into the ring when it has ended.
 */
import type { Header } from '../../contracts/exchange.ts';
import { CallRecord } from '../call-record.ts';
import type { DataPath } from '../data-path.ts';
import { type OutgoingRequest, recordedLines } from '../forward.ts';
import { Identity } from '../identity.ts';
import type { Reason } from '../reasons.ts';

export class ObservedCall {
  readonly #path: DataPath;
  readonly #record: CallRecord;

  /** `startedAt` in milliseconds since the Unix epoch, `startedMono` the same instant on `performance.now()`. */
  constructor(path: DataPath, request: OutgoingRequest, startedAt: number, startedMono: number) {
    this.#path = path;
    this.#record = new CallRecord(path, 0);
    this.#record.start(request, Identity.ofSeen(request, startedAt), startedAt, startedMono);
    path.counters.add('requests');
  }

  get method(): string {
    return this.#record.captured.method;
  }

  /** Whether the final answer has begun. */
  get isAnswered(): boolean {
    return this.#record.status !== 0;
  }

  body(piece: Buffer): void {
    this.#record.request.keep(piece);
  }

  /** `fields` are field lines without secrets. */
  answered(status: number, fields: string): void {
    this.#record.status = status;
    this.#record.servedBy = this.#path.traffic.primary.label;
    this.#record.answerFields = fields;
  }

  answer(pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.#record.answer.keep(piece);
    this.#record.saw(performance.now());
  }

  /** The answer is whole. */
  done(trailers: readonly Header[]): void {
    this.#record.answerTrailers = recordedLines(trailers);
    this.#record.end('answered');
  }

  /** The caller has left. */
  abandoned(): void {
    this.#record.end('aborted');
  }

  /** No answer, or none that is whole, has come. */
  failed(reason: Reason): void {
    this.#record.reason = this.isAnswered ? 'truncated' : reason;
    this.#record.end('failed');
  }

  /** How it ends will not be seen; nothing is recorded that could be wrong. */
  lost(): void {
    this.#record.giveBack();
    this.#path.counters.add('unseen');
  }
}
