/**
 * The open loop: requests leave at a constant rate whether or not earlier ones were answered, and a latency counts from the moment a
 * request was due. One that waits because the server (or a free connection) is late has waited for all of that time: no
 * coordinated omission (G. Tene, "How NOT to Measure Latency").
 *
 * As a program: `node open-loop.ts URL RATE SECONDS CONNECTIONS` prints one JSON line. It spins, so that sending is late by
 * microseconds and not by the timer's millisecond, and costs a core.
 */
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { runProgram } from './run-program.ts';
import { requestBodies } from './bodies.ts';

/** Latencies in milliseconds, counted from when each request was due. */
export interface OpenLoop {
  readonly sent: number;
  readonly answered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Runs it in a process of its own. @throws Error when a connection broke or an answer was no 200. */
export async function openLoop(url: string, options: { perSecond: number; seconds: number; connections: number }): Promise<OpenLoop> {
  const { perSecond, seconds, connections } = options;
  const out = await runProgram(process.execPath, [fileURLToPath(import.meta.url), url, perSecond, seconds, connections].map(String));
  return JSON.parse(out) as OpenLoop;
}

/** Answers before this part of the time are not counted: connections open, code warms up. */
const WARM_UP = 0.2;
/** How long is waited for the last answers. */
const LAST_ANSWERS_MS = 60_000;

class Connection {
  readonly #socket: Socket;
  readonly #done: (connection: Connection, dueAt: number) => void;
  #dueAt = 0;
  #head = '';
  /** Bytes of the body still to come; -1 = the head is not whole yet. */
  #left = -1;

  constructor(url: URL, done: (connection: Connection, dueAt: number) => void) {
    this.#done = done;
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    this.#socket.on('data', (bytes) => this.#take(bytes));
    this.#socket.on('error', (error) => fail(error.message));
    this.#socket.on('close', () => fail('a connection was closed'));
  }

  opened(): Promise<void> {
    return new Promise((resolve) => this.#socket.once('connect', resolve));
  }

  send(request: Buffer, dueAt: number): void {
    this.#dueAt = dueAt;
    this.#socket.write(request);
  }

  #take(bytes: Buffer): void {
    if (this.#left < 0) {
      this.#head += bytes.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!this.#head.startsWith('HTTP/1.1 200')) fail(this.#head.slice(0, 40));
      const length = /content-length: (\d+)/i.exec(this.#head)?.[1];
      if (length === undefined) fail('an answer without content-length');
      this.#left = Number(length) - (this.#head.length - end - 4);
      this.#head = '';
    } else this.#left -= bytes.length;
    if (this.#left > 0) return;
    this.#left = -1;
    this.#done(this, this.#dueAt);
  }
}

function fail(why: string): never {
  process.stderr.write(`open loop: ${why}\n`);
  process.exit(1);
}

async function run(url: URL, perSecond: number, seconds: number, count: number): Promise<OpenLoop> {
  const requests = requestBodies().map((body) =>
    Buffer.from(
      `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    ),
  );
  const latencies: number[] = [];
  const free: Connection[] = [];
  /** When requests that found no free connection were due; oldest first. */
  const waiting: number[] = [];
  let sent = 0;
  let answered = 0;
  const begin = (connection: Connection, dueAt: number) => connection.send(requests[sent++ % requests.length]!, dueAt);
  const countFrom = WARM_UP * seconds * 1000;
  let startAt = 0;
  const connections = Array.from(
    { length: count },
    () =>
      new Connection(url, (connection, dueAt) => {
        answered++;
        if (dueAt - startAt >= countFrom) latencies.push(performance.now() - dueAt);
        const next = waiting.shift();
        if (next === undefined) free.push(connection);
        else begin(connection, next);
      }),
  );
  await Promise.all(connections.map((connection) => connection.opened()));
  free.push(...connections);
  startAt = performance.now();
  const total = Math.floor(perSecond * seconds);
  for (let due = 0; due < total; ) {
    const now = performance.now();
    for (; due < total; due++) {
      const dueAt = startAt + (due * 1000) / perSecond;
      if (dueAt > now) break;
      const connection = free.shift();
      if (connection === undefined) waiting.push(dueAt);
      else begin(connection, dueAt);
    }
    await new Promise(setImmediate);
  }
  for (const until = performance.now() + LAST_ANSWERS_MS; answered < total && performance.now() < until; ) await new Promise(setImmediate);
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { sent, answered, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [url = '', perSecond, seconds, connections] = process.argv.slice(2);
  const result = await run(new URL(url), Number(perSecond), Number(seconds), Number(connections));
  if (result.answered < result.sent) fail(`${result.sent - result.answered} requests were not answered`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exit(0);
}
