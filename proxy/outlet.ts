/**
 * What a socket sends, past its stream where the system takes the bytes at once.
 *
 * A stream costs a write a microsecond of its own, for a queue that is nearly always empty. So bytes are given to the connection itself, and
 * only what must wait behind others goes through the stream. The order holds: the connection has one queue for both.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { getSystemErrorName } from 'node:util';
import type { Held, Evictable } from './held.ts';
import { type Handle, handleOf, inside, type WriteRequest } from './node-inside.ts';
import { READ_BYTES } from './reading.ts';
import { isClosedByPeer, readPastWriteErrors } from './write-errors.ts';

/** Serves again and again: only a write that goes on takes it. */
let request: WriteRequest | null = inside === null ? null : new inside.WriteWrap();

export class Outlet implements Evictable {
  readonly evict: () => void;
  readonly #socket: Socket;
  readonly #drained: () => void;
  readonly #held: Held;
  readonly #isDirect: boolean;
  /** Bytes given to the connection that it has not sent yet; those of the stream not counted. */
  #underway = 0;
  #isBlocked = false;
  readonly #isReadOn: boolean;
  #failedBy: string | null = null;

  /**
   * `drained` is told when bytes are taken again after a write that returned false; `evict` when what waits here has waited for longest, and too much
   * does. `isReadOn`: when the other side has closed, the socket stays open until all that came is read, and what is written is thrown away; otherwise
   * a write that fails closes it.
   */
  constructor(socket: Socket, held: Held, drained: () => void, evict: () => void, isReadOn = false) {
    this.#socket = socket;
    this.#held = held;
    this.#drained = drained;
    this.evict = evict;
    this.#isReadOn = isReadOn;
    if (isReadOn) readPastWriteErrors(socket, (error) => this.#fail(error));
    // Of a TLS socket the connection underneath takes no plain bytes.
    this.#isDirect = inside !== null && !(socket instanceof TLSSocket);
    socket.on('drain', () => {
      held.release(this);
      drained();
    });
    socket.on('close', () => held.release(this));
  }

  /** Bytes that the system has not taken yet. */
  get unsentBytes(): number {
    return this.#underway + this.#socket.writableLength;
  }

  /** Whether the receiver should be waited for. */
  get isBlocked(): boolean {
    return this.#isBlocked || this.#socket.writableNeedDrain;
  }

  /** The code of the error since which nothing is sent any more, of a socket that is read on. */
  get failedBy(): string | null {
    return this.#failedBy;
  }

  /** Bytes must not be changed while any are unsent. Returns false when the receiver should be waited for. */
  write(bytes: Buffer): boolean {
    if (this.#failedBy !== null) return true;
    const handle = this.#handle;
    if (handle === null) return this.#waits(this.#socket.write(bytes));
    // There with every handle.
    this.#written(handle.writeBuffer(request!, bytes), bytes);
    return !this.#isBlocked;
  }

  /** The same of several pieces at once. */
  writeAll(pieces: readonly Buffer[]): boolean {
    if (this.#failedBy !== null) return true;
    const handle = this.#handle;
    if (handle === null) {
      this.#socket.cork();
      for (const piece of pieces) this.#socket.write(piece);
      this.#socket.uncork();
      return this.#waits(!this.#socket.writableNeedDrain);
    }
    this.#written(handle.writev(request!, pieces, true), pieces);
    return !this.#isBlocked;
  }

  /** The connection, where it can take bytes now. */
  get #handle(): Handle | null {
    const socket = this.#socket;
    if (!this.#isDirect || this.#underway > 0 || socket.connecting || socket.writableLength > 0 || socket.writableEnded) return null;
    return handleOf(socket);
  }

  /** After a write to the stream, `flowing` or not. */
  #waits(flowing: boolean): boolean {
    if (!flowing) this.#held.hold(this, this.unsentBytes + READ_BYTES);
    return flowing && !this.#isBlocked;
  }

  #written(status: number, bytes: Buffer | readonly Buffer[]): void {
    const { streamBaseState, kLastWriteWasAsync, WriteWrap } = inside!;
    if (status !== 0) this.#fail(errorOf(status));
    if (status !== 0 || streamBaseState[kLastWriteWasAsync] === 0) return;
    // It goes on by itself.
    const begun = request!;
    request = new WriteWrap();
    begun.bytes = bytes;
    begun.oncomplete = (status) => this.#done(status);
    this.#underway = Buffer.isBuffer(bytes) ? bytes.length : bytes.reduce((sum, piece) => sum + piece.length, 0);
    this.#isBlocked = this.#underway >= this.#socket.writableHighWaterMark;
    this.#held.hold(this, this.#underway + READ_BYTES);
  }

  #done(status: number): void {
    const wasBlocked = this.#isBlocked;
    this.#underway = 0;
    this.#isBlocked = false;
    if (!this.#socket.writableNeedDrain) this.#held.release(this);
    if (status !== 0) this.#fail(errorOf(status));
    if (wasBlocked && !this.#socket.destroyed && !this.#socket.writableNeedDrain) this.#drained();
  }

  #fail(error: NodeJS.ErrnoException): void {
    // Behind the other side's end nothing comes any more.
    if (this.#isReadOn && !this.#socket.readableEnded && isClosedByPeer(error)) this.#failedBy ??= error.code ?? null;
    else this.#socket.destroy(error);
  }
}

function errorOf(status: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' });
}
