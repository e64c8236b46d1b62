/**
 * Writes a part of a message: head, body bytes and end together, in one system call where they are small.
 */
import type { Outlet } from './outlet.ts';
import { isPassing, lasting } from './reading.ts';

/** Up to here copying into one buffer is cheaper than a vectored write. */
const JOIN_BYTES = 32 * 1024;
const NOTHING = Buffer.alloc(0);

/** The start of a message: bytes that were made before, then the first `ownLength` of this message's own, then text (latin1): fast where it is `flat`. */
export class Head {
  bytes: Buffer = NOTHING;
  own: Buffer = NOTHING;
  ownLength = 0;
  after = '';

  set(bytes: Buffer, own: Buffer, ownLength: number, after: string): void {
    this.bytes = bytes;
    this.own = own;
    this.ownLength = ownLength;
    this.after = after;
  }

  /** It is sent. */
  clear(): void {
    this.set(NOTHING, NOTHING, 0, '');
  }
}

const BENCH_BYTES = 2 * JOIN_BYTES;

/** Where small messages are put together, from the first byte that is free on. */
let bench = Buffer.allocUnsafeSlow(BENCH_BYTES);
let free = 0;
/** Views of it from there on, by length: lengths repeat, and a view takes more memory than many a head. */
const views = new Map<number, Buffer>();
const MAX_VIEWS = 512;

/**
 * Sends `head`, then the pieces (as one chunk when `chunked`), then `end` (latin1). Any of them may be empty.
 * The pieces must not be changed afterwards, unless they are passing. Returns false when the receiver should be waited for.
 */
export function writeMessage(outlet: Outlet, head: Head, pieces: readonly Buffer[], chunked: boolean, end: string): boolean {
  let bodyBytes = 0;
  for (const piece of pieces) bodyBytes += piece.length;
  const isChunk = chunked && bodyBytes > 0;
  const size = isChunk ? `${bodyBytes.toString(16)}\r\n` : '';
  const after = isChunk ? `\r\n${end}` : end;
  const total = head.bytes.length + head.ownLength + head.after.length + size.length + bodyBytes + after.length;
  if (total === 0) return !outlet.isBlocked;
  if (total === bodyBytes && pieces.length === 1 && !isPassing(pieces[0]!)) return outlet.write(pieces[0]!);
  if (total > JOIN_BYTES) {
    const own = Buffer.from(head.own.subarray(0, head.ownLength));
    const parts = [head.bytes, own, Buffer.from(head.after + size, 'latin1'), ...pieces.map(lasting), Buffer.from(after, 'latin1')];
    return outlet.writeAll(parts.filter(({ length }) => length > 0));
  }
  if (bench.length - free < total) {
    bench = Buffer.allocUnsafeSlow(BENCH_BYTES);
    begin(0);
  }
  bench.set(head.bytes, free);
  let at = free + head.bytes.length;
  at += head.own.copy(bench, at, 0, head.ownLength);
  if (head.after !== '') at += bench.write(head.after, at, 'latin1');
  if (size !== '') at += bench.write(size, at, 'latin1');
  for (const piece of pieces) {
    bench.set(piece, at);
    at += piece.length;
  }
  if (after !== '') bench.write(after, at, 'latin1');
  const flowing = outlet.write(view(total));
  // What was not taken yet, as always with TLS, still lies there.
  if (outlet.unsentBytes > 0) begin(free + total);
  return flowing;
}

/** Of the bench's next bytes. */
function view(bytes: number): Buffer {
  let known = views.get(bytes);
  if (known === undefined) {
    if (views.size === MAX_VIEWS) views.clear();
    known = bench.subarray(free, free + bytes);
    views.set(bytes, known);
  }
  return known;
}

/** The next message is put together at this byte of the bench. */
function begin(at: number): void {
  free = at;
  views.clear();
}
