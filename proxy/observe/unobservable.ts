/**
 * What ends the reading along of a connection, never the connection.
 */
import type { Unobserved } from '../reasons.ts';

/** Thrown where a copy cannot be read on; after it, everything on the connection would be a guess. */
export class Unobservable extends Error {
  readonly reason: Unobserved;

  constructor(reason: Unobserved, message: string) {
    super(message);
    this.name = 'Unobservable';
    this.reason = reason;
  }
}
