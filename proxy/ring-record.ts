/**
 * How an exchange lies in the ring: a fixed head, one run of latin1 text, both bodies.
 *
 * Field lines travel as text and are taken apart by the reader, whose time costs no caller anything.
 *
 * ```
 *   0 i32 record size in bytes, multiple of 8     40 u32 × 9 lengths of the texts: id, what follows it (`Identity`), method,
 *   4 u16 status, u8 outcome, u8 what it has               path, request fields, served-by, reason, answer fields, trailers
 *   8 f64 started at     16 f64 latency           76 u32 × 2 recorded bytes of request, answer
 *  24 f64 total bytes of request, 32 of answer    84 f32 × 3 first byte, last byte, longest gap
 *  96 u32 reads of the answer, u32 marks of them 104 u32 × 2 fingerprint of request, answer
 * 112 f32 ms, u32 bytes for each mark; texts, request bytes, answer bytes
 * ```
 */
import type { AnswerTiming, CapturedBody, Exchange, Header, Outcome } from '../contracts/exchange.ts';
import type { AnswerPace } from './answer-pace.ts';
import type { CapturedHead } from './forward.ts';
import { splitFields } from './framing.ts';
import { type Identity, traceparentOf } from './identity.ts';
import { Memo } from './memo.ts';

/** What there is of a body. */
export interface CopiedBody {
  /** Begins with what goes on record. */
  readonly memory: Buffer;
  readonly recordedBytes: number;
  readonly totalBytes: number;
  /** Of all bytes where they do not all go on record, or null. */
  readonly fingerprint: number | null;
}

/** An ended call as the data thread holds it. All texts are latin1. */
export interface CapturedCall {
  readonly identity: Pick<Identity, 'bytes' | 'idLength' | 'length'>;
  readonly captured: CapturedHead;
  readonly startedAt: number;
  readonly latencyMs: number;
  readonly status: number;
  readonly servedBy: string;
  readonly outcome: Outcome;
  readonly reason: string | null;
  /** CRLF-separated field lines, secrets already taken out. */
  readonly answerFields: string;
  /** Absent = the answer had none. */
  readonly answerTrailers?: string;
  readonly request: CopiedBody;
  readonly answer: CopiedBody;
  /** Absent or without a read: no answer came from a server. */
  readonly pace?: AnswerPace;
}

const HEAD_BYTES = 112;
const PACE_AT = 84;
const FINGERPRINTS_AT = 104;
const MARK_BYTES = 8;
const LENGTHS_AT = 40;
/** Bits of the byte that tells what there is; the answer's fingerprint has the next one. */
const HAS_REASON = 1;
const HAS_FINGERPRINT = 2;
type Writable<T> = { -readonly [Field in keyof T]: T[Field] };
const OUTCOMES: readonly Outcome[] = ['answered', 'failed', 'aborted'];

/** Bytes that the call takes in the ring. */
export function sizeOf(call: CapturedCall): number {
  const texts =
    call.identity.length +
    call.captured.text.length +
    call.servedBy.length +
    (call.reason === null ? 0 : call.reason.length) +
    call.answerFields.length +
    (call.answerTrailers?.length ?? 0);
  return (HEAD_BYTES + MARK_BYTES * markCount(call) + texts + call.request.recordedBytes + call.answer.recordedBytes + 7) & ~7;
}

/** Writes the call at `at`, which is a multiple of 8. `view` and `bytes` show the same memory. */
export function encodeCall(call: CapturedCall, size: number, bytes: Buffer, view: DataView, at: number): void {
  const reason = call.reason ?? '';
  const trailers = call.answerTrailers ?? '';
  view.setInt32(at, size, true);
  view.setUint16(at + 4, call.status, true);
  view.setUint8(at + 6, OUTCOMES.indexOf(call.outcome));
  const { request, answer } = call;
  const requestFingerprint = request.fingerprint;
  const answerFingerprint = answer.fingerprint;
  view.setUint8(
    at + 7,
    (call.reason === null ? 0 : HAS_REASON) |
      (requestFingerprint === null ? 0 : HAS_FINGERPRINT) |
      (answerFingerprint === null ? 0 : 2 * HAS_FINGERPRINT),
  );
  view.setUint32(at + FINGERPRINTS_AT, requestFingerprint ?? 0, true);
  view.setUint32(at + FINGERPRINTS_AT + 4, answerFingerprint ?? 0, true);
  view.setFloat64(at + 8, call.startedAt, true);
  view.setFloat64(at + 16, call.latencyMs, true);
  view.setFloat64(at + 24, request.totalBytes, true);
  view.setFloat64(at + 32, answer.totalBytes, true);
  const { identity } = call;
  const { method, path, text } = call.captured;
  view.setUint32(at + LENGTHS_AT, identity.idLength, true);
  view.setUint32(at + LENGTHS_AT + 4, identity.length - identity.idLength, true);
  view.setUint32(at + LENGTHS_AT + 8, method.length, true);
  view.setUint32(at + LENGTHS_AT + 12, path.length, true);
  view.setUint32(at + LENGTHS_AT + 16, text.length - method.length - path.length, true);
  view.setUint32(at + LENGTHS_AT + 20, call.servedBy.length, true);
  view.setUint32(at + LENGTHS_AT + 24, reason.length, true);
  view.setUint32(at + LENGTHS_AT + 28, call.answerFields.length, true);
  view.setUint32(at + LENGTHS_AT + 32, trailers.length, true);
  view.setUint32(at + LENGTHS_AT + 36, request.recordedBytes, true);
  view.setUint32(at + LENGTHS_AT + 40, answer.recordedBytes, true);
  let to = at + HEAD_BYTES;
  const { pace } = call;
  const marks = markCount(call);
  view.setFloat32(at + PACE_AT, pace?.firstMs ?? Number.NaN, true);
  view.setFloat32(at + PACE_AT + 4, pace?.lastMs ?? Number.NaN, true);
  view.setFloat32(at + PACE_AT + 8, pace?.longestGapMs ?? 0, true);
  view.setUint32(at + PACE_AT + 12, pace?.reads ?? 0, true);
  view.setUint32(at + PACE_AT + 16, marks, true);
  for (let i = 0; i < 2 * marks; i += 2, to += MARK_BYTES) {
    view.setFloat32(to, pace!.marks![i]!, true);
    view.setUint32(to + 4, pace!.marks![i + 1]!, true);
  }
  copyShared(identity.bytes, identity.length, bytes, to);
  to += identity.length;
  // One by one: each is flat, which the text of all would not be.
  to += bytes.write(text, to, 'latin1');
  to += bytes.write(call.servedBy, to, 'latin1');
  if (reason !== '') to += bytes.write(reason, to, 'latin1');
  to += bytes.write(call.answerFields, to, 'latin1');
  if (trailers !== '') to += bytes.write(trailers, to, 'latin1');
  copyShared(request.memory, request.recordedBytes, bytes, to);
  copyShared(answer.memory, answer.recordedBytes, bytes, to + request.recordedBytes);
}

