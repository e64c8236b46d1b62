/**
 * The life of a call after it was answered: decode, check, learn, watch, join, judge, decide.
 *
 * Everything here runs in the analysis thread, does no I/O but reading the store, and writes into one batch that is committed whole.
 * Nothing of it can slow or fail the caller.
 */
import type { Decision } from '../contracts/alert.ts';
import { SnapshotError } from '../contracts/errors.ts';
import type { Exchange } from '../contracts/exchange.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { Policy } from '../contracts/policy.ts';
import type { Cell, DriftlineRecord, Feedback, FeedbackFate } from '../contracts/record.ts';
import type { AlertsState } from '../policies/evaluate.ts';
import { evaluate, noAlerts, readAlertsState } from '../policies/evaluate.ts';
import { Accounting } from './accounting.ts';
import { type DecodedRecord, Decoder } from './decode.ts';
import { calibrate } from './calibration/calibrate.ts';
import { type Calibrate, Levels } from './calibration/levels.ts';
import { decideAndTell } from './decisions.ts';
import { FeedbackJoin } from './feedback.ts';
import { Monitors } from './monitors.ts';
import { placeOfCall, placeOfFeedback, type Surroundings } from './places.ts';
import { Reference } from './reference.ts';
import type { SketchedColumn } from './reference-sketch.ts';
import { SchemaBlocks } from './schema-blocks.ts';
import { SchemaCheck } from './schema-check.ts';
import { numberOf } from './signals.ts';
import type { Batch } from './store/commit.ts';
import { emptyBatch } from './store/commit.ts';
import type { StoreReader } from './store/read.ts';
import type { ClosedWindow } from './windows.ts';
import { Windows } from './windows.ts';

/** What the analysis is given. */
export interface AnalysisOptions {
  readonly policy: Policy;
  /** Columns of the reference file by signal; empty without one. */
  readonly referenceFile: ReadonlyMap<string, readonly Cell[]>;
  /** Columns of a reference file without rows. */
  readonly referenceSketches?: ReadonlyMap<string, SketchedColumn>;
  readonly reader: StoreReader;
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** Works levels out; by default at once, which takes seconds where the policy has a budget of false alarms. */
  readonly calibrate?: Calibrate;
}

/** Where the rows stand, kept in the store. */
interface Progress {
  readonly observedRows: number;
  readonly windows: number;
  readonly windowFromRow: number;
}

/** The analysis line with all it remembers. One instance a policy; state passes from one to the next through the store. */
export class Analysis {
  readonly #options: AnalysisOptions;
  readonly #decoder: Decoder;
  readonly #check: SchemaCheck;
  readonly #blocks: SchemaBlocks;
  readonly #reference: Reference;
  readonly #join: FeedbackJoin;
  readonly #windows: Windows;
  readonly #levels: Levels;
  readonly #monitors: Monitors;
  readonly #accounting: Accounting;
  #observedRows: number;
  #closedWindows: number;
  #modelVersion: string | null;
  #alerts: AlertsState;
  #lastDecision: Decision | null;
  #batch: Batch = emptyBatch();
  #touched = false;
  /** Calls passed that are no predictions: worth a commit at the next tick, not one each. */
  #passed = false;

