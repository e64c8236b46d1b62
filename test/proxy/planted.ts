/**
 * Faults of our own, planted: a data port in this thread whose ring or counters throw where a test says.
 */
import { Counters } from '../../proxy/counters.ts';
import { DEFAULT_BREAKER, DEFAULT_LIMITS } from '../../proxy/limits.ts';
import { Pressure } from '../../proxy/pressure.ts';
import { createRing, RingWriter } from '../../proxy/ring.ts';
import type { CapturedCall } from '../../proxy/ring-record.ts';
import { EVERYTHING } from '../../proxy/sampling.ts';
import { type Address, DataServer, type ServerOptions } from '../../proxy/server.ts';
import { upstream } from './wire.ts';

/** Fails for each call to a path that begins with `/fault`. */
export class BrokenRing extends RingWriter {
  override write(call: CapturedCall): boolean {
    if (call.captured.path.startsWith('/fault')) throw new Error('planted');
    return super.write(call);
  }
}

/** Counters of which one addition, the n-th after `arm`, throws: a fault at every place that counts, one after the other. */
export class BrokenCounters extends Counters {
  #left = 0;

  arm(n: number): void {
    this.#left = n;
  }

  /** Whether the fault has happened. */
  get spent(): boolean {
    return this.#left === 0;
  }

  override add(...args: Parameters<Counters['add']>): void {
    super.add(...args);
    // Telling of the fault must not be one.
    if (args[0] === 'bugs' || this.#left === 0) return;
    this.#left--;
    if (this.#left === 0) throw new Error('planted');
  }
}

export interface InThread {
  readonly data: DataServer;
  readonly address: Address;
  /** Faults that were told, oldest first. */
  readonly faults: unknown[];
  readonly counters: Counters;
}

/** A data port in front of the port, in this thread, closed at the end of the test. */
export async function inThread(
  t: { teardown(end: () => unknown): void },
  port: number,
  change: Partial<ServerOptions> = {},
): Promise<InThread> {
  const faults: unknown[] = [];
  const counters = change.counters ?? new Counters();
  const data = await DataServer.create({
    mode: 'intervene',
    upstreams: [upstream(port)],
    fallback: null,
    active: 'model',
    maxBodyBytes: 100,
    sampling: EVERYTHING,
    limits: DEFAULT_LIMITS,
    counters,
    ring: new RingWriter(createRing(64 * 1024)),
    pressure: new Pressure(),
    parser: 'driftline',
    retry: 'all',
    certificate: null,
    credentials: {},
    breaker: DEFAULT_BREAKER,
    report: (fault) => faults.push(fault),
    ...change,
  });
  t.teardown(() => data.close());
  return { data, address: await data.listen({ host: '127.0.0.1', port: 0 }), faults, counters };
}
