/**
 * What a call is known by: its prediction id and its `traceparent` (W3C Trace Context §3.2), in the one piece that goes upstream and on record.
 */
import type { TraceContext } from '../contracts/trace-context.ts';
import { flat } from './flat.ts';
import { putRandomHex, putUuidV7, UUID_LENGTH } from './random.ts';

const BETWEEN = '\r\ntraceparent: ';
const END = '\r\n\r\n';

/** That of the last call to which an id was given here. */
const last = Buffer.from(`${'0'.repeat(UUID_LENGTH)}${BETWEEN}00-${'0'.repeat(32)}-${'0'.repeat(16)}-01${END}`);
const TRACEPARENT_AT = UUID_LENGTH + BETWEEN.length;
const TRACE_AT = TRACEPARENT_AT + 3;
const SPAN_AT = TRACE_AT + 33;
const FLAGS_AT = SPAN_AT + 17;

/** What the caller says of it. */
interface Asked {
  /** The id that it chose, or null. */
  readonly callerId: string | null;
  readonly trace: TraceContext | null;
}

export class Identity {
  readonly id: string;
  /** The value of `x-driftline-id`, then the whole field `traceparent`, and the blank line after a head; flat. */
  readonly lines: string;

  private constructor(id: string, lines: string) {
    this.id = id;
    this.lines = lines;
  }

  /**
   * Of a call that goes upstream: a new span of the given trace, or of a new one. A trace begun here is marked sampled: unmarked, it would switch off
   * the tracing of a model server that follows its parent.
   *
   * @param at milliseconds since the Unix epoch
   */
  static of({ callerId, trace }: Asked, at: number): Identity {
    if (trace === null) putRandomHex(last, TRACE_AT, 32);
    else last.write(trace.traceId, TRACE_AT, 'latin1');
    putRandomHex(last, SPAN_AT, 16);
    last.write(trace === null ? '01' : trace.flags, FLAGS_AT, 'latin1');
    if (callerId !== null) return new Identity(callerId, flat(callerId + last.toString('latin1', UUID_LENGTH)));
    putUuidV7(last, 0, at);
    return new Identity(last.toString('latin1', 0, UUID_LENGTH), last.toString('latin1'));
  }

  /** Of a call that was only seen: a span of the caller's trace; a trace begun here would be one that the model server never heard of. */
  static ofSeen(asked: Asked, at: number): Identity {
    const identity = Identity.of(asked, at);
    return asked.trace === null ? new Identity(identity.id, flat(`${identity.id}${BETWEEN}${END}`)) : identity;
  }

  /** Empty = none. */
  get traceparent(): string {
    return traceparentOf(this.lines.slice(this.id.length));
  }
}

/** What `lines` say behind the id. */
export function traceparentOf(behindId: string): string {
  return behindId.slice(BETWEEN.length, -END.length);
}
