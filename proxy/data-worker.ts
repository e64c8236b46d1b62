/**
 * The main side's handle on one data thread: starts it, gives it orders, hears its faults.
 */
import { Worker } from 'node:worker_threads';
import { ConfigError } from '../contracts/errors.ts';
import type { Order, Reply, ThreadData } from './data-thread.ts';
import type { Address } from './server.ts';
import { hearEnd } from './thread-end.ts';

/**
 * Of V8’s young generation, which by default grows to 48 MB in each thread. Little of a call lives longer than the call, so that a collection takes as
 * long however much is let go: half of it would stop the thread twice as often, and calls wait for that.
 */
const YOUNG_MB = 12;

/** Nobody carries a context from callback to callback here, and doing so costs each of them. */
const EXEC_ARGV = ['--no-async-context-frame'];

/** What an order came to. */
type Done = Reply & { readonly kind: 'done' };
/** An order without its number. */
type What = Order extends infer One ? (One extends Order ? Omit<One, 'number'> : never) : never;

/** Our own suffix: TypeScript in the repository, JavaScript in the published package. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './data-thread.ts' : './data-thread.js', import.meta.url);

const LISTEN_PROBLEMS: { readonly [code: string]: readonly [code: string, text: string] } = {
  EADDRINUSE: ['port-in-use', 'is in use; stop what holds it or choose another address with --listen'],
  EACCES: ['port-denied', 'may not be opened by this user; choose a port above 1024 with --listen'],
  EADDRNOTAVAIL: ['no-such-address', 'is no address of this machine; choose another with --listen'],
};

/** Why an address cannot be had, in words with a remedy. @param code the system's */
export function cannotListen({ host, port }: Address, code: string, message: string): ConfigError {
  const [name, text] = LISTEN_PROBLEMS[code] ?? ['cannot-listen', `cannot be opened: ${message}`];
  return new ConfigError(name, `proxy: ${host}:${port} ${text}`);
}

/** One data thread. */
export class DataWorker {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { done: (reply: Done) => void; failed: (error: Error) => void }>();
  readonly #exited: Promise<void>;
  #lastNumber = 0;
  #ended = false;
  #closing = false;

  private constructor(name: string, data: ThreadData) {
    this.#worker = new Worker(THREAD, {
      name,
      workerData: data,
      execArgv: EXEC_ARGV,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
  }

  /**
   * Starts a thread and waits until it listens. @param onFault hears of faults kept inside a connection @param onDeath of its end, unless it was asked for
   *
   * @throws ConfigError when the address cannot be had (`port-in-use` …).
   */
  static async start(
    name: string,
    data: ThreadData,
    onFault: (fault: Error) => void,
    onDeath: (thread: string, fault: Error) => void,
  ): Promise<{ worker: DataWorker; address: Address }> {
    const one = new DataWorker(name, data);
    const address = await new Promise<Address>((resolve, reject) => {
      let started = false;
      one.#worker.on('message', (reply: Reply) => {
        if (reply.kind === 'listening') {
          started = true;
          resolve(reply.address);
        } else if (reply.kind === 'refused') {
          reject(cannotListen(data.listen, reply.code, reply.message));
        } else if (reply.kind === 'fault') onFault(new Error(`proxy: a fault was kept inside its connection: ${reply.text}`));
        else one.#settle(reply);
      });
      hearEnd(one.#worker, (fault) => {
        reject(fault);
        if (started && !one.#closing && !one.#ended) onDeath(name, fault);
        one.#end();
      });
    });
    return { worker: one, address };
  }

  /** Whether it has ended, by order or by itself. */
  get ended(): boolean {
    return this.#ended;
  }

  /** @throws Error when the order fails, or the thread has ended. */
  order(what: What): Promise<Done> {
    return new Promise((done, failed) => {
      if (this.#ended) return failed(new Error('proxy: the data thread has ended'));
      this.#lastNumber++;
      this.#waiting.set(this.#lastNumber, { done, failed });
      this.#worker.postMessage({ ...what, number: this.#lastNumber });
    });
  }

  /** Breaks everything off. A thread that ended by itself has closed everything already. */
  async close(): Promise<void> {
    this.#closing = true;
    if (!this.#ended) await this.order({ kind: 'close' }).catch(() => {});
    await this.#exited;
  }

  #settle(reply: Reply & { readonly number: number }): void {
    const waiting = this.#waiting.get(reply.number);
    this.#waiting.delete(reply.number);
    if (reply.kind === 'done') waiting?.done(reply);
    else if (reply.kind === 'failed') waiting?.failed(new Error(reply.message));
  }

  #end(): void {
    this.#ended = true;
    for (const { failed } of this.#waiting.values()) failed(new Error('proxy: the data thread has ended'));
    this.#waiting.clear();
  }
}
