/**
 * Keeps a scorer process running beside traffic: starts it, notices when it died, hangs or grows, and starts it again.
 *
 * Nothing the process does can end or block the caller's own. Its address stays the same over restarts, so that whoever
 * holds the port needs no word of them; a call in between is refused at once, as by any server that is down.
 * A computation cannot be stopped from inside its process, so a deadline means: no sign of life for that long, killed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { ScorerError } from '../contracts/errors.ts';
import type { Mapping } from '../proxy/catalogue.ts';

export interface ScorerOptions {
  /** Path of the ONNX file. */
  readonly model: string;
  readonly provider?: 'cpu' | 'cuda';
  /** Threads inside one operator. Default 1. */
  readonly threads?: number;
  /** A protocol's word, or `auto` (default). */
  readonly protocol?: string;
  /** Places of columns in a raw-json body; without one, `auto` leaves raw-json out. */
  readonly mapping?: Mapping;
  /** null (default) = answers as whatever model the caller asks for. */
  readonly name?: string | null;
  readonly version?: string | null;
  /** First port asked for; 0 (default) = any free one. */
  readonly port?: number;
  /** From start to the first ready. Default 30 s. */
  readonly startMs?: number;
  /** Longest wait and longest computation of a call. Default 10 s. */
  readonly deadlineMs?: number;
  /** Cap of the process's JavaScript heap. Default 256. */
  readonly heapMiB?: number;
  /**
   * Cap of its whole resident memory, looked at between computations; one that allocates without end is stopped by the
   * deadline or the container's limit. Default 2048.
   */
  readonly residentMiB?: number;
  /** First pause before a restart; doubles up to 30 s, and starts over after a minute of health. Default 100. */
  readonly backoffMs?: number;
  /** One line per death and restart. */
  readonly log?: (line: string) => void;
}

export interface ScorerProcess {
  readonly port: number;
  /** Of the process now running; null while there is none. */
  readonly pid: number | null;
  /** Whether it is ready to answer. */
  readonly ready: boolean;
  /** Deaths after the first ready. */
  readonly restarts: number;
  /** Settles when it has ended for good, by `close`. */
  readonly exited: Promise<void>;
  close(): Promise<void>;
}

/** What the process is told. */
export type ToScorer = { readonly kind: 'start'; readonly options: StartOptions; readonly port: number } | { readonly kind: 'ping' };

/** What the process tells. */
export type FromScorer =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'pong'; readonly rssBytes: number };

/** All that the process needs to serve. */
export type StartOptions = Required<
  Pick<ScorerOptions, 'model' | 'provider' | 'threads' | 'protocol' | 'mapping' | 'name' | 'version' | 'deadlineMs'>
>;

const LONGEST_BACKOFF_MS = 30_000;
const HEALTHY_AFTER_MS = 60_000;
const MIB = 1024 * 1024;

/** Environment that a model may see: what libraries need to be found and tuned, no secrets. */
const ENVIRONMENT = /^(PATH|HOME|TMPDIR|LANG|TZ|LD_LIBRARY_PATH|SYSTEMROOT|(CUDA|NVIDIA|OMP|ORT)_.*)$/;

/**
 * Starts a scorer process and waits until it serves.
 *
 * @throws ScorerError with the model's own code when it cannot be opened; `scorer-died` or `start-deadline` when the process
 * ends or stays silent before it was ready; `scorer-port` when the port cannot be had.
 */
export async function startScorer(options: ScorerOptions): Promise<ScorerProcess> {
  const scorer = new Supervisor(options);
  await scorer.start();
  return scorer;
}

class Supervisor implements ScorerProcess {
  readonly #options: ScorerOptions;
  readonly #start: StartOptions;
  readonly #ended = Promise.withResolvers<void>();
  readonly #firstReady = Promise.withResolvers<void>();
  #child: ChildProcess | null = null;
  #port: number;
  #ready = false;
  #served = false;
  #closed = false;
  #restarts = 0;
  #backoffMs: number;
  #readyAt = 0;
  #lastSignAt = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;
  #reason: string | null = null;

  constructor(options: ScorerOptions) {
    this.#options = options;
    this.#port = options.port ?? 0;
    this.#backoffMs = options.backoffMs ?? 100;
    this.#start = {
      model: options.model,
      provider: options.provider ?? 'cpu',
      threads: options.threads ?? 1,
      protocol: options.protocol ?? 'auto',
      mapping: options.mapping ?? { inputs: [], outputs: [] },
      name: options.name ?? null,
      version: options.version ?? null,
      deadlineMs: options.deadlineMs ?? 10_000,
    };
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  get ready(): boolean {
    return this.#ready;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get exited(): Promise<void> {
    return this.#ended.promise;
  }

