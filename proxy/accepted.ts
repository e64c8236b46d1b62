/**
 * A socket that a server has accepted, made to read through `readInto`.
 *
 * `node:net` has `onread` for sockets that connect and none for those that are accepted. So the connection is taken out of the socket that the
 * server made of it and put into one of ours, by the option through which the server did the same. Bytes come as the event `data`, as ever,
 * unless who has the socket asks for them directly.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import { lasting, readInto, readStraight } from './reading.ts';

/** What Node does not show of a socket. */
interface Inner {
  _handle?: object | null;
}

/** One that is read past its stream. */
class DirectSocket extends Socket {
  /** Takes passing bytes. */
  received: ((bytes: Buffer) => void) | null = null;

  constructor(handle: object) {
    const onread = readInto((bytes) => {
      if (this.received === null) this.emit('data', lasting(bytes));
      else this.received(bytes);
    });
    // The type knows of handles that are bound only.
    super({ handle, onread } as SocketConstructorOpts);
    readStraight(this, onread);
  }
}

/** `accepted` must not have been read; it is done with afterwards. The result is paused. */
export function readDirectly(accepted: Socket): Socket {
  const inner = accepted as Inner;
  const handle = inner._handle ?? null;
  // What is not shown may change: where there is no such thing, the socket is read as a stream.
  if (handle === null) return accepted;
  inner._handle = null;
  return new DirectSocket(handle);
}

/** Has the bytes of `socket` come to `received`, where that can be without a stream between and then passing (see `readInto`). */
export function receive(socket: Socket, received: (bytes: Buffer) => void): void {
  // What came before and was put back comes from the stream.
  socket.on('data', received);
  if (socket instanceof DirectSocket) socket.received = received;
}
