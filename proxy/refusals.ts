/**
 * Connections that are told no. What their clients send is read and thrown away for a moment: closing over unread bytes would reset the answer
 * away (RFC 9112 §9.6).
 */
import type { Socket } from 'node:net';

/** So many at once; who is refused beyond that may miss the answer. */
const MOST = 64;

export class Refusals {
  readonly #sockets = new Set<Socket>();

  /** Sends `answer`, and closes when the client does, or after `lingerMs`. Nobody else may have the socket. */
  refuse(socket: Socket, answer: Buffer, lingerMs: number): void {
    // Whatever becomes of this socket, it was none of ours.
    socket.on('error', () => {});
    socket.end(answer);
    if (this.#sockets.size >= MOST) {
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
