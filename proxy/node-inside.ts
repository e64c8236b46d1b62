/**
 * What Node does not show of its connections and makes a call cheaper. It may change with Node: where something is missing, sockets are used as they
 * are shown, and all is only slower.
 */
import type { Socket } from 'node:net';

/** A write that has begun. */
export interface WriteRequest {
  /** Held until it is done. */
  bytes?: Buffer | readonly Buffer[];
  oncomplete?: (status: number) => void;
}

/** The connection under a socket. Results are 0 or the negative code of an error. */
export interface Handle {
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
  writev(request: WriteRequest, pieces: readonly Buffer[], areBuffers: true): number;
  /** Called with each read; what it returns is read into from then on. */
  onread: (this: Handle, memory: ArrayBuffer | undefined) => Uint8Array | undefined;
}

interface Inside {
  readonly WriteWrap: new () => WriteRequest;
  /** What the last operation of any connection of this thread came to. */
  readonly streamBaseState: Int32Array;
  /** Where in it: bytes read, or the negative code of an error; whether the last write still goes on. */
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

export const inside: Inside | null = open();

/** Null when it is closed, or not the kind that is known here. */
export function handleOf(socket: Socket): Handle | null {
  const { _handle: handle = null } = socket as { _handle?: Partial<Handle> | null };
  return handle !== null && typeof handle.writeBuffer === 'function' && typeof handle.onread === 'function' ? (handle as Handle) : null;
}

function open(): Inside | null {
  try {
    const { binding } = process as unknown as { binding(name: string): Partial<Inside> };
    const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = binding('stream_wrap');
    if (WriteWrap === undefined || streamBaseState === undefined) return null;
    if (kReadBytesOrError === undefined || kLastWriteWasAsync === undefined) return null;
    return { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync };
  } catch {
    return null;
  }
}
