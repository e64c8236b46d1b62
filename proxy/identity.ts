/**
 * What a call is known by: its prediction id and its `traceparent` (W3C Trace Context §3.2), in the one piece that goes upstream and on record.
 */
import type { TraceContext } from '../contracts/trace-context.ts';
import { putRandomHex, putUuidV7, UUID_LENGTH } from './random.ts';

const BETWEEN = '\r\ntraceparent: ';
const END = '\r\n\r\n';
/** What follows an id; its zeros are written over. */
const TAIL = Buffer.from(`${BETWEEN}00-${'0'.repeat(32)}-${'0'.repeat(16)}-01${END}`);
/** Where in it. */
const TRACE_AT = BETWEEN.length + 3;
const SPAN_AT = TRACE_AT + 33;
const FLAGS_AT = SPAN_AT + 17;

/** What the caller says of it. */
interface Asked {
  /** The id that it chose, or null. */
  readonly callerId: string | null;
  readonly trace: TraceContext | null;
}

/** Of one call after the other. */
export class Identity {
  /** Begin with the value of `x-driftline-id`, then the whole field `traceparent`, and the blank line after a head; latin1. */
  bytes: Buffer = Buffer.allocUnsafeSlow(UUID_LENGTH + TAIL.length);
  idLength = 0;
  length = 0;
  /** Where nobody asks for it as text, none is made. */
  #id: string | null = null;

  /**
   * Of a call that goes upstream: a new span of the given trace, or of a new one. A trace begun here is marked sampled: unmarked, it would switch off
   * the tracing of a model server that follows its parent.
   *
   * @param at milliseconds since the Unix epoch
   */
  static of(asked: Asked, at: number): Identity {
    const identity = new Identity();
    identity.start(asked, at);
    return identity;
  }

  /** Of a call that was only seen: a span of the caller's trace; a trace begun here would be one that the model server never heard of. */
  static ofSeen(asked: Asked, at: number): Identity {
    const identity = Identity.of(asked, at);
    if (asked.trace === null) identity.#end(identity.idLength + BETWEEN.length);
    return identity;
  }

  /** Of the next call. See `of`. */
  start({ callerId, trace }: Asked, at: number): void {
    const idLength = callerId === null ? UUID_LENGTH : callerId.length;
    if (idLength !== this.idLength) this.#lay(idLength);
    const { bytes } = this;
    if (callerId === null) putUuidV7(bytes, 0, at);
    else bytes.write(callerId, 'latin1');
    this.#id = callerId;
    if (trace === null) putRandomHex(bytes, idLength + TRACE_AT, 32);
    else bytes.write(trace.traceId, idLength + TRACE_AT, 'latin1');
    putRandomHex(bytes, idLength + SPAN_AT, 16);
    bytes.write(trace === null ? '01' : trace.flags, idLength + FLAGS_AT, 'latin1');
  }

  get id(): string {
    this.#id ??= this.bytes.toString('latin1', 0, this.idLength);
    return this.#id;
  }

  /** Empty = none. */
  get traceparent(): string {
    return traceparentOf(this.bytes, this.idLength, this.length);
  }

  /** Room for an id of another length. */
  #lay(idLength: number): void {
    const length = idLength + TAIL.length;
    if (this.bytes.length < length) this.bytes = Buffer.allocUnsafeSlow(length);
    TAIL.copy(this.bytes, idLength);
    this.idLength = idLength;
    this.length = length;
  }

  #end(at: number): void {
    this.bytes.write(END, at, 'latin1');
    this.length = at + END.length;
  }
}

/** What the bytes say behind an id that ends at `idEnd`. */
export function traceparentOf(bytes: Buffer, idEnd: number, end: number): string {
  return bytes.toString('latin1', idEnd + BETWEEN.length, end - END.length);
}
