/**
 * Carries out what was decided, from a durable outbox: at least once, in the end or until given up, across restarts.
 *
 * One decision at a time for each action, several actions at once, so that a dead receiver delays no other. An outcome is saved before
 * the next attempt; a crash between acting and saving repeats the act with the same id. Nothing is thrown out of here.
 */
import type { ActionDefinition, ActionTools } from '../contracts/action.ts';
import type { Decision } from '../contracts/alert.ts';
import type { Clock } from '../contracts/clock.ts';
import type { ActionPolicy, Policy } from '../contracts/policy.ts';
import { actionOf } from './catalogue.ts';
import { plain } from './figures.ts';

/** Where decisions wait; the store implements it. */
export interface Outbox {
  /** Queued decisions whose next attempt is due, oldest first. */
  due(now: number): readonly Decision[];
  /** When the next attempt of any queued decision is due, or null. */
  nextAt(): number | null;
  /** Replaces the decision of the same id. */
  save(decision: Decision): void;
}

export interface DispatcherParts {
  readonly outbox: Outbox;
  /** The policy of the moment; it may change between attempts. */
  readonly policy: () => Policy;
  readonly tools: Omit<ActionTools, 'now' | 'signal'>;
  readonly clock: Clock;
  /** Uniform in [0, 1); spreads retries. */
  readonly random: () => number;
  /** Runs a function once after a while; returns how to call it off. */
  readonly setTimer: (run: () => void, afterMs: number) => () => void;
  /** Hears of each outcome after it was saved. */
  readonly onOutcome?: (decision: Decision) => void;
  /** Hears of what went wrong in the outbox itself. */
  readonly onTrouble?: (message: string) => void;
  /** The code of an action; the catalogue's when not given. */
  readonly actionOf?: (type: ActionPolicy['type']) => ActionDefinition;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Waits between attempts: the schedule that Standard Webhooks suggests, ten attempts in about three days. */
export const RETRY_SCHEDULE_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** Share of a wait by which chance lengthens or shortens it. */
const JITTER = 0.2;
const LONGEST_TIMER_MS = HOUR_MS;

/** Runs in the main thread; `wake` it whenever a decision was queued, and once at the start. */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #stop = new AbortController();
  /** Attempts under way, by action. */
  readonly #running = new Map<string, Promise<void>>();
  /** Outcomes that could not be saved yet, by id: their decisions must not run again meanwhile. */
  readonly #unsaved = new Map<string, Decision>();
  /** Actions whose receiver is gone for good, until the policy changes: action name to policy hash. */
  readonly #disabled = new Map<string, string>();
  #cancelTimer: (() => void) | null = null;
  #idle: (() => void)[] = [];

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** Starts whatever is due and sets the timer for what is not. */
  wake(): void {
    if (this.#stop.signal.aborted) return;
    for (const decision of [...this.#unsaved.values()]) this.#save(decision);
    for (const decision of this.#due()) {
      if (this.#running.has(decision.action) || this.#unsaved.has(decision.id)) continue;
      this.#start(decision);
    }
    this.#setTimer();
    if (this.#running.size === 0) for (const tell of this.#idle.splice(0)) tell();
  }

  /** Waits until nothing that is due is left undone, or the time is over. Later retries stay queued. */
  async flush(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    const cancel = this.#parts.setTimer(resolve, timeoutMs);
    this.wake();
    if (this.#stop.signal.aborted) resolve();
    await promise;
    cancel();
  }

  /** Breaks off attempts under way (they stay queued) and waits for their end. Safe twice. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    await Promise.all(this.#running.values());
    for (const tell of this.#idle.splice(0)) tell();
  }

  #due(): readonly Decision[] {
    try {
      return this.#parts.outbox.due(this.#parts.clock.now());
    } catch (error) {
      this.#trouble('cannot be read', error);
      return [];
    }
  }

  #start(decision: Decision): void {
    // An action answers for its own failures; what escapes it is a bug, and trying again would only repeat it.
    const unexpected = (error: unknown): Decision =>
      this.#failed(decision, plain(`unexpected: ${error instanceof Error ? error.message : 'unknown'}`), 1);
    const attempt = this.#attempt(decision)
      .catch(unexpected)
      .then((outcome) => {
        if (outcome !== null) this.#save(outcome);
        this.#running.delete(decision.action);
        // The action is free again: its next decision may be due.
        this.wake();
      });
    this.#running.set(decision.action, attempt);
  }

  /** One attempt; null when it was broken off by `close` and counts for nothing. */
  async #attempt(decision: Decision): Promise<Decision | null> {
    const { clock, tools } = this.#parts;
    const policy = this.#parts.policy();
    const action = policy.actions.find((candidate) => candidate.name === decision.action);
    if (action === undefined || action.type !== decision.type) return this.#failed(decision, 'the action is no longer in the policy', 0);
    if (this.#disabled.get(action.name) === policy.hash) return this.#failed(decision, 'disabled: the receiver answered 410 before', 0);
    const code = (this.#parts.actionOf ?? actionOf)(action.type);
    const result = await code.perform(action, decision, { ...tools, now: () => clock.now(), signal: this.#stop.signal });
    if (result.kind !== 'done' && this.#stop.signal.aborted) return null;
    if (result.kind === 'failed') {
      if (result.disable === true) this.#disabled.set(action.name, policy.hash);
      return this.#failed(decision, result.reason, 1);
    }
    if (result.kind === 'retry') return this.#requeued(decision, result.reason, result.afterMs);
    const { attempts } = decision;
    return {
      ...decision,
      state: 'done',
      reason: null,
      result: result.result,
      attempts: attempts + 1,
      nextAttemptAt: null,
      finishedAt: clock.now(),
    };
  }

  #failed(decision: Decision, reason: string, more: 0 | 1): Decision {
    const attempts = decision.attempts + more;
    return { ...decision, state: 'failed', reason, attempts, nextAttemptAt: null, finishedAt: this.#parts.clock.now() };
  }

  #requeued(decision: Decision, reason: string, afterMs: number | null): Decision {
    const attempts = decision.attempts + 1;
    const scheduled = RETRY_SCHEDULE_MS[attempts - 1];
    if (scheduled === undefined) return this.#failed(decision, `given up after ${attempts} attempts: ${reason}`, 1);
    const waitMs = afterMs ?? scheduled * (1 + JITTER * (2 * this.#parts.random() - 1));
    return { ...decision, reason, attempts, nextAttemptAt: this.#parts.clock.now() + Math.round(waitMs) };
  }

  #save(decision: Decision): void {
    try {
      this.#parts.outbox.save(decision);
      this.#unsaved.delete(decision.id);
    } catch (error) {
      this.#unsaved.set(decision.id, decision);
      this.#trouble('cannot be written', error);
      return;
    }
    try {
      this.#parts.onOutcome?.(decision);
    } catch (error) {
      this.#trouble('has a listener that fails', error);
    }
  }

  #setTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const waitMs = this.#untilNext();
    if (waitMs !== null) this.#cancelTimer = this.#parts.setTimer(() => this.wake(), waitMs);
  }

  #untilNext(): number | null {
    // A second's pause where something due has to wait for an action that is busy, or for a disk: its end wakes us sooner.
    if (this.#unsaved.size > 0) return SECOND_MS;
    try {
      const nextAt = this.#parts.outbox.nextAt();
      if (nextAt === null) return null;
      return Math.min(LONGEST_TIMER_MS, Math.max(this.#running.size > 0 ? SECOND_MS : 0, nextAt - this.#parts.clock.now()));
    } catch (error) {
      this.#trouble('cannot be read', error);
      return SECOND_MS;
    }
  }

  #trouble(what: string, error: unknown): void {
    this.#parts.onTrouble?.(`outbox: ${what} (${error instanceof Error ? plain(error.message) : 'unknown'})`);
  }
}
