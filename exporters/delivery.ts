/**
 * Delivery: carries events from the log to one destination, whatever the destination does.
 *
 * One loop an exporter, one batch in flight. A batch is read after the cursor, sent, and sent again (only what is not
 * settled yet) until every event in it is delivered or dropped with a reason; then the ledger is saved once, cursor and
 * counts together. A crash in between sends the batch again, which is why event ids are deterministic. So
 * `accepted = delivered + dropped + queued` holds at every moment, and after a crash.
 *
 * Nothing here throws: what goes wrong ends in a count, in `status()` and in one rate-limited line.
 * Source of the waiting times: "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015), variant "full jitter".
 */
import type { Clock } from '../contracts/clock.ts';
import type { EventLog, Ledger, LoggedEvent } from '../contracts/event.ts';
import type { Exporter, Verdict } from '../contracts/exporter.ts';
import { type Attempt, attempt, describe } from './attempt.ts';

/** Calls `run` once after `ms` milliseconds; the answer cancels that. */
export type Timer = (ms: number, run: () => void) => () => void;

/** The machine's timer. */
export const systemTimer: Timer = (ms, run) => {
  const timeout = setTimeout(run, ms);
  return () => clearTimeout(timeout);
};

export interface DeliveryOptions {
  readonly exporter: Exporter;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly timer: Timer;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Takes one line for people; at most one a minute. */
  readonly report?: (line: string) => void;
  /** First and longest wait between attempts. */
  readonly baseMs?: number;
  readonly capMs?: number;
  /** An attempt (or an `open`) that takes longer counts as failed. */
  readonly attemptMs?: number;
}

/** Where a delivery stands. `accepted = delivered + dropped + queued`. */
export interface DeliveryStatus {
  readonly name: string;
  /** Whether the newest attempt got through; false before the first. */
  readonly up: boolean;
  /** What went wrong at the newest attempt; null when nothing did. */
  readonly lastError: string | null;
  readonly accepted: number;
  readonly delivered: number;
  readonly dropped: { readonly [reason: string]: number };
  /** Events not settled yet, those in flight included. */
  readonly queued: number;
}

/** Counts of the batch in flight; they reach the ledger only when the whole batch is settled. */
interface Tally {
  delivered: number;
  readonly dropped: Map<string, number>;
}

const REPORT_EVERY_MS = 60_000;
const CLOSE_WITHIN_MS = 5_000;

