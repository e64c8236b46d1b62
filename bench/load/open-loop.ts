/**
 * The open loop: requests leave at a constant rate whether or not earlier ones were answered, and a latency counts from the moment a
 * request was due. One that waits because the server (or a free connection) is late has waited for all of that time: no
 * coordinated omission (G. Tene, "How NOT to Measure Latency").
 *
 * The load maker is a small C program (`open-loop.c`), as Node's timers are a millisecond coarse, and a loop that spins instead takes a core
 * from what is measured. It says how late it was itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cached } from '../../test/support/build-cache.ts';
import { isInstalled, runTool } from '../../test/support/child.ts';

/** What a round came to, in milliseconds. Latencies count from when each request was due. */
export interface Latencies {
  readonly sent: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** By which the load maker itself noticed late that a request was due. */
  readonly lateP50Ms: number;
  readonly lateP99Ms: number;
  readonly lateMaxMs: number;
}

/** What is sent, and from where. */
export interface OpenLoopOptions {
  /** A file with one body a line, sent in turn. */
  readonly bodies: string;
  readonly perSecond: number;
  /** Of a round. */
  readonly seconds: number;
  readonly connections: number;
  /** Put before the program's name: the tools that give it its core and its priority. */
  readonly under: readonly string[];
}

const SOURCE = join(import.meta.dirname, 'open-loop.c');

/** Builds the load maker, once. @throws Error when there is no C compiler. */
export async function openLoopProgram(): Promise<string> {
  if (!(await isInstalled('cc'))) throw new Error('the open loop’s load maker is a C program: install a C compiler as cc (Debian’s gcc)');
  const folder = await cached('open-loop', [SOURCE], async (draft) => {
    await runTool('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', join(draft, 'open-loop'), SOURCE]);
  });
  return join(folder, 'open-loop');
}

/** A load maker with its connections, which stay open from round to round: what a new one costs is not the cost of a call. */
export class OpenLoop {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #said = '';

  private constructor(child: ChildProcess, lines: AsyncIterator<string>) {
    this.#child = child;
    this.#lines = lines;
    child.stderr!.on('data', (text: Buffer) => {
      this.#said += text;
    });
    // It ends where it finds a fault; then the next line does not come.
    child.stdin!.on('error', () => {});
  }

  static start(program: string, url: string, options: OpenLoopOptions): OpenLoop {
    const { bodies, perSecond, seconds, connections, under } = options;
    const { hostname, port, pathname } = new URL(url);
    const [command = program, ...args] = [...under, program, hostname, port, pathname, bodies, perSecond, seconds, connections].map(String);
    const child = spawn(command, args, { stdio: 'pipe' });
    return new OpenLoop(child, createInterface({ input: child.stdout })[Symbol.asyncIterator]());
  }

  /** @throws Error when a connection broke, an answer was no 200 or did not come. */
  async round(): Promise<Latencies> {
    this.#child.stdin!.write('\n');
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(this.#said || 'open loop: the load maker ended');
    return JSON.parse(value) as Latencies;
  }

  stop(): void {
    this.#child.stdin!.end();
  }
}
