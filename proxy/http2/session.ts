/**
 * A client's HTTP/2 connection: bounded in streams, fields, memory, resets, idleness and age; each stream becomes a call.
 *
 * Frames are `node:http2`'s business. What it lets through is bounded by the options below; what ends a session has a counter of its own.
 */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { DataPath } from '../data-path.ts';
import type { Deadline } from '../deadlines.ts';
import { HEAD_TOO_LARGE } from '../framing.ts';
import { MAX_HEAD_BYTES, MAX_HEADER_PAIRS, MAX_STREAMS, SESSION_MEMORY_MIB } from '../limits.ts';
import { writeOwnAnswer } from '../own-answer.ts';
import type { SessionEnd } from '../reasons.ts';
import { endAnswer, fieldsBelow, respond } from './answer-fields.ts';
import { GrpcCall } from './grpc-call.ts';
import { readRequestFields } from './request-fields.ts';
import { StreamClient } from './stream-client.ts';

const SETTINGS = { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEAD_BYTES, enableConnectProtocol: false };
const OPTIONS = {
  maxHeaderListPairs: MAX_HEADER_PAIRS,
  maxSessionMemory: SESSION_MEMORY_MIB,
  // Streams that a client may reset at once, and then per second (CVE-2023-44487): cancelled calls are ordinary, thousands are not.
  streamResetBurst: 1000,
  streamResetRate: 33,
  // A model server may repeat any field it likes.
  strictSingleValueFields: false,
};

/** Empty SETTINGS, then GOAWAY for all streams with ENHANCE_YOUR_CALM (RFC 9113 §6.8). */
export const GO_AWAY = Buffer.from([
  0,
  0,
  0,
  4,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  8,
  7,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  constants.NGHTTP2_ENHANCE_YOUR_CALM,
]);

export class Http2Session implements Deadline {
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly #path: DataPath;
  readonly #session: ServerHttp2Session;
  readonly #oldAt: number;
  #streams = 0;
  #end: SessionEnd | null = null;

  constructor(socket: Socket, path: DataPath) {
    this.#path = path;
    const now = performance.now();
    this.#oldAt = now + path.limits.sessionAgeMs;
    const settings = { ...SETTINGS, initialWindowSize: path.limits.streamWindowBytes };
    this.#session = performServerHandshake(socket, { ...OPTIONS, settings });
    this.#session.on('stream', (stream, _headers, flags, raw) => this.#stream(stream, flags, raw as unknown as readonly string[]));
    this.#session.on('error', (error: Error & { errno?: number }) => {
      this.#end ??= /flood|calm/i.test(error.message) ? 'flood' : 'protocol-error';
    });
    // What we send when something of a client's went too far; what the client sends says `client`.
    this.#session.on('frameError', () => {
      this.#end ??= 'protocol-error';
    });
    this.#session.on('close', () => this.#safely(() => this.#closed()));
    path.counters.add('sessions');
    path.deadlines.add(this);
    // A connection that opens no stream has no more time than one that sends no head.
    path.deadlines.set(this, Math.min(this.#oldAt, now + path.limits.headTimeoutMs));
  }

  /** Tells the client to go elsewhere with new calls (GOAWAY); running ones end undisturbed. */
  drain(): void {
    this.#leave('drain');
  }

  destroy(): void {
    this.#end ??= 'drain';
    this.#session.destroy();
  }

  expire(): void {
    if (performance.now() >= this.#oldAt) this.#leave('age');
    else if (this.#streams === 0) this.#leave('idle');
  }

  #leave(why: SessionEnd): void {
    this.#end ??= why;
    if (!this.#session.closed) this.#session.close();
  }

  #closed(): void {
    const { counters, deadlines } = this.#path;
    deadlines.delete(this);
    counters.add('sessions', -1);
    counters.sessionEndedBy(this.#end ?? 'client');
  }

  #stream(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    this.#streams++;
    this.#path.deadlines.set(this, this.#oldAt);
    // Without a listener an error of one stream would end the process.
    stream.on('error', () => {});
    this.#path.streams++;
    stream.on('close', () => {
      this.#streams--;
      this.#path.streams--;
      if (this.#streams > 0) return;
      this.#path.deadlines.set(this, Math.min(this.#oldAt, performance.now() + this.#path.limits.sessionIdleMs));
    });
    if (!this.#safely(() => this.#call(stream, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0, raw))) {
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  }

  /** A fault of ours costs what it happened to, and not the thread. Returns whether there was none. */
  #safely(what: () => void): boolean {
    try {
      what();
      return true;
    } catch (fault) {
      this.#path.report(fault);
      return false;
    }
  }

  #call(stream: ServerHttp2Stream, ended: boolean, raw: readonly string[]): void {
    const { counters, requests, limits } = this.#path;
    if (this.#path.streams > limits.maxStreams) {
      counters.add('refused');
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const fields = readRequestFields(raw, ended);
    if (fields === null) {
      counters.add('refused');
      stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
      return;
    }
    // `node:http2` knows the limit only once the client has acknowledged our settings.
    const request = fields.head.length > MAX_HEAD_BYTES ? HEAD_TOO_LARGE : requests.get(fields.head);
    if ('kind' in request) {
      counters.add('refused');
      const { status, reason, message } = request;
      const { head, body } = writeOwnAnswer({ status, reason, error: message, id: null }, null);
      respond(stream, status, fieldsBelow(head), false);
      stream.write(body, 'latin1');
      endAnswer(stream, [], this.#path);
      stream.resume();
      return;
    }
    counters.add('requests');
    if (fields.grpc) new GrpcCall(this.#path, stream, request, ended);
    else new StreamClient(this.#path, stream, request, ended);
  }
}
