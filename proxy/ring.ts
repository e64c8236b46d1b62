/**
 * A ring of captured exchanges in shared memory: one thread writes, one reads, nobody waits for the reader.
 *
 * When the ring is full the newest exchange is dropped and counted: analysis that cannot keep up costs records, never
 * latency. Positions are int32 that wrap around; the capacity is a power of two, so that wrapping leaves the index whole. A record
 * lies in one piece: what does not fit before the end of the memory leaves a gap and starts at its beginning.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import type { Exchange } from '../contracts/exchange.ts';
import { type CapturedCall, decodeExchange, encodeCall, sizeOf } from './ring-record.ts';

/** 16 MiB: some 4,000 exchanges of 1 KB in, 2 KB out. */
export const DEFAULT_RING_BYTES = 16 * 1024 * 1024;

const HEAD = 0;
const TAIL = 1;
const READER_WAITS = 2;
/** Where the exchanges are counted that were left out, by reason. */
const LEFT_OUT = { 'ring-full': 3, shed: 4, 'sampled-out': 5 } as const;
/** Control words ahead of the data, one cache line each for the two sides' own. */
const CONTROL_BYTES = 128;
const GAP = -1;
/** Why an exchange is not in the ring: no room, recording was given up under pressure, or sampling left it out. */
export type LeftOut = keyof typeof LEFT_OUT;

/** What exchanges are read into at first, one after another: getting new memory for each costs more than the copy. */
const COPY_BYTES = 64 * 1024;
/** Two whole bodies as far as they are copied by default; larger exchanges get memory of their own. */
const MAX_COPY_BYTES = 640 * 1024;

/** How long exchanges gather while they keep coming, and how long after the last one: waking costs as much as analysing one, and finds cold caches. */
const POLL_MS = 20;
const BUSY_MS = 100;

/** Memory for a ring. @throws RangeError when `capacityBytes` is not a power of two between 4 KiB and 1 GiB. */
export function createRing(capacityBytes: number = DEFAULT_RING_BYTES): SharedArrayBuffer {
  if (capacityBytes < 4096 || capacityBytes > 2 ** 30 || (capacityBytes & (capacityBytes - 1)) !== 0) {
    throw new RangeError(`ring: ${capacityBytes} bytes is not a power of two between 4 KiB and 1 GiB`);
  }
  return new SharedArrayBuffer(CONTROL_BYTES + capacityBytes);
}

/** The writing end; to be used by one thread only. */
export class RingWriter {
  readonly #control: Int32Array;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #capacity: number;
  #head: number;

  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    this.#bytes = Buffer.from(memory, CONTROL_BYTES);
    this.#view = new DataView(memory, CONTROL_BYTES);
    this.#capacity = this.#bytes.length;
    this.#head = Atomics.load(this.#control, HEAD);
  }

  /** Counts an exchange that is not written. */
  leaveOut(why: LeftOut): void {
    Atomics.add(this.#control, LEFT_OUT[why], 1);
  }

  /** Copies a call into the ring; false when there is no room for it. */
  write(call: CapturedCall): boolean {
    const size = sizeOf(call);
    const used = (this.#head - Atomics.load(this.#control, TAIL)) | 0;
    const index = this.#head & (this.#capacity - 1);
    const gap = index + size <= this.#capacity ? 0 : this.#capacity - index;
    if (gap + size > this.#capacity - used) {
      this.leaveOut('ring-full');
      return false;
    }
    if (gap > 0) this.#view.setInt32(index, GAP, true);
    encodeCall(call, size, this.#bytes, this.#view, gap > 0 ? 0 : index);
    this.#head = (this.#head + gap + size) | 0;
    Atomics.store(this.#control, HEAD, this.#head);
    // Waking a reader that does not sleep would cost a lock at every call.
    if (Atomics.load(this.#control, READER_WAITS) === 1) Atomics.notify(this.#control, HEAD);
    return true;
  }
}

/** The reading end; to be used by one thread only. */
export class RingReader {
  readonly #control: Int32Array;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #tail: number;
  #copy = Buffer.allocUnsafeSlow(COPY_BYTES);
  #busyAt = Number.NEGATIVE_INFINITY;
  /** Since it last waited. */
  #hasRead = false;

  constructor(memory: SharedArrayBuffer) {
    this.#control = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    this.#bytes = Buffer.from(memory, CONTROL_BYTES);
    this.#view = new DataView(memory, CONTROL_BYTES);
    this.#tail = Atomics.load(this.#control, TAIL);
  }

  /** The oldest exchange, copied out of the ring; null when there is none. Its bodies are there until the next is read. */
  read(): Exchange | null {
    const head = Atomics.load(this.#control, HEAD);
    if (head === this.#tail) return null;
    const capacity = this.#bytes.length;
    let index = this.#tail & (capacity - 1);
    let size = this.#view.getInt32(index, true);
    if (size === GAP) {
      this.#tail = (this.#tail + capacity - index) | 0;
      index = 0;
      size = this.#view.getInt32(0, true);
    }
    this.#hasRead = true;
    // A copy: the writer may overwrite the place as soon as the tail has moved.
    if (size > this.#copy.length && size <= MAX_COPY_BYTES) this.#copy = Buffer.allocUnsafeSlow(MAX_COPY_BYTES);
    const record = size <= this.#copy.length ? this.#copy : Buffer.allocUnsafeSlow(size);
    this.#bytes.copy(record, 0, index, index + size);
    this.#tail = (this.#tail + size) | 0;
    Atomics.store(this.#control, TAIL, this.#tail);
    return decodeExchange(record);
  }

  /** Exchanges that were left out since the ring was made; each count wraps after 2^32. */
  get leftOut(): { readonly [W in LeftOut]: number } {
    const count = (why: LeftOut) => Atomics.load(this.#control, LEFT_OUT[why]) >>> 0;
    return { 'ring-full': count('ring-full'), shed: count('shed'), 'sampled-out': count('sampled-out') };
  }

  /** Bytes written and not yet read. */
  get queuedBytes(): number {
    return (Atomics.load(this.#control, HEAD) - this.#tail) | 0;
  }

  /**
   * Resolves when there may be something to read, at the latest after `timeoutMs`. Does not keep a process alive.
   * While exchanges keep coming it just looks again a little later: being woken for each would cost the writer's thread, and so
   * the callers, more than the copy itself.
   */
  async waitForMore(timeoutMs: number): Promise<void> {
    if (this.#hasRead) this.#busyAt = performance.now();
    this.#hasRead = false;
    if (performance.now() - this.#busyAt < BUSY_MS) return setTimeout(Math.min(POLL_MS, timeoutMs));
    Atomics.store(this.#control, READER_WAITS, 1);
    const wait = Atomics.waitAsync(this.#control, HEAD, this.#tail, timeoutMs);
    if (wait.async) await wait.value;
    Atomics.store(this.#control, READER_WAITS, 0);
  }
}
