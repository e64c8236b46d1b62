/**
 * A log, a clock and destinations that do what a test tells them.
 */
import type { Clock } from '../../contracts/clock.ts';
import type { Event, EventLog, Ledger, LoggedEvent } from '../../contracts/event.ts';
import type { Exporter, Verdict } from '../../contracts/exporter.ts';
import type { Timer } from '../../exporters/delivery.ts';

/** Time that stands still until a test moves it. */
export class VirtualTime implements Clock {
  #now = 1_700_000_000_000;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#now;
  }

  readonly timer: Timer = (ms, run) => {
    const entry = { at: this.#now + ms, run };
    this.#timers.add(entry);
    return () => this.#timers.delete(entry);
  };

  /** Waits of the timers that run now, in milliseconds. */
  get waits(): number[] {
    return [...this.#timers].map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    // One turn of the event loop runs all promise reactions; some of them start others through AbortSignal events.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Moves on by `ms`, running each timer at its moment. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.run();
      await this.settle();
    }
    this.#now = end;
  }
}

/** A log in memory whose places have gaps. The ledger is kept as JSON, as a store would. */
export class MemoryLog implements EventLog {
  readonly #events: (LoggedEvent & { removed: boolean })[] = [];
  readonly #ledgers = new Map<string, string>();
  /** Makes the next `saveLedger` calls fail. */
  failingSaves = 0;

  get appended(): number {
    return this.#events.length;
  }

  append(event: Event): void {
    const last = this.#events.at(-1)?.seq ?? 0;
    this.#events.push({ seq: last + 1 + (this.#events.length % 3 === 2 ? 4 : 0), event, removed: false });
  }

  /** Retention: takes away the events that `which` names. */
  remove(which: (event: Event, index: number) => boolean): void {
    for (const [index, entry] of this.#events.entries()) if (which(entry.event, index)) entry.removed = true;
  }

  read(cursor: number, limit: number): { events: readonly LoggedEvent[]; skipped: number } {
    const after = this.#events.filter(({ seq }) => seq > cursor);
    const events = after.filter(({ removed }) => !removed).slice(0, limit);
    const last = events.length === limit ? events.at(-1)!.seq : Number.POSITIVE_INFINITY;
    return { events, skipped: after.filter(({ seq, removed }) => removed && seq <= last).length };
  }

  queued(cursor: number): number {
    return this.#events.filter(({ seq }) => seq > cursor).length;
  }

  loadLedger(exporter: string): Ledger {
    return JSON.parse(this.#ledgers.get(exporter) ?? '{"cursor":0,"delivered":0,"dropped":{}}');
  }

  saveLedger(exporter: string, ledger: Ledger): void {
    if (this.failingSaves > 0) {
      this.failingSaves--;
      throw new Error('disk full');
    }
    this.#ledgers.set(exporter, JSON.stringify(ledger));
  }
}

/** What a destination does with one call of `send`. */
export type Behaviour = (events: readonly Event[], signal: AbortSignal) => Promise<readonly Verdict[]>;

/** A destination that keeps what it took, by id, and does as told; with nothing told it takes everything. */
export class FakeDestination implements Exporter {
  readonly name = 'fake';
  readonly batch: Exporter['batch'];
  readonly stored = new Map<string, number>();
  readonly calls: string[][] = [];
  readonly script: Behaviour[] = [];
  readonly openings: ((signal: AbortSignal) => Promise<void>)[] = [];
  inFlight = 0;
  mostInFlight = 0;
  closed = 0;

  constructor(batch: Exporter['batch'] = { events: 4, waitMs: 1_000 }) {
    this.batch = batch;
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.openings.shift()?.(signal);
  }

  async send(events: readonly Event[], signal: AbortSignal): Promise<readonly Verdict[]> {
    this.calls.push(events.map((event) => event.id));
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    try {
      return await (this.script.shift() ?? this.take)(events, signal);
    } finally {
      this.inFlight--;
    }
  }

  async close(): Promise<void> {
    this.closed++;
  }

  /** Takes all. */
  readonly take: Behaviour = async (events) => events.map((event) => this.store(event));

  store(event: Event): Verdict {
    this.stored.set(event.id, (this.stored.get(event.id) ?? 0) + 1);
    return { kind: 'delivered' };
  }
}

/** A small event of which only the id matters. */
export function anEvent(id: string): Event {
  return {
    kind: 'feedback',
    id,
    at: 1_700_000_000_000,
    feedback: { id, kind: 'label', value: 1, row: null, at: null, receivedAt: 1_700_000_000_000 },
    fate: 'joined',
    error: false,
  };
}
