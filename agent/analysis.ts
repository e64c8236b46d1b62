/**
 * The main thread's handle on the analysis thread.
 */
import { EventEmitter } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Policy } from '../contracts/policy.ts';
import type { Feedback } from '../contracts/record.ts';
import { LoopDelay } from '../proxy/loop-delay.ts';
import { hearEnd } from '../proxy/thread-end.ts';
import type { Counts } from './accounting.ts';
import type { AnalysisStart, FromAnalysis, ToAnalysis } from './analysis-messages.ts';

type Body = { kind: 'feedback'; lines: readonly Feedback[] } | { kind: 'policy'; policy: Policy } | { kind: 'collect-garbage' };

/** Of V8's young generation, which by default grows to 48 MB in each thread; records are old or gone soon. */
const YOUNG_MB = 12;

/** Emits `committed` whenever the store holds more, `log` with a line, and `died` with a fault of ours when the thread ended by itself. */
export class AnalysisThread extends EventEmitter<{ committed: []; log: [string]; died: [Error] }> {
  readonly #worker: Worker;
  readonly #loopDelay: LoopDelay;
  readonly #waiting = new Map<number, (error: string | null) => void>();
  #nextToken = 1;
  #closing = false;

  private constructor(worker: Worker, loopDelay: LoopDelay) {
    super();
    this.#worker = worker;
    this.#loopDelay = loopDelay;
  }

  /** Starts the thread and waits until it has opened its state. @throws Error as the thread raised it. */
  static async start(
    what: Omit<AnalysisStart, 'loopDelay'>,
  ): Promise<{ thread: AnalysisThread; setAside: string | null; atStart: Counts }> {
    // A checkout runs its sources, a published package compiled code.
    const entry = new URL(import.meta.url.endsWith('.ts') ? './analysis-thread.ts' : './analysis-thread.js', import.meta.url);
    const loopDelay = new LoopDelay();
    const start: AnalysisStart = { ...what, loopDelay: loopDelay.memory };
    const worker = new Worker(entry, { name: 'analysis', workerData: start, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
    const thread = new AnalysisThread(worker, loopDelay);
    const found = await new Promise<Extract<FromAnalysis, { kind: 'ready' }>>((resolve, reject) => {
      worker.on('message', (message: FromAnalysis) => {
        if (message.kind === 'ready') resolve(message);
        else thread.#hear(message);
      });
      hearEnd(worker, (fault) => {
        reject(fault);
        thread.#end(fault);
      });
    });
    return { thread, setAside: found.setAside, atStart: found.atStart };
  }

  /** How late its event loop runs. */
  get loopDelayMs(): number {
    return this.#loopDelay.ms;
  }

  /** Resolves when the lines are joined and committed. */
  async feedback(lines: readonly Feedback[]): Promise<void> {
    await this.#ask({ kind: 'feedback', lines });
  }

  /** Goes on with another policy. @throws Error when it cannot be used; the old one goes on then. */
  async setPolicy(policy: Policy): Promise<void> {
    await this.#ask({ kind: 'policy', policy });
  }

  /** Stops the thread for some tens of milliseconds. @throws Error when it has ended */
  async collectGarbage(): Promise<void> {
    await this.#ask({ kind: 'collect-garbage' });
  }

  /** Analyses what is in the rings, commits and ends. Safe twice. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.postMessage({ kind: 'close' } satisfies ToAnalysis);
    await ended;
  }

  #ask(body: Body): Promise<void> {
    if (this.#closing) return Promise.reject(new Error('the analysis thread has ended; restart driftline'));
    const token = this.#nextToken++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(token, (error) => (error === null ? resolve() : reject(new Error(error))));
      this.#worker.postMessage({ ...body, token } satisfies ToAnalysis);
    });
  }

  #hear(message: Exclude<FromAnalysis, { kind: 'ready' }>): void {
    if (message.kind === 'committed') this.emit('committed');
    else if (message.kind === 'log') this.emit('log', message.line);
    else {
      this.#waiting.get(message.token)?.(message.error);
      this.#waiting.delete(message.token);
    }
  }

  #end(fault: Error): void {
    for (const settle of this.#waiting.values()) settle('the analysis thread ended');
    this.#waiting.clear();
    if (!this.#closing) this.emit('died', fault);
    this.#closing = true;
  }
}
