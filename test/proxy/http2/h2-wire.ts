/**
 * HTTP/2 clients for tests: one of `node:http2`, and one that writes frames by hand.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2';
import { connect, type Socket } from 'node:net';

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

/** The pseudo-fields of a GET, or of what `change` makes of it. */
export function request(change: { readonly [name: string]: string | null } = {}): [string, string][] {
  const fields = { ':method': 'GET', ':scheme': 'http', ':authority': 'model', ':path': '/v2', ...change };
  return Object.entries(fields).filter((field): field is [string, string] => field[1] !== null);
}
