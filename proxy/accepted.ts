/**
 * A socket that a server has accepted, made to read through `readInto`.
 *
 * `node:net` has `onread` for sockets that connect and none for those that are accepted. So the connection is taken out of the socket that the
 * server made of it and put into one of ours, by the option through which the server did the same. Bytes come as the event `data`, as ever.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import { readInto, readStraight } from './reading.ts';

/** What Node does not show of a socket. */
interface Inner {
  _handle?: object | null;
}

/** `accepted` must not have been read; it is done with afterwards. The result is paused. */
export function readDirectly(accepted: Socket): Socket {
  const inner = accepted as Inner;
  const handle = inner._handle ?? null;
  // What is not shown may change: where there is no such thing, the socket is read as a stream.
  if (handle === null) return accepted;
  inner._handle = null;
  // The type knows of handles that are bound only.
  const onread = readInto((bytes) => socket.emit('data', bytes));
  const socket = new Socket({ handle, onread } as SocketConstructorOpts);
  readStraight(socket, onread);
  return socket;
}
