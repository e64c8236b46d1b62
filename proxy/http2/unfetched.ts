/**
 * What a client has not fetched of an answer that is whole: its call is over, and nobody else would bound how much of it waits, or for how long.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { DataPath } from '../data-path.ts';
import type { Deadline } from '../deadlines.ts';
import type { Evictable } from '../held.ts';

/** Counts what `stream`, which has been ended, has yet to send as held until it is sent, and resets the stream when for long nothing is. */
export function watchUnfetched(path: WaitingRoom, stream: ServerHttp2Stream): void {
  if (stream.writableLength > 0) new Unfetched(path, stream).begin();
}

export type WaitingRoom = Pick<DataPath, 'held' | 'deadlines' | 'limits' | 'report'>;

class Unfetched implements Deadline, Evictable {
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly #path: WaitingRoom;
  readonly #stream: ServerHttp2Stream;
  #bytes: number;

  constructor(path: WaitingRoom, stream: ServerHttp2Stream) {
    this.#path = path;
    this.#stream = stream;
    this.#bytes = stream.writableLength;
  }

  begin(): void {
    const { held, deadlines, report } = this.#path;
    held.hold(this, this.#bytes);
    deadlines.add(this);
    this.#arm();
    const leave = () => {
      try {
        deadlines.delete(this);
        held.release(this);
      } catch (fault) {
        report(fault);
      }
    };
    this.#stream.on('finish', leave);
    this.#stream.on('close', leave);
  }

  expire(): void {
    const bytes = this.#stream.writableLength;
    if (bytes === this.#bytes) {
      this.#stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    this.#bytes = bytes;
    this.#arm();
  }

  evict(): void {
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #arm(): void {
    this.#path.deadlines.set(this, performance.now() + this.#path.limits.stallTimeoutMs);
  }
}