/**
 * Copies the first `length` bytes into shared memory. The engine does that word by word, and where the two do not lie alike byte by byte; so
 * the first byte is copied here, and the others by Node, which leaves it to the engine only where it is all of a view.
 */
function copyShared(from: Buffer, length: number, to: Buffer, at: number): void {
  if (length === 0) return;
  to[at] = from[0]!;
  from.copy(to, at + 1, 1, length);
}

function markCount({ pace }: CapturedCall): number {
  return pace === undefined || pace.marks === null ? 0 : pace.marks.length >> 1;
}

/** Clients repeat their fields, and a server its own for as long as its `date` stays. */
const fields = new Memo(splitFields);
const words = new Memo((text) => text);

/** Reads a record that starts at the buffer's first byte and may end before it. The bodies are views of it. */
export function decodeExchange(record: Buffer): Exchange {
  const timing = decodeTiming(record);
  let at = HEAD_BYTES + MARK_BYTES * (timing?.marks.length ?? 0);
  /** Goes on behind the next piece, and tells where it began. */
  const past = (piece: number) => {
    const from = at;
    at += record.readUInt32LE(LENGTHS_AT + 4 * piece);
    return from;
  };
  const read = <T extends string | Header[]>(memo: Memo<T>, piece: number) => memo.read(record, past(piece), at);
  const id = record.toString('latin1', past(0), at);
  const traceparent = traceparentOf(record, past(1), at);
  const method = read(words, 2);
  const path = read(words, 3);
  const requestHeaders = read(fields, 4);
  const servedBy = read(words, 5);
  const reason = read(words, 6);
  const responseHeaders = read(fields, 7);
  const responseTrailers = read(fields, 8);
  const request: Writable<CapturedBody> = { bytes: record.subarray(past(9), at), totalBytes: record.readDoubleLE(24) };
  const response: Writable<CapturedBody> = { bytes: record.subarray(past(10), at), totalBytes: record.readDoubleLE(32) };
  const has = record[7]!;
  if ((has & HAS_FINGERPRINT) !== 0) request.fingerprint = record.readUInt32LE(FINGERPRINTS_AT);
  if ((has & (2 * HAS_FINGERPRINT)) !== 0) response.fingerprint = record.readUInt32LE(FINGERPRINTS_AT + 4);
  const exchange: Writable<Exchange> = {
    id,
    startedAt: record.readDoubleLE(8),
    latencyMs: record.readDoubleLE(16),
    method,
    path,
    status: record.readUInt16LE(4),
    servedBy,
    outcome: OUTCOMES[record[6]!]!,
    reason: (has & HAS_REASON) === 0 ? null : reason,
    traceparent,
    requestHeaders,
    responseHeaders,
    request,
    response,
  };
  if (responseTrailers.length > 0) exchange.responseTrailers = responseTrailers;
  if (timing !== null) exchange.timing = timing;
  return exchange;
}

function decodeTiming(record: Buffer): AnswerTiming | null {
  const reads = record.readUInt32LE(PACE_AT + 12);
  if (reads === 0) return null;
  const marks: { readonly ms: number; readonly bytes: number }[] = [];
  const marksEnd = HEAD_BYTES + MARK_BYTES * record.readUInt32LE(PACE_AT + 16);
  for (let at = HEAD_BYTES; at < marksEnd; at += MARK_BYTES) marks.push({ ms: record.readFloatLE(at), bytes: record.readUInt32LE(at + 4) });
  return {
    firstByteMs: record.readFloatLE(PACE_AT),
    lastByteMs: record.readFloatLE(PACE_AT + 4),
    longestGapMs: record.readFloatLE(PACE_AT + 8),
    reads,
    marks,
  };
}