  async start(): Promise<void> {
    this.#spawn();
    try {
      await this.#firstReady.promise;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pause);
    clearInterval(this.#heartbeat);
    if (this.#child === null) this.#ended.resolve();
    // There is nothing in it to save: a kill is as good as a farewell, and works on a process that hangs.
    else this.#child.kill('SIGKILL');
    await this.#ended.promise;
  }

  #spawn(): void {
    // A checkout runs its sources, a published package compiled code.
    const entry = new URL(import.meta.url.endsWith('.ts') ? './scorer-process.ts' : './scorer-process.js', import.meta.url);
    const child = fork(entry, [], {
      execArgv: [`--max-old-space-size=${this.#options.heapMiB ?? 256}`, '--disable-warning=ExperimentalWarning'],
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => ENVIRONMENT.test(name))),
      // Data belongs to this process's stdout alone: whatever native code prints there goes to stderr.
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    this.#child = child;
    this.#reason = null;
    this.#lastSignAt = performance.now();
    // Failing to start or to send; `exit`, or `close` where nothing was started, follows.
    child.on('error', (error) => {
      this.#reason ??= error.message;
      if (child.pid === undefined) this.#onExit(child, 'not started');
    });
    child.on('message', (message: FromScorer) => this.#onMessage(child, message));
    child.on('exit', (code, signal) => this.#onExit(child, signal ?? `code ${code}`));
    this.#tell({ kind: 'start', options: this.#start, port: this.#port });
    const { deadlineMs } = this.#start;
    this.#heartbeat = setInterval(() => this.#look(), Math.max(10, Math.min(1000, deadlineMs / 2)));
  }

  #look(): void {
    const silentMs = performance.now() - this.#lastSignAt;
    if (silentMs > (this.#ready ? this.#start.deadlineMs : (this.#options.startMs ?? 30_000))) {
      this.#kill(`gave no sign of life for ${Math.round(silentMs)} ms`);
    } else if (this.#ready) {
      this.#tell({ kind: 'ping' });
    }
  }

  #onMessage(child: ChildProcess, message: FromScorer): void {
    if (child !== this.#child) return;
    this.#lastSignAt = performance.now();
    switch (message.kind) {
      case 'ready':
        this.#port = message.port;
        this.#ready = true;
        this.#readyAt = this.#lastSignAt;
        if (this.#served) this.#log(`scorer: serving again on port ${message.port}`);
        this.#served = true;
        this.#firstReady.resolve();
        return;
      case 'failed':
        // A system call's code (EADDRINUSE …) can only be that of the port: the model's file has codes of its own.
        this.#firstReady.reject(new ScorerError(/^E[A-Z]+$/.test(message.code) ? 'scorer-port' : message.code, message.message));
        this.#kill(message.message);
        return;
      case 'pong': {
        const limitMiB = this.#options.residentMiB ?? 2048;
        if (message.rssBytes > limitMiB * MIB) this.#kill(`grew above ${limitMiB} MiB`);
        return;
      }
    }
  }

  #onExit(child: ChildProcess, how: string): void {
    if (child !== this.#child) return;
    const wasReadyMs = this.#ready ? performance.now() - this.#readyAt : 0;
    this.#child = null;
    this.#ready = false;
    clearInterval(this.#heartbeat);
    const reason = this.#reason ?? `ended (${how})`;
    if (!this.#served) {
      const code = this.#reason === null ? 'scorer-died' : 'start-deadline';
      this.#firstReady.reject(
        new ScorerError(code, `scorer: process ${reason} before it was ready; run \`driftline serve\` on the model to see why`),
      );
    }
    if (this.#closed || !this.#served) {
      this.#ended.resolve();
      return;
    }
    this.#restarts++;
    if (wasReadyMs > HEALTHY_AFTER_MS) this.#backoffMs = this.#options.backoffMs ?? 100;
    this.#log(`scorer: process ${reason}; starting it again in ${this.#backoffMs} ms`);
    this.#pause = setTimeout(() => this.#spawn(), this.#backoffMs);
    this.#backoffMs = Math.min(2 * this.#backoffMs, LONGEST_BACKOFF_MS);
  }

  #kill(reason: string): void {
    this.#reason ??= reason;
    this.#child?.kill('SIGKILL');
  }

  #tell(message: ToScorer): void {
    // The channel closes a moment before `exit` is told; the answer to that is the restart, not an error.
    if (this.#child?.connected === true) this.#child.send(message, () => {});
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }
}
