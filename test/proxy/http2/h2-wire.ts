/**
 * HTTP/2 clients for tests: one of `node:http2`, and one that writes frames by hand.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

interface Teardown {
  teardown(end: () => unknown): void;
}

interface Address {
  readonly address: { readonly host: string; readonly port: number };
}

export function session(t: Teardown, { address }: Address): ClientHttp2Session {
  const client = connectHttp2(`http://${address.host}:${address.port}`);
  client.on('error', () => {});
  t.teardown(() => client.destroy());
  return client;
}

export interface Answer {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: Buffer;
  readonly trailers: { readonly [name: string]: string };
  /** Code of the reset that ended it; 0 = none. */
  readonly reset: number;
}

/** Sends a request and waits for everything of its answer. */
export async function ask(client: ClientHttp2Session, headers: OutgoingHttpHeaders, body: Buffer | null = null): Promise<Answer> {
  const stream = client.request(headers, { endStream: body === null });
  if (body !== null) stream.end(body);
  return answerOf(stream);
}

export async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let headers: { [name: string]: string } = {};
  let trailers: { [name: string]: string } = {};
  const pieces: Buffer[] = [];
  // Strings, but for repeated fields, which no test here looks at.
  stream.on('response', (fields) => {
    headers = fields as unknown as { [name: string]: string };
  });
  stream.on('trailers', (fields) => {
    trailers = fields as unknown as { [name: string]: string };
  });
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('error', () => {});
  if (!stream.destroyed) await new Promise<void>((closed) => stream.once('close', () => closed()));
  return { status: Number(headers[':status'] ?? 0), headers, body: Buffer.concat(pieces), trailers, reset: stream.rstCode ?? 0 };
}

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, window: 8, continuation: 9 } as const;

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block of literal fields without indexing (RFC 7541 §6.2.2), whatever they hold. */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/** A connection whose frames are written by hand. */
export class Raw {
  readonly socket: Socket;
  closed = false;
  #bytes = Buffer.alloc(0);
  readonly frames: { type: number; flags: number; stream: number; payload: Buffer }[] = [];

  constructor(t: Teardown, { address }: Address, hello = true) {
    this.socket = connect(address);
    t.teardown(() => this.socket.destroy());
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes: Buffer) => this.#read(bytes));
    this.socket.on('close', () => {
      this.closed = true;
    });
    if (hello) this.socket.write(Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0, 0)]));
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** Opens a stream with these fields; `end` = no body follows. */
  open(stream: number, fields: readonly (readonly [string, string])[], end = true): void {
    this.write(frame(FRAME.headers, 4 | (end ? 1 : 0), stream, block(fields)));
  }

  /** Resolves with the first frame that fits; rejects when the connection closes without one. */
  async until(what: (frame: Raw['frames'][number]) => boolean): Promise<Raw['frames'][number]> {
    for (;;) {
      const found = this.frames.find(what);
      if (found !== undefined) return found;
      if (this.closed) throw new Error(`closed; frames: ${JSON.stringify(this.frames)}`);
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    }
  }

  async end(): Promise<void> {
    if (!this.closed) await once(this.socket, 'close');
  }

  #read(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= 9) {
      const size = 9 + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < size) return;
      const [type = 0, flags = 0] = this.#bytes.subarray(3, 5);
      this.frames.push({ type, flags, stream: this.#bytes.readUInt32BE(5) & 0x7fffffff, payload: this.#bytes.subarray(9, size) });
      this.#bytes = this.#bytes.subarray(size);
    }
  }
}

export const END_STREAM = 1;
const END_HEADERS = 4;
/** The most that a frame may hold until both sides agree on more. */
const FRAME_BYTES = 16_384;

/** A header block in as many frames as it takes. */
export function headers(stream: number, fields: readonly (readonly [string, string])[], flags = 0): Buffer {
  const bytes = block(fields);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += FRAME_BYTES) {
    const last = at + FRAME_BYTES >= bytes.length ? END_HEADERS : 0;
    const piece = bytes.subarray(at, at + FRAME_BYTES);
    frames.push(at === 0 ? frame(FRAME.headers, flags | last, stream, piece) : frame(FRAME.continuation, last, stream, piece));
  }
  return Buffer.concat(frames);
}

/** A frame that holds 32-bit numbers: RST_STREAM, GOAWAY. */
export function numbers(type: number, stream: number, ...values: readonly number[]): Buffer {
  const payload = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) payload.writeUInt32BE(value, 4 * i);
  return frame(type, 0, stream, payload);
}

export interface FrameServer {
  readonly port: number;
  readonly sockets: Socket[];
  /** Bodies of the requests that have begun, oldest first. */
  readonly bodies: Buffer[];
}

/**
 * A server whose frames are written by hand: writes what `answer` makes of the n-th request, from 0, and its stream, when the request is whole or, with
 * `early`, when its head is there. Null = nothing.
 */
export async function frameServer(t: Teardown, answer: (stream: number, n: number) => Buffer | null, early = false): Promise<FrameServer> {
  const sockets: Socket[] = [];
  const bodies: Buffer[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    // Windows that no test fills.
    socket.write(frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0, 0x10, 0, 0])));
    socket.write(numbers(FRAME.window, 0, 0x100000));
    let bytes = Buffer.alloc(0);
    let at = PREFACE.length;
    /** Of a stream, in `bodies`. */
    const numberOf = new Map<number, number>();
    socket.on('data', (more: Buffer) => {
      bytes = Buffer.concat([bytes, more]);
      for (; bytes.length >= at + 9 && bytes.length >= at + 9 + bytes.readUIntBE(at, 3); at += 9 + bytes.readUIntBE(at, 3)) {
        const [type = 0, flags = 0] = bytes.subarray(at + 3, at + 5);
        const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
        if (type === FRAME.settings && (flags & 1) === 0) socket.write(frame(FRAME.settings, 1, 0));
        if (type !== FRAME.headers && type !== FRAME.data) continue;
        if (type === FRAME.headers) {
          numberOf.set(stream, bodies.length);
          bodies.push(Buffer.alloc(0));
        }
        const n = numberOf.get(stream)!;
        if (type === FRAME.data) bodies[n] = Buffer.concat([bodies[n]!, bytes.subarray(at + 9, at + 9 + bytes.readUIntBE(at, 3))]);
        const isDue = early ? type === FRAME.headers : (flags & END_STREAM) !== 0;
        const out = isDue ? answer(stream, n) : null;
        if (out !== null) socket.write(out);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  // A TCP server's address is an object.
  return { port: (server.address() as AddressInfo).port, sockets, bodies };
}

/** The pseudo-fields of a GET, or of what `change` makes of it. */
export function request(change: { readonly [name: string]: string | null } = {}): [string, string][] {
  const fields = { ':method': 'GET', ':scheme': 'http', ':authority': 'model', ':path': '/v2', ...change };
  return Object.entries(fields).filter((field): field is [string, string] => field[1] !== null);
}
