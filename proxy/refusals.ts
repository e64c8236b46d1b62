/**
 * Connections that are told no. What their clients send is read and thrown away for a moment: closing over unread bytes would reset the answer
 * away (RFC 9112 §9.6).
 */
import type { Socket } from 'node:net';
import type { Limits } from './limits.ts';

/** So many at once for each client that is served, as each takes a file; who is refused beyond that may miss the answer. */
export const LINGERING_SHARE = 1 / 16;

export class Refusals {
  readonly #sockets = new Set<Socket>();

  /** Sends `answer`, and closes when the client does, or after `lingerMs`. Nobody else may have the socket. */
  refuse(socket: Socket, answer: Buffer, { lingerMs, maxClients }: Pick<Limits, 'lingerMs' | 'maxClients'>): void {
    // Whatever becomes of this socket, it was none of ours.
    socket.on('error', () => {});
    socket.end(answer);
    if (this.#sockets.size >= Math.max(1, Math.floor(LINGERING_SHARE * maxClients))) {
      socket.destroySoon();
      return;
    }
    this.#sockets.add(socket);
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
    socket.on('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
    });
    socket.resume();
  }

  destroy(): void {
    for (const socket of [...this.#sockets]) socket.destroy();
  }
}