  /** Continues from what the store holds. @throws ConfigError when a file that the policy names cannot be used. */
  constructor(options: AnalysisOptions) {
    const { policy, reader, log } = options;
    this.#options = options;
    this.#decoder = new Decoder(policy);
    this.#blocks = new SchemaBlocks(policy, reader.state('schemaBlocks'));
    this.#reference = new Reference(policy, options.referenceFile, reader.state('reference'), options.referenceSketches);
    this.#check = new SchemaCheck(policy, (signal) => this.#reference.known(signal));
    this.#join = new FeedbackJoin(reader, { prediction: policy.model.prediction, ttlMs: policy.feedback.ttlMs });
    this.#accounting = new Accounting(reader.state('accounting'));
    // Written by this class under the same keys; a foreign format was set aside when the store was opened.
    const progress = reader.state('progress') as unknown as Progress | undefined;
    this.#observedRows = progress?.observedRows ?? 0;
    this.#closedWindows = progress?.windows ?? 0;
    this.#modelVersion = (reader.state('modelVersion') as string | null | undefined) ?? null;
    this.#alerts = storedAlerts(reader, log);
    this.#lastDecision = reader.lastDecision();
    this.#windows = new Windows(policy.window.rows, progress?.windowFromRow ?? 0);
    if (!this.#reference.frozen) for (const record of reader.recordsFromRow(0)) this.#reference.learn(record);
    // The open window has no snapshot of its own: it is in the records.
    for (const record of reader.recordsFromRow(this.#windows.fromRow)) this.#windows.add(record);
    const skipped = (signal: string) => this.#accounting.skippedValue(signal);
    this.#levels = new Levels({
      policy,
      stored: reader.state('calibration'),
      calibrate: options.calibrate ?? calibrate,
      changed: () => this.#useLevels(),
      log,
    });
    this.#monitors = new Monitors({ policy, reference: this.#reference, log, skipped, levels: () => this.#levels.current });
    this.#monitors.resolve(storedMonitors(reader));
    this.#askForLevels(null);
  }

  /** One call. A fault of ours costs this record, counted and said; the line goes on. */
  observe(exchange: Exchange): void {
    const { accepted } = this.#accounting;
    try {
      this.#observe(exchange);
    } catch (error) {
      if (this.#accounting.accepted === accepted) this.#accounting.dropped('internal');
      this.#touched = true;
      this.#options.log(`analysis: record ${exchange.id} failed: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }

  #observe(exchange: Exchange): void {
    const decoded = this.#decoder.decode(exchange);
    if (decoded === null) {
      this.#accounting.notAPrediction();
      this.#passed = true;
      return;
    }
    this.observeDecoded(decoded);
  }

  /** One call that needs no decoding: rows of a file, replayed. */
  observeDecoded(decoded: DecodedRecord): void {
    this.#touched = true;
    if (this.#join.knows(decoded.id)) {
      // The caller used the same id twice. The first keeps it: feedback could not tell them apart.
      this.#accounting.dropped('duplicate-id');
      return;
    }
    const violations = this.#check.check(decoded);
    const rowsBefore = this.#observedRows;
    const record: DriftlineRecord = { ...decoded, firstRow: decoded.rows > 0 ? rowsBefore : null, violations };
    this.#observedRows += record.rows;
    // A mistyped path must not make a new version: only what was answered names one.
    if (record.version !== null && record.status >= 200 && record.status < 300) this.#modelVersion = record.version;
    this.#accounting.stored(record);
    this.#batch.records.push(record);
    this.#batch.events.push({ kind: 'inference', id: record.id, at: record.at, record });

    if (this.#reference.learn(record)) {
      this.#batch.state.set('reference', this.#reference.snapshot());
      this.#monitors.resolve(storedMonitors(this.#options.reader));
      this.#askForLevels(null);
    }
    this.#judge(record.at, [
      ...this.#blocks.observe(rowsBefore, record),
      ...this.#monitors.record(record, placeOfCall(record, this.#surroundings())),
    ]);
    for (const window of this.#windows.add(record)) this.#closeWindow(window);
    for (const early of this.#join.add(record)) this.#settleEarly(early);
  }

  /** One line of feedback, as it comes. */
  feedback(feedback: Feedback): FeedbackFate {
    this.#touched = true;
    const { fate, joined } = this.#join.join(feedback);
    if (fate === 'early') this.#batch.early.push(feedback);
    this.#tellFeedback(feedback, fate, joined?.error ?? null);
    if (joined === null) return fate;
    this.#batch.joined.push(joined);
    const place = placeOfFeedback(feedback, this.#surroundings());
    const findings = joined.error === null ? [] : this.#monitors.value('feedback.error', Number(joined.error), place);
    if (feedback.kind === 'reward') findings.push(...this.#monitors.value('feedback.reward', numberOf(feedback.value as Cell), place));
    this.#judge(feedback.receivedAt, findings);
    return fate;
  }

  /** Lets time pass: alerts that wait for it, feedback that waited in vain. */
  tick(): void {
    const now = this.#options.now();
    if (this.#passed) this.#touched = true;
    this.#passed = false;
    this.#evaluate(now, []);
    // Asked of the store, so not again before the last answer is committed.
    if (this.#batch.orphaned.length > 0) return;
    for (const { seq, feedback } of this.#join.orphans(now)) {
      this.#touched = true;
      this.#batch.orphaned.push(seq);
      this.#tellFeedback(feedback, 'orphan', null);
    }
  }

  /**
   * What is to be committed, or null when nothing happened. `committed` must follow once it is.
   *
   * @param leftOut exchanges that never came into the rings since the process began, by reason
   */
  take(leftOut: { readonly [reason: string]: number } = {}): Batch | null {
    if (this.#accounting.leftOut(leftOut)) this.#touched = true;
    if (!this.#touched) return null;
    const { state, monitors } = this.#batch;
    for (const row of this.#monitors.take()) monitors.set(row.key, row);
    const progress: Progress = { observedRows: this.#observedRows, windows: this.#closedWindows, windowFromRow: this.#windows.fromRow };
    // Plain data throughout: it was made to survive a JSON round trip.
    state.set('progress', progress as unknown as Json);
    state.set('alerts', this.#alerts as unknown as Json);
    state.set('accounting', this.#accounting.snapshot());
    state.set('schemaBlocks', this.#blocks.snapshot());
    state.set('modelVersion', this.#modelVersion);
    return this.#batch;
  }

  committed(): void {
    this.#batch = emptyBatch();
    this.#touched = false;
    this.#join.committed();
  }

  #closeWindow(window: ClosedWindow): void {
    this.#closedWindows++;
    const findings = this.#monitors.window(window);
    const { policy } = this.#options;
    this.#batch.windows.push(...findings);
    for (const finding of findings) {
      const id = `${policy.name}:${finding.monitor}:${finding.signal}:${finding.detector}:${window.range.fromRow}`;
      this.#batch.events.push({ kind: 'window', id, at: finding.at, finding, model: policy.model.name, modelVersion: this.#modelVersion });
    }
    this.#evaluate(window.range.toAt, findings);
    const { fromAt, toAt } = window.range;
    if (this.#levels.wantsRate && toAt > fromAt) this.#askForLevels(policy.window.rows / (toAt - fromAt));
  }

  #askForLevels(rowsPerMs: number | null): void {
    if ((this.#options.policy.falseAlarms ?? null) === null) return;
    const { columns, referenceCells: cells, sketched } = this.#monitors;
    this.#levels.ask({ columns, cells, sketched, rowsPerMs });
  }

  #useLevels(): void {
    this.#touched = true;
    this.#batch.state.set('calibration', this.#levels.snapshot());
    this.#monitors.resolve(storedMonitors(this.#options.reader));
  }

  #judge(at: number, findings: readonly Finding[]): void {
    if (findings.length > 0) this.#evaluate(at, findings);
  }

  /** Findings become alerts, alerts become decisions; both go into the batch. Without findings it lets time and windows pass. */
  #evaluate(at: number, findings: readonly Finding[]): void {
    const { policy, reader } = this.#options;
    const moment = { at, observedRows: this.#observedRows, windows: this.#closedWindows, modelVersion: this.#modelVersion, findings };
    const { state, changes, retriggered } = evaluate(policy, this.#alerts, moment);
    this.#alerts = state;
    if (changes.length === 0 && retriggered.length === 0) return;
    this.#touched = true;
    const batch = this.#batch;
    const previous = this.#lastDecision;
    const told = decideAndTell({ policy, state, changes, retriggered, at, previous, reader, batch, observedRows: this.#observedRows });
    this.#lastDecision = told.last;
    batch.alerts.push(...changes, ...retriggered);
    batch.decisions.push(...told.decisions);
    batch.events.push(...told.events);
  }

  #surroundings(): Surroundings {
    return { batch: this.#batch, reader: this.#options.reader, observedRows: this.#observedRows };
  }

  #settleEarly(early: Feedback): void {
    this.#batch.early = this.#batch.early.filter((waiting) => waiting.id !== early.id);
    this.#batch.settledEarly.push(early.id);
    this.feedback(early);
  }

  #tellFeedback(feedback: Feedback, fate: FeedbackFate, error: boolean | null): void {
    this.#accounting.feedback(fate);
    const id = `${feedback.id}:${feedback.row ?? ''}:${feedback.kind}:${feedback.receivedAt}:${fate}`;
    this.#batch.events.push({ kind: 'feedback', id, at: feedback.receivedAt, feedback, fate, error });
  }
}

function storedMonitors(reader: StoreReader) {
  return new Map(reader.monitors().map((row) => [row.key, row]));
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
