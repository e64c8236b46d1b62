/**
 * The reading along of one connection: chooses who can read it, and ends the reading, never the connection, at the first thing that cannot
 * be read.
 */
import type { Protocol } from '../arrival.ts';
import type { DataPath } from '../data-path.ts';
import type { Reason, Unobserved } from '../reasons.ts';
import { Http1Tap } from './http1-tap.ts';
import { Http2Tap } from './http2-tap.ts';
import { Unobservable } from './unobservable.ts';

/** Reads both directions of a connection. Every method may throw `Unobservable`. */
export interface Tap {
  /** Whether no call is under way. */
  readonly idle: boolean;
  fromClient(bytes: Buffer): void;
  fromServer(bytes: Buffer): void;
  /** That side sends no more. */
  clientEnded(): void;
  serverEnded(): void;
  /** The connection has gone: the server's doing, for this reason, or the client's (null). */
  closed(reason: Reason | null): void;
  /** The ends of the calls under way will not be seen. */
  lose(): void;
}

/** The first byte of a TLS record with a handshake (RFC 8446 §5.1). */
const TLS_HANDSHAKE = 22;

/** A tap that holds whatever comes. */
export class Observation {
  readonly #path: DataPath;
  /** Null once nothing is read any more. */
  #tap: Tap | null;
  #untouched = true;

  constructor(path: DataPath, protocol: Protocol) {
    this.#path = path;
    this.#tap = protocol === 'h2' ? new Http2Tap(path) : new Http1Tap(path);
  }

  /** Whether no call is under way, as far as can be seen. */
  get idle(): boolean {
    return this.#tap?.idle === true;
  }

  fromClient(bytes: Buffer): void {
    if (this.#untouched && bytes[0] === TLS_HANDSHAKE) this.#stop('tls');
    this.#untouched = false;
    this.#safely((tap) => tap.fromClient(bytes));
  }

  fromServer(bytes: Buffer): void {
    this.#safely((tap) => tap.fromServer(bytes));
  }

  clientEnded(): void {
    this.#safely((tap) => tap.clientEnded());
  }

  serverEnded(): void {
    this.#safely((tap) => tap.serverEnded());
  }

  /** Safe twice. */
  closed(reason: Reason | null): void {
    this.#safely((tap) => tap.closed(reason));
    this.#tap = null;
  }

  #safely(what: (tap: Tap) => void): void {
    if (this.#tap === null) return;
    try {
      what(this.#tap);
    } catch (error) {
      if (!(error instanceof Unobservable)) this.#path.report(error);
      this.#stop(error instanceof Unobservable ? error.reason : 'fault');
    }
  }

  #stop(reason: Unobserved): void {
    this.#path.counters.unobservedBy(reason);
    this.#tap?.lose();
    this.#tap = null;
  }
}
