/**
 * One port for HTTP/1.1 and for HTTP/2 in the clear: gRPC's clients speak the latter without asking (RFC 9113 §3.3).
 *
 * HTTP/2 begins with a preface whose first word is no method of HTTP/1.1 (§3.4).
 */
import type { Server } from 'node:http';
import type { Http2Server } from 'node:http2';
import type { Socket } from 'node:net';

const FIRST_WORD = Buffer.from('PRI ');
/** Of a session on which there was a call; a proxy keeps its own for less. */
const IDLE_MS = 600_000;

/**
 * Gives `http2`, which does not listen itself, those of `http1`'s connections that speak HTTP/2. Who says nothing for `silentMs` is let go.
 *
 * Returns what breaks every connection off.
 */
export function serveEither(http1: Server, http2: Http2Server, silentMs: number): () => void {
  const open = new Set<Socket>();
  http2.on('session', (session) => {
    const end = () => session.destroy();
    session.setTimeout(silentMs, end);
    session.once('stream', () => session.off('timeout', end).setTimeout(IDLE_MS, end));
  });
  // A connection that breaks ends its session, and with it the calls on it: no reason to stop.
  http2.on('sessionError', () => {});
  // The one that serves HTTP/1.1.
  const [serve] = http1.listeners('connection');
  http1.removeAllListeners('connection');
  http1.on('connection', (socket: Socket) => {
    let first = Buffer.alloc(0);
    const leave = () => {
      socket.off('data', look).off('end', gone).off('close', gone).off('error', gone).off('timeout', gone);
      socket.setTimeout(0);
    };
    const gone = () => {
      leave();
      // Its error may follow its end.
      socket.on('error', () => {}).destroy();
    };
    const look = (bytes: Buffer) => {
      first = Buffer.concat([first, bytes]);
      const compared = Math.min(first.length, FIRST_WORD.length);
      const isAlike = first.compare(FIRST_WORD, 0, compared, 0, compared) === 0;
      if (isAlike && compared < FIRST_WORD.length) return;
      leave();
      socket.pause();
      socket.unshift(first);
      if (isAlike) {
        // As in a server of its own: who has ended its side has left.
        socket.allowHalfOpen = false;
        // Reads by itself, unlike HTTP/1.1's.
        http2.emit('connection', socket);
      } else {
        serve?.call(http1, socket);
        socket.resume();
      }
    };
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('data', look).on('end', gone).on('close', gone).on('error', gone).on('timeout', gone);
    socket.setTimeout(silentMs);
  });
  return () => {
    for (const socket of [...open]) socket.destroy();
  };
}
