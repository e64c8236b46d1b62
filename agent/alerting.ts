/**
 * Findings become alerts, alerts become decisions; both go into the batch.
 */
import type { Alert, Decision } from '../contracts/alert.ts';
import { SnapshotError } from '../contracts/errors.ts';
import type { Json } from '../contracts/json.ts';
import type { Policy } from '../contracts/policy.ts';
import { type AlertsState, noAlerts, openAlerts, readAlertsState, withClockSet } from '../policies/alerts-state.ts';
import { evaluate, type Moment } from '../policies/evaluate.ts';
import { decideAndTell } from './decisions.ts';
import type { Batch } from './store/commit.ts';
import type { StoreReader } from './store/read.ts';

/** Remembers alerts and the last decision, to which the next is linked. */
export class Alerting {
  readonly #policy: Policy;
  readonly #reader: StoreReader;
  #alerts: AlertsState;
  #lastDecision: Decision | null;

  /** Continues from what the store holds. */
  constructor(policy: Policy, reader: StoreReader, log: (line: string) => void) {
    this.#policy = policy;
    this.#reader = reader;
    this.#alerts = storedAlerts(reader, log);
    this.#lastDecision = reader.lastDecision();
  }

  /** Alerts that are open and were shown. */
  get open(): readonly Alert[] {
    return openAlerts(this.#alerts);
  }

  /** Without findings a moment lets time and windows pass. @returns whether anything changed */
  evaluate(moment: Moment, batch: Batch): boolean {
    const { state, changes, retriggered } = evaluate(this.#policy, this.#alerts, moment);
    this.#alerts = state;
    if (changes.length === 0 && retriggered.length === 0) return false;
    const told = decideAndTell({
      policy: this.#policy,
      state,
      changes,
      retriggered,
      at: moment.at,
      previous: this.#lastDecision,
      reader: this.#reader,
      batch,
      observedRows: moment.observedRows,
    });
    this.#lastDecision = told.last;
    batch.alerts.push(...changes, ...retriggered);
    batch.decisions.push(...told.decisions);
    batch.events.push(...told.events);
    return true;
  }

  /** The wall clock was set by so much: what lasts goes on lasting as if it had not been. */
  clockSet(byMs: number): void {
    this.#alerts = withClockSet(this.#alerts, byMs);
  }

  snapshot(): Json {
    // Plain data throughout: it was made to survive a JSON round trip.
    return this.#alerts as unknown as Json;
  }
}

/** State never stops a start: what does not fit is said and begun anew. */
function storedAlerts(reader: StoreReader, log: (line: string) => void): AlertsState {
  const stored = reader.state('alerts');
  if (stored === undefined) return noAlerts;
  try {
    return readAlertsState(stored);
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    log(error.message);
    return noAlerts;
  }
}
