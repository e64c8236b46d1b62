/**
 * The life of a call after it was answered: decode, check, learn, watch, join, judge, decide.
 *
 * Everything here runs in the analysis thread, does no I/O but reading the store, and writes into one batch that is committed whole.
 * Nothing of it can slow or fail the caller.
 */
import type { Alert } from '../contracts/alert.ts';
import type { Exchange } from '../contracts/exchange.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { Policy } from '../contracts/policy.ts';
import type { Cell, DriftlineRecord, Feedback, FeedbackFate } from '../contracts/record.ts';
import { Accounting } from './accounting.ts';
import { Alerting } from './alerting.ts';
import { type DecodedRecord, Decoder } from './decode.ts';
import { calibrate } from './calibration/calibrate.ts';
import { type Calibrate, Levels } from './calibration/levels.ts';
import { type EndedWindow, type Epoch, Epochs, versionOf } from './epochs.ts';
import { EventClock } from './event-clock.ts';
import { FeedbackJoin } from './feedback.ts';
import { HeldRecords } from './held-records.ts';
import { isFeedbackWatched, keepingOf } from './keeping.ts';
import { placeOfCall, placeOfFeedback, type Surroundings } from './places.ts';
import { type ReferenceFiles, References, remarksOnFiles, shownFiles } from './reference.ts';
import { SchemaBlocks } from './schema-blocks.ts';
import { SchemaCheck } from './schema-check.ts';
import type { Version } from './served-versions.ts';
import { numberOf } from './signals.ts';
import type { Batch } from './store/commit.ts';
import { emptyBatch } from './store/commit.ts';
import type { StoreReader } from './store/read.ts';
import { seldom } from './seldom.ts';
import { RecordTexts, unwritten } from './store/stored-record.ts';
import type { Place } from './streaming-monitor.ts';
import { feedbackEvent, windowEvent } from './told-events.ts';
import { WindowJudge } from './window-judge.ts';
import { cellsBySignal, timeOf } from './windows.ts';

/** What the analysis is given. */
export interface AnalysisOptions {
  readonly policy: Policy;
  readonly referenceFiles: ReferenceFiles;
  readonly reader: StoreReader;
  readonly now: () => number;
  /** A clock that is never set, in milliseconds; without it, that of `now` is taken to be one. */
  readonly monotonic?: () => number;
  readonly log: (line: string) => void;
  /** Works levels out; by default at once, which takes seconds where the policy has a budget of false alarms. */
  readonly calibrate?: Calibrate;
  /** Whether its batches are written; absent = they are. */
  readonly isWritten?: boolean;
}

/** A record while it gets what decoding does not know. */
type Growing = DecodedRecord & {
  -readonly [Field in 'firstRow' | 'violations' | 'samplingProbability' | 'keptFor']: DriftlineRecord[Field];
} & { countedFor?: Version };

/** Where the rows stand, kept in the store. */
interface Progress {
  readonly observedRows: number;
  readonly windows: number;
  readonly epochs: Json;
}

/** Windows end so long after their time, so that calls which ended within it have come through. */
const SETTLING_MS = 2_000;

/** The analysis line with all it remembers. One instance a policy; state passes from one to the next through the store. */
export class Analysis {
  readonly #options: AnalysisOptions;
  readonly #decoder: Decoder;
  readonly #check: SchemaCheck;
  readonly #blocks: SchemaBlocks;
  readonly #references: References;
  readonly #join: FeedbackJoin;
  readonly #levels: Levels;
  readonly #epochs: Epochs;
  readonly #judge: WindowJudge;
  readonly #alerting: Alerting;
  readonly #clock: EventClock;
  /** Whether it matters when a record came, and not only after which. */
  readonly #isTimed: boolean;
  readonly #accounting: Accounting;
  readonly #held: HeldRecords;
  readonly #tellFault: (line: string) => void;
  #observedRows: number;
  #closedWindows: number;
  #batch: Batch = emptyBatch();
  readonly #texts = new RecordTexts();
  #touched = false;
  /** Calls passed that are no predictions: worth a commit at the next tick, not one each. */
  #passed = false;

