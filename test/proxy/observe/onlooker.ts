/**
 * The reading along by itself, on this thread: bytes in, exchanges out, no sockets.
 */
import type { Exchange } from '../../../contracts/exchange.ts';
import type { Protocol } from '../../../proxy/arrival.ts';
import { Counters } from '../../../proxy/counters.ts';
import type { DataPath } from '../../../proxy/data-path.ts';
import { Deadlines } from '../../../proxy/deadlines.ts';
import { prepareAnswer, prepareRequest } from '../../../proxy/forward.ts';
import { parseAnswerHead, parseRequestHead } from '../../../proxy/framing.ts';
import { Held } from '../../../proxy/held.ts';
import { DEFAULT_LIMITS } from '../../../proxy/limits.ts';
import { Memo } from '../../../proxy/memo.ts';
import { EVERYTHING } from '../../../proxy/sampling.ts';
import { Observation } from '../../../proxy/observe/tap.ts';
import { Refusals } from '../../../proxy/refusals.ts';
import { Pressure } from '../../../proxy/pressure.ts';
import { Recorder } from '../../../proxy/recorder.ts';
import { createRing, RingReader, RingWriter } from '../../../proxy/ring.ts';
import { Traffic, transportsOf } from '../../../proxy/traffic.ts';
import { owned, upstream } from '../wire.ts';

const makeTransport = await transportsOf('driftline');

export class Onlooker {
  readonly observation: Observation;
  /** Faults of our own; a test that leaves one here has found one. */
  readonly faults: unknown[] = [];
  readonly #counters = new Counters();
  readonly #reader: RingReader;

  constructor(protocol: Protocol, maxBodyBytes = 64 * 1024) {
    const ring = createRing(64 * 1024);
    this.#reader = new RingReader(ring);
    const deadlines = new Deadlines();
    const report = (fault: unknown) => void this.faults.push(fault);
    const answers = new Memo((text: string) => {
      const head = parseAnswerHead(text);
      return head.kind === 'refused' ? head : prepareAnswer(head);
    });
    const options = {
      mode: 'observe' as const,
      upstreams: [upstream(1)],
      fallback: null,
      maxBodyBytes,
      limits: DEFAULT_LIMITS,
      sampling: EVERYTHING,
      parser: 'driftline' as const,
      retry: 'all' as const,
      breaker: null,
      certificate: null,
      credentials: {},
    };
    const held = new Held(DEFAULT_LIMITS.maxHeldBytes, this.#counters, report);
    const traffic = new Traffic(options, 'model', { deadlines, answers, held, report }, makeTransport);
    const pressure = new Pressure();
    const path: DataPath = {
      held,
      refusals: new Refusals(),
      streams: 0,
      traffic,
      limits: DEFAULT_LIMITS,
      deadlines,
      counters: this.#counters,
      recorder: new Recorder(new RingWriter(ring), this.#counters, pressure, traffic),
      pressure,
      requests: new Memo((text) => {
        const head = parseRequestHead(text);
        return head.kind === 'refused' ? head : prepareRequest(head);
      }),
      answers,
      keepAlive: true,
      draining: false,
      report,
    };
    this.observation = new Observation(path, protocol);
  }

  client(bytes: string | Uint8Array): this {
    this.observation.fromClient(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes));
    return this;
  }

  server(bytes: string | Uint8Array): this {
    this.observation.fromServer(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes));
    return this;
  }

  /** Everything recorded since the last time. */
  exchanges(): Exchange[] {
    const all: Exchange[] = [];
    for (let one = this.#reader.read(); one !== null; one = this.#reader.read()) all.push(owned(one));
    return all;
  }

  counters() {
    return this.#counters.read();
  }

  /** Why it stopped, or null. */
  get unobserved(): string | null {
    return Object.entries(this.counters().unobservedBy).find(([, count]) => count > 0)?.[0] ?? null;
  }
}

/** The bytes in pieces that end where `ends` say, given as shares in [0, 1). */
export function cut(bytes: Buffer, ends: readonly number[]): Buffer[] {
  const places = [...new Set([0, ...ends.map((share) => Math.floor(share * bytes.length)), bytes.length])].toSorted((a, b) => a - b);
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}