/** Delivers the events of one log to one exporter, from its construction until `close`. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #exporter: Exporter;
  readonly #log: EventLog;
  readonly #abort = new AbortController();
  #ledger: Ledger;
  /** False while the ledger in memory is ahead of the one that was saved. */
  #saved = true;
  readonly #running: Promise<void>;
  #up = false;
  #lastError: string | null = null;
  #failures = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #flushes = new Set<(done: boolean) => void>();
  /** Ends the present pause; null when the loop is not pausing. */
  #resume: (() => void) | null = null;
  /** Whether new events end the present pause. */
  #pausedFor: 'events' | 'batch' | 'backoff' = 'events';
  #woken = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#exporter = options.exporter;
    this.#log = options.log;
    this.#ledger = options.log.loadLedger(options.exporter.name);
    this.#running = this.#run();
  }

  /** Says that the log has new events. */
  wake(): void {
    this.#woken = true;
    if (this.#pausedFor === 'events' || (this.#pausedFor === 'batch' && this.#queued() >= this.#exporter.batch.events)) this.#resume?.();
  }

  /** Sends what is queued without waiting for more; true when nothing is left, false when `timeoutMs` was too short. */
  flush(timeoutMs: number): Promise<boolean> {
    if (this.#abort.signal.aborted) return Promise.resolve(this.#queued() === 0);
    return new Promise((resolve) => {
      const finish = (done: boolean): void => {
        this.#flushes.delete(finish);
        cancel();
        resolve(done);
      };
      const cancel = this.#options.timer(timeoutMs, () => finish(this.#queued() === 0));
      this.#flushes.add(finish);
      this.#woken = true;
      this.#resume?.();
    });
  }

  /** Ends the loop and closes the exporter; what is not settled stays in the log. Safe twice. */
  async close(): Promise<void> {
    if (!this.#abort.signal.aborted) this.#abort.abort();
    this.#resume?.();
    await this.#running;
    for (const finish of [...this.#flushes]) finish(this.#queued() === 0);
    let cancel = (): void => {};
    const patience = new Promise<void>((resolve) => {
      cancel = this.#options.timer(CLOSE_WITHIN_MS, resolve);
    });
    try {
      await Promise.race([this.#exporter.close(), patience]);
    } catch (error) {
      this.#fail(describe(error));
    } finally {
      cancel();
    }
  }

  status(): DeliveryStatus {
    const { delivered, dropped } = this.#ledger;
    const queued = this.#queued();
    const accepted = delivered + queued + Object.values(dropped).reduce((sum, count) => sum + count, 0);
    return { name: this.#exporter.name, up: this.#up, lastError: this.#lastError, accepted, delivered, dropped, queued };
  }

  async #run(): Promise<void> {
    while (!(await this.#open())) {
      if (this.#abort.signal.aborted) return;
      await this.#backOff();
    }
    while (!this.#abort.signal.aborted) {
      this.#woken = false;
      // Few events wait for company, so that a destination sees batches; a flush does not wait.
      const queued = this.#queued();
      if (queued > 0 && queued < this.#exporter.batch.events && this.#flushes.size === 0)
        await this.#pause('batch', this.#exporter.batch.waitMs);
      if (this.#abort.signal.aborted) return;
      const read = this.#read();
      if (read === null) await this.#backOff();
      else if (read.events.length > 0) await this.#deliver(read.events);
      else if (read.skipped > 0) this.#commit(this.#ledger.cursor + read.skipped, { delivered: 0, dropped: new Map() }, 0);
      else {
        for (const finish of [...this.#flushes]) finish(true);
        if (!this.#woken) await this.#pause('events', null);
      }
    }
  }

  async #open(): Promise<boolean> {
    const outcome = await this.#attempt((signal) => this.#exporter.open(signal).then(() => []));
    if (this.#abort.signal.aborted) return false;
    if (outcome.kind === 'failed') this.#fail(outcome.reason);
    else this.#succeed();
    return outcome.kind === 'answered';
  }

  /** Settles a batch and moves the cursor behind it; leaves the ledger alone when closed before that. */
  async #deliver(events: readonly LoggedEvent[]): Promise<void> {
    const tally: Tally = { delivered: 0, dropped: new Map() };
    if (await this.#settle(events, tally)) this.#commit(events.at(-1)!.seq, tally, events.length);
  }

  /** Sends until each event is delivered or dropped; false when closed first. */
  async #settle(events: readonly LoggedEvent[], tally: Tally): Promise<boolean> {
    let pending = events;
    while (pending.length > 0) {
      const sent = pending.map((logged) => logged.event);
      const outcome = await this.#attempt((signal) => this.#exporter.send(sent, signal));
      if (this.#abort.signal.aborted) return false;
      if (outcome.kind === 'answered') {
        const left = this.#count(pending, outcome.verdicts, tally);
        if (left.events.length < pending.length) this.#failures = 0;
        pending = left.events;
        if (left.reason === null) this.#succeed();
        else this.#fail(left.reason);
        if (pending.length > 0) await this.#backOff();
      } else if (outcome.retryable) {
        this.#fail(outcome.reason);
        await this.#backOff();
      } else if (pending.length === 1) {
        this.#drop(tally, outcome.code, outcome.reason);
        pending = [];
      } else {
        // The destination refuses the batch as a whole: halving finds the event at fault and lets the others through.
        const middle = Math.ceil(pending.length / 2);
        return (await this.#settle(pending.slice(0, middle), tally)) && (await this.#settle(pending.slice(middle), tally));
      }
      if (this.#abort.signal.aborted && pending.length > 0) return false;
    }
    return true;
  }

  /** Books one answer; gives back what must be sent again, and why. A verdict that is missing counts as `retry`. */
  #count(pending: readonly LoggedEvent[], verdicts: readonly Verdict[], tally: Tally): { events: LoggedEvent[]; reason: string | null } {
    const events: LoggedEvent[] = [];
    let reason: string | null = null;
    for (const [index, logged] of pending.entries()) {
      const verdict = verdicts[index];
      if (verdict?.kind === 'delivered') tally.delivered++;
      else if (verdict?.kind === 'refused') this.#drop(tally, verdict.reason, `refused: ${verdict.reason}`);
      else {
        events.push(logged);
        reason ??= verdict?.reason ?? 'no answer for an event';
      }
    }
    return { events, reason };
  }

  #drop(tally: Tally, reason: string, line: string): void {
    tally.dropped.set(reason, (tally.dropped.get(reason) ?? 0) + 1);
    this.#say(`event dropped; ${line}`);
  }

  /**
   * Moves the cursor. Events between the old and the new place that were not in the batch were removed by retention.
   * They are counted from the log's own figures at this moment, so that the identity holds whatever was removed meanwhile.
   */
  #commit(cursor: number, tally: Tally, batch: number): void {
    try {
      const expired = this.#log.queued(this.#ledger.cursor) - this.#log.queued(cursor) - batch;
      const dropped: { [reason: string]: number } = { ...this.#ledger.dropped };
      for (const [reason, count] of tally.dropped) dropped[reason] = (dropped[reason] ?? 0) + count;
      if (expired > 0) {
        dropped.expired = (dropped.expired ?? 0) + expired;
        this.#say(`${expired} events dropped; retention removed them before they were sent`);
      }
      this.#ledger = { cursor, delivered: this.#ledger.delivered + tally.delivered, dropped };
      this.#saved = false;
    } catch (error) {
      this.#fail(`event log not readable: ${describe(error)}`);
    }
    this.#save();
  }

  #save(): void {
    if (this.#saved) return;
    try {
      this.#log.saveLedger(this.#exporter.name, this.#ledger);
      this.#saved = true;
    } catch (error) {
      this.#fail(`ledger not saved: ${describe(error)}`);
    }
  }

  /** Null while the log cannot be read or the ledger not be saved: going on would only add to what a crash sends twice. */
  #read(): ReturnType<EventLog['read']> | null {
    this.#save();
    if (!this.#saved) return null;
    try {
      return this.#log.read(this.#ledger.cursor, this.#exporter.batch.events);
    } catch (error) {
      this.#fail(`event log not readable: ${describe(error)}`);
      return null;
    }
  }

  #queued(): number {
    try {
      return this.#log.queued(this.#ledger.cursor);
    } catch (error) {
      this.#fail(`event log not readable: ${describe(error)}`);
      return 0;
    }
  }

  #attempt(work: (signal: AbortSignal) => Promise<readonly Verdict[]>): Promise<Attempt> {
    const { timer, attemptMs = 30_000 } = this.#options;
    return attempt(work, { timer, attemptMs, closed: this.#abort.signal });
  }

  #succeed(): void {
    if (!this.#up && this.#lastError !== null) this.#options.report?.(`${this.#exporter.name}: reachable again`);
    this.#up = true;
    this.#lastError = null;
    this.#failures = 0;
  }

  #fail(reason: string): void {
    this.#failures++;
    this.#up = false;
    this.#lastError = this.#named(reason);
    this.#say(reason);
  }

  #say(line: string): void {
    const now = this.#options.clock.now();
    if (now - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = now;
    this.#options.report?.(this.#named(line));
  }

  #named(line: string): string {
    return line.startsWith(`${this.#exporter.name}: `) ? line : `${this.#exporter.name}: ${line}`;
  }

  async #backOff(): Promise<void> {
    const { baseMs = 1_000, capMs = 60_000, random } = this.#options;
    const longest = Math.min(capMs, baseMs * 2 ** Math.min(this.#failures - 1, 30));
    await this.#pause('backoff', random() * longest);
  }

  /** Waits for `ms` (null = without end), or until resumed by `wake`, `flush` or `close`. */
  async #pause(pausedFor: 'events' | 'batch' | 'backoff', ms: number | null): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#pausedFor = pausedFor;
    await new Promise<void>((resolve) => {
      const cancel = ms === null ? null : this.#options.timer(ms, resolve);
      this.#resume = () => {
        cancel?.();
        resolve();
      };
    });
    this.#resume = null;
  }
}