  /** Continues from what the store holds. @throws ConfigError when a file that the policy names cannot be used. */
  constructor(options: AnalysisOptions) {
    const { policy, reader, log } = options;
    this.#options = options;
    this.#tellFault = seldom(log, options.monotonic ?? options.now);
    this.#decoder = new Decoder(policy);
    this.#blocks = new SchemaBlocks(policy, reader.state('schemaBlocks'));
    this.#references = new References(policy, options.referenceFiles, reader.state('reference'));
    for (const remark of remarksOnFiles(policy, options.referenceFiles)) log(remark);
    const { common } = this.#references;
    this.#check = new SchemaCheck(policy, (signal) => (this.#epochs.currentEpoch?.reference ?? common).known(signal));
    const { prediction } = policy.model;
    this.#join = new FeedbackJoin(reader, {
      prediction,
      ttlMs: policy.feedback.ttlMs,
      sampling: policy.traffic.sampling,
      now: options.now,
    });
    this.#accounting = new Accounting(reader.state('accounting'));
    this.#held = new HeldRecords({ policy, reader, accounting: this.#accounting, now: options.now });
    // Written by this class under the same keys; a foreign format was set aside when the store was opened.
    const progress = reader.state('progress') as unknown as Progress | undefined;
    this.#observedRows = progress?.observedRows ?? 0;
    this.#closedWindows = progress?.windows ?? 0;
    this.#alerting = new Alerting(policy, reader, log);
    const { window, seasonality = null } = policy;
    this.#isTimed = (window.spanMs ?? window.maxAgeMs ?? seasonality) !== null;
    this.#judge = new WindowJudge(policy, (key) => reader.state(key));
    this.#clock = new EventClock(options.now, options.monotonic ?? null);
    this.#levels = new Levels({
      policy,
      stored: reader.state('calibration'),
      storedRate: reader.state('trafficRate'),
      calibrate: options.calibrate ?? calibrate,
      changed: () => this.#useLevels(),
      log,
    });
    // The open windows have no rows of their own in the store: they are in the records.
    this.#epochs = new Epochs(
      {
        policy,
        references: this.#references,
        nextRow: this.#observedRows,
        reader,
        log,
        count: (what) => this.#accounting.irregular(what),
        skipped: (signal) => this.#accounting.skippedValue(signal),
        levels: () => this.#levels.current,
      },
      progress?.epochs,
    );
    const files = shownFiles(policy, options.referenceFiles) as unknown as Json;
    this.#touched = JSON.stringify(files) !== JSON.stringify(reader.state('referenceFiles') ?? []);
    if (this.#touched) this.#batch.state.set('referenceFiles', files);
    this.#askForLevels(this.#epochs.currentEpoch ?? null);
  }

  /** One call. A fault of ours costs this record, counted and said; the line goes on. */
  observe(exchange: Exchange): void {
    const { accepted } = this.#accounting;
    try {
      this.#observe(exchange);
    } catch (error) {
      if (this.#accounting.accepted === accepted) this.#accounting.dropped('internal');
      this.#touched = true;
      this.#tellFault(`analysis: record ${exchange.id} failed: ${error instanceof Error ? error.stack : String(error)}`);
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

  /** One call that needs no decoding: rows of a file, replayed. What is given becomes the record. */
  observeDecoded(decoded: DecodedRecord): void {
    this.#touched = true;
    this.#heedClock();
    if (this.#join.knows(decoded.id)) {
      // The caller used the same id twice. The first keeps it: feedback could not tell them apart.
      this.#accounting.dropped('duplicate-id');
      return;
    }
    const violations = this.#check.check(decoded);
    const rowsBefore = this.#observedRows;
    const { epoch, ended } = this.#epochs.see(decoded, rowsBefore);
    // It is nobody else's, and copying twenty fields for four more is dear.
    const record = decoded as Growing;
    record.firstRow = decoded.rows > 0 ? rowsBefore : null;
    record.violations = violations;
    const { samplingProbability, keptFor } = keepingOf(record, this.#options.policy.traffic.sampling);
    record.samplingProbability = samplingProbability;
    record.keptFor = keptFor;
    if (epoch.version !== record.version) record.countedFor = epoch.version;
    const signals = cellsBySignal(record);
    this.#observedRows += record.rows;
    this.#accounting.recorded(record);
    const stored = (this.#options.isWritten ?? true) ? this.#texts.store(record) : unwritten(record);
    this.#batch.records.push(stored);

    if (this.#references.learn(epoch.version, record, signals)) {
      this.#batch.state.set('reference', this.#references.snapshot());
      this.#epochs.resolve();
      this.#askForLevels(epoch);
    }
    // Alerts of a version that ended are settled by the passing of time, which findings bring as well.
    if (ended.length > 0) this.#evaluate(record.at, []);
    this.#found(record.at, this.#blocks.observe(rowsBefore, record), this.#epochs.current);
    this.#found(record.at, this.#epochs.stream(epoch, record, signals, placeOfCall(record, this.#surroundings())), epoch.version);
    for (const ended of this.#epochs.fill(epoch, record, signals, this.#timeOf(record))) this.#closeWindow(ended);
    const now = this.#options.now();
    this.#judgeTraffic(now, this.#epochs.data.came(record, now));
    for (const early of this.#join.add(stored)) this.#settleEarly(early);
  }

  /** One line of feedback, as it comes. */
  feedback(feedback: Feedback): FeedbackFate {
    this.#touched = true;
    const { fate, joined, record } = this.#join.join(feedback);
    if (fate === 'early') this.#batch.early.push(feedback);
    if (record !== null) this.#held.keep(record, this.#batch);
    this.#tellFeedback(feedback, fate, joined?.error ?? null);
    if (joined === null || record === null) return fate;
    this.#batch.joined.push(joined);
    if (!isFeedbackWatched(record, this.#options.policy.traffic.sampling)) return fate;
    const place = placeOfFeedback(feedback, this.#surroundings());
    const observe = (signal: string, value: number | null) => this.#observeFeedback(record, joined.row, signal, value, place);
    if (joined.error !== null) observe('feedback.error', Number(joined.error));
    if (feedback.kind === 'reward') observe('feedback.reward', numberOf(feedback.value as Cell));
    return fate;
  }

  /** Labels of a version that no longer answers say nothing of the one that does. */
  #observeFeedback(record: DriftlineRecord, row: number, signal: string, value: number | null, place: Place): void {
    const version = versionOf(record);
    const epoch = this.#epochs.get(version);
    if (epoch === undefined) this.#accounting.skippedValue(signal);
    else this.#found(place.at, epoch.monitors.feedback(signal, value, place, record, row), version);
  }

  /** Alerts that are open and were shown, each with its newest finding. */
  get openAlerts(): readonly Alert[] {
    return this.#alerting.open;
  }

  /** Lets time pass: alerts that wait for it, feedback that waited in vain. */
  tick(): void {
    this.#heedClock();
    const now = this.#options.now();
    this.#held.tick();
    for (const ended of this.#isTimed ? this.#epochs.advance(now - SETTLING_MS) : []) this.#closeWindow(ended);
    if (this.#passed) this.#touched = true;
    this.#passed = false;
    const findings = this.#epochs.data.tick(now);
    this.#judgeTraffic(now, findings);
    if (findings.length === 0) this.#evaluate(now, []);
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
   * @param leftOut exchanges that never came into a ring, over the state's whole life, by reason
   */
  take(leftOut: { readonly [reason: string]: number } = {}): Batch | null {
    if (this.#accounting.leftOut(leftOut)) this.#touched = true;
    if (this.#held.letGo(this.#batch, () => this.#epochs.neededFromRow)) this.#touched = true;
    if (!this.#touched) return null;
    const { state, monitors, endedMonitors } = this.#batch;
    const { rows, ended } = this.#epochs.take();
    for (const row of rows) monitors.set(row.key, row);
    endedMonitors.push(...ended);
    const progress: Progress = { observedRows: this.#observedRows, windows: this.#closedWindows, epochs: this.#epochs.snapshot() };
    // Plain data throughout: it was made to survive a JSON round trip.
    state.set('progress', progress as unknown as Json);
    state.set('alerts', this.#alerting.snapshot());
    state.set('accounting', this.#accounting.snapshot());
    state.set('schemaBlocks', this.#blocks.snapshot());
    state.set('modelVersion', this.#epochs.current);
    return this.#batch;
  }

  committed(): void {
    this.#batch = emptyBatch();
    this.#texts.clear();
    this.#touched = false;
    this.#join.committed();
    this.#judge.committed();
  }

  #closeWindow(ended: EndedWindow): void {
    this.#touched = true;
    this.#closedWindows++;
    const { epoch, window } = ended;
    const { version } = epoch;
    const findings = this.#judge.judge(ended);
    for (const [key, value] of this.#judge.remember(ended, findings, this.#alerting.open)) this.#batch.state.set(key, value);
    this.#tellJudgements(findings, String(window.range.toRow), version);
    this.#batch.state.set('slices', epoch.monitors.sliced);
    this.#evaluate(window.range.toAt, findings, version);
    // Other versions answer the fewer calls, and their windows come beside these.
    if (version !== this.#epochs.current) return;
    if (this.#levels.measure(window)) this.#askForLevels(epoch);
    const { rate } = this.#levels;
    if (rate !== null) this.#batch.state.set('trafficRate', rate);
  }

  /** Judgements of the clock and not of rows. */
  #judgeTraffic(at: number, findings: readonly Finding[]): void {
    if (findings.length === 0) return;
    this.#touched = true;
    this.#tellJudgements(findings, `at ${at}`, this.#epochs.current);
    this.#evaluate(at, findings);
  }

  /** @param place what tells this judgement of a signal from the ones before; the same when it is made again after a crash */
  #tellJudgements(findings: readonly Finding[], place: string, version: Version): void {
    const { policy } = this.#options;
    this.#batch.windows.push(...findings);
    for (const finding of findings) this.#batch.events.push(windowEvent(finding, policy, place, version));
  }

  /** @param epoch whose reference the levels come from; null before the first call, when there may be a file */
  #askForLevels(epoch: Epoch | null): void {
    if ((this.#options.policy.falseAlarms ?? null) === null) return;
    this.#levels.ask((epoch?.monitors ?? this.#epochs.data).task);
  }

  #useLevels(): void {
    this.#touched = true;
    this.#batch.state.set('calibration', this.#levels.snapshot());
    this.#epochs.resolve();
  }

  #timeOf(record: DriftlineRecord): number {
    if (!this.#isTimed) return timeOf(record);
    const { time, clamped } = this.#clock.timeOf(record);
    if (clamped) this.#accounting.irregular('time-clamped');
    return time;
  }

  /** What lasts is measured by a clock that is never set: no alert fires or ends because the wall clock was. */
  #heedClock(): void {
    const step = this.#clock.step();
    if (step === 0) return;
    this.#touched = true;
    this.#accounting.irregular('clock-set');
    this.#options.log(`analysis: the clock was set by ${step} ms; alerts count on as if it had not been`);
    this.#alerting.clockSet(step);
  }

  #found(at: number, findings: readonly Finding[], version: Version): void {
    if (findings.length > 0) this.#evaluate(at, findings, version);
  }

  /** Without findings it lets time and windows pass. */
  #evaluate(foundAt: number, findings: readonly Finding[], modelVersion: Version = this.#epochs.current): void {
    const at = this.#clock.notAhead(foundAt);
    const { live } = this.#epochs;
    const moment = {
      at,
      observedRows: this.#observedRows,
      windows: this.#closedWindows,
      modelVersion,
      // Before the first call nothing is known to have ended.
      ...(live.length === 0 ? {} : { live }),
      findings,
    };
    if (this.#alerting.evaluate(moment, this.#batch)) this.#touched = true;
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
    this.#batch.events.push(feedbackEvent(feedback, fate, error));
  }
}
