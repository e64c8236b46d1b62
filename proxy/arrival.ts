/**
 * A connection whose protocol is not known yet: HTTP/2 begins with a preface of 24 bytes (RFC 9113 §3.4), anything else is HTTP/1.1.
 *
 * The first bytes decide, however they are split: `PRI ` could not begin an HTTP/1.1 request that is taken here.
 */
import type { Socket } from 'node:net';
import type { Deadline, Deadlines } from './deadlines.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export type Protocol = 'http/1.1' | 'h2';

/** Takes the connection over, what came of it put back. */
export type Welcome = (protocol: Protocol) => void;

export class Arrival implements Deadline {
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly #socket: Socket;
  readonly #deadlines: Deadlines;
  readonly #welcome: Welcome;
  #held: Buffer | null = null;

  /** The connection is closed when nothing has come after `withinMs`. */
  constructor(socket: Socket, deadlines: Deadlines, withinMs: number, welcome: Welcome) {
    this.#socket = socket;
    this.#deadlines = deadlines;
    this.#welcome = welcome;
    deadlines.add(this);
    deadlines.set(this, performance.now() + withinMs);
    socket.on('data', this.#look);
    socket.on('error', this.#gone);
    socket.on('end', this.#gone);
    socket.on('close', this.#gone);
  }

  /** Nobody has asked for anything yet. */
  drain(): void {
    this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  expire(): void {
    this.#socket.destroy();
  }

  #look = (bytes: Buffer): void => {
    this.#held = this.#held === null ? bytes : Buffer.concat([this.#held, bytes]);
    const compared = Math.min(this.#held.length, PREFACE.length);
    const alike = this.#held.compare(PREFACE, 0, compared, 0, compared) === 0;
    if (alike && compared < PREFACE.length) return;
    this.#leave();
    this.#socket.pause();
    this.#socket.unshift(this.#held);
    this.#welcome(alike ? 'h2' : 'http/1.1');
    // `node:http2` reads by itself.
    if (!alike) this.#socket.resume();
  };

  #gone = (): void => {
    this.#leave();
    this.#socket.destroy();
  };

  #leave(): void {
    this.#deadlines.delete(this);
    this.#socket.off('data', this.#look);
    this.#socket.off('error', this.#gone);
    this.#socket.off('end', this.#gone);
    this.#socket.off('close', this.#gone);
  }
}
