/**
 * What the times of an answer's reads say of its events.
 */
import type { AnswerTiming } from '../contracts/exchange.ts';
import type { Flow } from '../contracts/protocol.ts';
import type { RecordTiming } from '../contracts/record.ts';

/**
 * The times of a record.
 *
 * @param flow of the decoded answer; null when there is none. Its places count bytes of the decoded body.
 * @param encoded whether a content encoding lies between those bytes and the ones that travelled: then the places mean nothing here.
 */
export function timingOf(timing: AnswerTiming, latencyMs: number, flow: Flow | null, encoded: boolean): RecordTiming {
  const { firstByteMs, lastByteMs, reads, longestGapMs } = timing;
  const isStream = flow !== null && flow.events !== null;
  const first = isStream && !encoded ? timeOf(timing, flow.firstTextEnd) : null;
  const last = isStream && !encoded ? timeOf(timing, flow.lastTextEnd) : null;
  return {
    firstByteMs,
    lastByteMs,
    reads,
    longestGapMs,
    events: flow?.events ?? null,
    firstTokenMs: first,
    tokensPerSecond:
      flow === null || flow.tokens === null
        ? null
        : isStream
          ? between(flow.tokens, first, last ?? lastByteMs)
          : rate(flow.tokens, latencyMs),
  };
}

/** When so many bytes of the body had come; null beyond the reads that were kept. */
function timeOf({ marks, lastByteMs, reads }: AnswerTiming, bytes: number | null): number | null {
  if (bytes === null) return null;
  if (reads === 1) return lastByteMs;
  return marks.find((mark) => mark.bytes >= bytes)?.ms ?? null;
}

/** The first token opens the interval, so it is not counted in it. */
function between(tokens: number, firstMs: number | null, lastMs: number): number | null {
  return firstMs === null ? null : rate(tokens - 1, lastMs - firstMs);
}

function rate(tokens: number, ms: number): number | null {
  return tokens > 0 && ms > 0 ? tokens / (ms / 1000) : null;
}
