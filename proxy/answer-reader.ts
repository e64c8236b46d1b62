/**
 * Reads one answer off an upstream connection: interim heads, the final head, the body.
 */
import type { Header } from '../contracts/exchange.ts';
import { BodyReader } from './body.ts';
import type { OutgoingAnswer } from './forward.ts';
import { type AnswerFraming, answerFraming, endOfHead, HEAD_END_BYTES, hasBareLineFeed, type Refusal } from './framing.ts';
import { MAX_HEAD_BYTES, MAX_INTERIM_ANSWERS } from './limits.ts';
import type { Memo } from './memo.ts';
import { lasting } from './reading.ts';

/** `broken`: the bytes are no answer. */
export type Progress = 'more' | 'done' | 'broken';

const NONE: readonly OutgoingAnswer[] = [];
const STATUS_LINE_START = 'HTTP/1.';

export class AnswerReader {
  readonly #heads: Memo<OutgoingAnswer | Refusal>;
  readonly #body = new BodyReader();
  #method = '';
  #held: Buffer | null = null;
  #interim: OutgoingAnswer[] | null = null;
  #interimCount = 0;
  /** The final answer's head, once it stands. */
  final: OutgoingAnswer | null = null;
  framing: AnswerFraming = 'none';
  /** Whether nothing has come at all. */
  untouched = true;
  /** Bytes that came after the answer's end. */
  rest: Buffer | null = null;
  /** Whether the answer hands the connection to another protocol (101). */
  switched = false;

  constructor(heads: Memo<OutgoingAnswer | Refusal>) {
    this.#heads = heads;
  }

  /** Of the next answer. `method` is the request's: it decides whether a body follows. */
  start(method: string): void {
    this.#method = method;
    this.#interimCount = 0;
    this.final = null;
    this.untouched = true;
  }

  /** Holds what was read last no more, nor the memory around it. */
  letGo(): void {
    this.#body.letGo();
    this.rest = null;
  }

  /** Whether a head has begun and is not whole yet. */
  get inHead(): boolean {
    return this.#held !== null;
  }

  /** Whether the end of the connection is the end of the answer. */
  get endsWithConnection(): boolean {
    return this.#body.endsWithConnection;
  }

  get trailers(): readonly Header[] {
    return this.#body.trailers;
  }

  /** Whether the upstream keeps the connection open, and nothing of this answer can still come. */
  get reusable(): boolean {
    if (this.final?.head.keepAlive !== true || this.framing === 'close') return false;
    // Faulty servers send the body that a head without one announces (HEAD, 304), a moment later.
    return this.framing !== 'none' || (!this.final.head.chunked && (this.final.head.contentLength ?? 0) === 0);
  }

  /** Whether bytes came after the answer's end. */
  get surplus(): boolean {
    return this.rest !== null;
  }

  /** The interim answers read since the last time. */
  takeInterim(): readonly OutgoingAnswer[] {
    if (this.#interim === null) return NONE;
    const taken = this.#interim;
    this.#interim = null;
    return taken;
  }

  /** Views of the body's bytes in what was read last. */
  get pieces(): readonly Buffer[] {
    return this.#body.pieces;
  }

  read(bytes: Buffer): Progress {
    this.untouched = false;
    let input = bytes;
    let at = 0;
    if (this.#held !== null) {
      input = Buffer.concat([this.#held, bytes]);
      this.#held = null;
    }
    while (this.final === null) {
      const end = endOfHead(input, at);
      if (end === -1) return this.#hold(input.subarray(at));
      if (end - at > MAX_HEAD_BYTES) return 'broken';
      const answer = this.#heads.read(input, at, end);
      if ('kind' in answer) return 'broken';
      at = end + HEAD_END_BYTES;
      const { head } = answer;
      if (head.status >= 200) {
        this.final = answer;
        this.framing = answerFraming(head, this.#method);
        this.#body.start(this.framing, head.contentLength ?? 0);
      } else {
        // 101 would hand the connection to another protocol, which nobody asked for: Upgrade is not passed on.
        this.#interimCount++;
        this.switched = head.status === 101;
        if (this.switched || this.#interimCount > MAX_INTERIM_ANSWERS) return 'broken';
        this.#interim ??= [];
        this.#interim.push(answer);
        if (at === input.length) return 'more';
      }
    }
    at = this.#body.read(input, at);
    if (this.#body.failure !== null) return 'broken';
    this.rest = at < input.length ? input.subarray(at) : null;
    return this.#body.done ? 'done' : 'more';
  }

  #hold(rest: Buffer): Progress {
    this.#held = lasting(rest);
    const start = rest.toString('latin1', 0, STATUS_LINE_START.length);
    const plausible = STATUS_LINE_START.startsWith(start) && rest.length <= MAX_HEAD_BYTES && !hasBareLineFeed(rest);
    return plausible ? 'more' : 'broken';
  }
}
