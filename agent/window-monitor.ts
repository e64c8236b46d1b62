/**
 * Judges a full window: one test a watched signal against its reference, corrected over the window, held against the policy's floor.
 */
import type { TestResult, Value, WindowedTest } from '../contracts/detector.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import { withDefaults } from '../contracts/options.ts';
import type { MonitorPolicy, Policy } from '../contracts/policy.ts';
import type { Cell } from '../contracts/record.ts';
import { calibratedP } from '../detectors/null-law.ts';
import { correct } from './correction.ts';
import type { Calibration, MonitorLevel } from './calibration/calibration.ts';
import { lawKey, windowedLevel } from './calibration/levels.ts';
import type { CellsOf } from './quality-signals.ts';
import type { Comparison } from './reference.ts';
import type { Sliced } from './slices.ts';
import type { MonitorRow } from './store/commit.ts';
import { keyOf } from './streaming-monitor.ts';
import type { WindowedWatch } from './watch-list.ts';
import { cellsOf, signalsOf, type WatchedCell, valuesOf } from './watched-cells.ts';
import { cellsAt, type ComparedSignals, type WatchedSignals } from './watched-signals.ts';
import { openWords, percent, type Summary, summarise, summariseSketch } from './window-words.ts';
import type { ClosedWindow } from './windows.ts';

interface Prepared {
  readonly watch: WindowedWatch;
  readonly key: string;
  readonly fingerprint: string;
  /** What it was prepared from, column by column. */
  readonly basis: readonly (object | null)[];
  readonly test: WindowedTest;
  readonly reference: Summary;
  observed: number;
}

/** All windowed tests of a policy. A signal's test is prepared once its reference is there. */
export class WindowMonitor {
  readonly #policy: Policy;
  readonly #watches: readonly WindowedWatch[];
  readonly #watched: WatchedSignals;
  readonly #calibration: Calibration | null;
  readonly #observed: Map<string, number>;
  #prepared = new Map<string, Prepared>();

  constructor(
    policy: Policy,
    watched: WatchedSignals,
    stored: ReadonlyMap<string, { readonly fingerprint: string; readonly state: Json }>,
    calibration: Calibration | null = null,
  ) {
    this.#policy = policy;
    this.#watched = watched;
    this.#watches = watched.watches.filter((watch) => watch.kind === 'windowed');
    this.#calibration = calibration;
    this.#observed = new Map();
    for (const watch of this.#watches) {
      const state = stored.get(keyOf(watch))?.state;
      if (typeof state === 'object' && state !== null && 'observed' in state) this.#observed.set(keyOf(watch), Number(state.observed));
    }
  }

  /**
   * Findings of the window, one a watched signal and slice, how its rows were cut, and the monitors' new rows for the store.
   *
   * @param against what it is compared with, where that is not the reference
   */
  judge(window: ClosedWindow, against: Comparison | null = null): { findings: Finding[]; sliced: Sliced; rows: MonitorRow[] } {
    const rows = window.times.length;
    const table: CellsOf = (signal) => window.columns.get(signal) ?? null;
    const sliced = this.#watched.slices.cut(table, rows);
    const derived = this.#watched.derived(new Set(this.#watches.map(({ signal }) => signal)), table, rows);
    const inWindow = (watch: WindowedWatch): readonly WatchedCell[] => {
      // A column that a window does not have is missing in all of its rows.
      if (watch.members !== undefined) return cellsOf(watch, (signal) => table(signal) ?? new Array<Cell>(rows).fill(null)) ?? [];
      const cells = derived.get(watch.signal) ?? table(watch.signal) ?? [];
      return watch.slice === null ? cells : cellsAt(cells, sliced.rows.get(watch.slice.name) ?? []);
    };
    const compared = this.#watched.against(against);
    const findings: Finding[] = [];
    const byMonitor = Map.groupBy(this.#watches, (watch) => watch.monitor);
    for (const [monitor, watches] of byMonitor) findings.push(...this.#judgeTogether(monitor, watches, window, inWindow, compared));
    const byKey = new Map(this.#watches.map((watch) => [keyOf(watch), watch]));
    const found = new Map(findings.map((finding) => [keyOfFinding(finding), finding]));
    return { findings, sliced, rows: [...byKey].map(([key, watch]) => this.#row(watch, found.get(key))) };
  }

  #judgeTogether(
    monitor: MonitorPolicy,
    watches: readonly WindowedWatch[],
    window: ClosedWindow,
    inWindow: (watch: WindowedWatch) => readonly WatchedCell[],
    compared: ComparedSignals,
  ): Finding[] {
    const level = windowedLevel(this.#policy, monitor, this.#calibration);
    const tested = watches.map((watch) => atLevel(this.#test(watch, inWindow(watch), compared), level));
    const { method } = monitor.correction;
    const q = level === null || level === 'pending' ? monitor.correction.q : (level.value ?? monitor.correction.q);
    const correctAll = (pOf: (result: NonNullable<(typeof tested)[number]['result']>) => number) =>
      correct(
        monitor.correction,
        tested.map(({ watch, result }) => ({ pValue: result === null ? null : pOf(result), slice: watch.slice?.name ?? null })),
      );
    const corrected = correctAll((result) => result.calibratedP);
    const atMost = correctAll((result) => result.atMost?.pValue ?? result.calibratedP).adjusted;
    return tested.map(({ watch, result, n, note: said }, place) => {
      const adjustedP = corrected.adjusted[place] ?? null;
      const floor = watch.choice.effectAtLeast;
      const isDrift = result !== null && (adjustedP ?? 1) <= q && result.effect >= (floor ?? 0);
      // Between what the sketch shows for certain and what it cannot rule out there is no verdict.
      const mayBe = result?.atMost !== undefined && (atMost[place] ?? 1) <= q && result.atMost.effect >= (floor ?? 0);
      const level = isDrift ? 'drift' : result === null || mayBe ? 'insufficient' : 'stable';
      const note = level === 'insufficient' && mayBe ? `${said}; ${openWords(watch, result)}` : said;
      return {
        monitor: monitor.name,
        signal: watch.signal,
        slice: watch.slice?.name ?? null,
        kind: watch.finds,
        detector: watch.choice.type,
        level,
        at: window.range.toAt,
        observedRows: window.range.toRow + 1,
        window: window.range,
        statistic: result?.statistic ?? null,
        threshold: q,
        pValue: result?.pValue ?? null,
        adjustedP,
        tests: method === 'none' ? null : (corrected.tests[place] ?? 0),
        effect: result?.effect ?? null,
        effectAtLeast: floor,
        n,
        referenceN: result?.referenceN ?? null,
        changeRow: window.range.fromRow,
        changeAt: window.range.fromAt,
        note,
        estimate: null,
      };
    });
  }

  #test(watch: WindowedWatch, cells: readonly WatchedCell[], compared: ComparedSignals): Tested {
    const values = valuesOf(watch, cells);
    this.#observed.set(keyOf(watch), (this.#observed.get(keyOf(watch)) ?? 0) + values.length);
    const prepared = this.#prepare(watch, compared);
    if (typeof prepared === 'string') return { watch, result: null, n: values.length, note: prepared };
    const minSamples = minSamplesOf(this.#policy, watch);
    if (watch.slice !== null && prepared.reference.values < minSamples) {
      return {
        watch,
        result: null,
        n: values.length,
        note: `${prepared.reference.values} values in the reference, ${minSamples} are needed`,
      };
    }
    if (values.length < minSamples)
      return { watch, result: null, n: values.length, note: `${values.length} values, ${minSamples} are needed` };
    const result = prepared.test.test(values);
    if (result === null) return { watch, result, n: values.length, note: 'nothing to compare' };
    if (watch.choice.type === 'data-quality' || watch.members !== undefined) return { watch, result, n: values.length, note: result.note };
    const now = summarise(watch, cells, values);
    const parts = [`${now.centre} (reference ${prepared.reference.centre})`];
    if (result.note !== null) parts.push(result.note);
    if (now.missing > 0.01 || prepared.reference.missing > 0.01)
      parts.push(`missing ${percent(now.missing)} (reference ${percent(prepared.reference.missing)})`);
    return { watch, result, n: values.length, note: parts.join(', ') };
  }

  /** Words where there is none. The reference is the same from window to window, what else there is to compare with is prepared each time. */
  #prepare(watch: WindowedWatch, compared: ComparedSignals): Prepared | string {
    const key = keyOf(watch);
    const ready = this.#prepared.get(key);
    const basis = signalsOf(watch).map((signal) => compared.identity(signal));
    if (ready?.basis.every((one, place) => one === basis[place]) === true) return ready;
    const against = this.#against(watch, compared);
    if (typeof against === 'string') return against;
    const prepared: Prepared = { watch, key, fingerprint: this.#hash(watch), basis, observed: 0, ...against };
    this.#prepared.set(key, prepared);
    return prepared;
  }

  #against(watch: WindowedWatch, compared: ComparedSignals): Pick<Prepared, 'test' | 'reference'> | string {
    const { slice, choice, definition } = watch;
    const sketch =
      signalsOf(watch)
        .map((signal) => compared.sketch(signal))
        .find((one) => one !== null) ?? null;
    if (sketch !== null) {
      const options = withDefaults(definition.options, choice.options);
      // A sketch has no rows to cut, or to check one by one.
      const test = slice === null && watch.finds !== 'quality' ? (definition.sketched?.prepare(options, sketch) ?? null) : null;
      if (test !== null) return { test, reference: summariseSketch(sketch) };
      return `${slice === null ? choice.type : 'a slice'} needs the rows of its reference, of which there is a sketch`;
    }
    const cells = compared.cellsOf(watch);
    const values = cells === null ? [] : valuesOf(watch, cells);
    if (slice === null && values.length < compared.minSamples)
      return `${values.length} values to compare with, ${compared.minSamples} are needed`;
    // A slice that the reference does not have is known to be too small; a signal without values may be one still being learned.
    if (cells === null || (values.length === 0 && slice === null)) return whyNone(watch, compared);
    const isFew = slice !== null && values.length < minSamplesOf(this.#policy, watch);
    return { test: isFew ? NOTHING_TO_TEST : prepareTest(watch, values), reference: summarise(watch, cells, values) };
  }

  #hash(watch: WindowedWatch): string {
    return signalsOf(watch)
      .map((signal) => this.#watched.hash(signal))
      .join(' ');
  }

  #row(watch: WindowedWatch, finding: Finding | undefined): MonitorRow {
    const key = keyOf(watch);
    const observed = this.#observed.get(key) ?? 0;
    return {
      key,
      fingerprint: this.#prepared.get(key)?.fingerprint ?? 'none',
      shown: {
        name: watch.signal,
        slice: watch.slice?.name ?? null,
        monitor: watch.monitor.name,
        detector: watch.choice.type,
        observed,
        level: finding?.level ?? 'insufficient',
        statistic: finding?.effect ?? null,
        threshold: watch.choice.effectAtLeast,
        note: finding?.note ?? null,
      },
      state: { observed },
    };
  }
}

/** Stands for a test whose reference is too small. */
const NOTHING_TO_TEST: WindowedTest = { test: () => null };

function whyNone(watch: WindowedWatch, compared: ComparedSignals): string {
  const isKnown = signalsOf(watch).every((signal) => compared.cells(signal) !== null);
  return isKnown && watch.members !== undefined
    ? 'the references of its columns stand in different rows: watch those of the file and those learned from traffic apart'
    : 'the reference is still being learned';
}

interface Tested {
  readonly watch: WindowedWatch;
  readonly result: TestResult | null;
  readonly n: number;
  readonly note: string | null;
}

/** The test's word with its p-value as the level has it read; without a level there is no judgement. */
function atLevel(
  tested: Tested,
  level: MonitorLevel | 'pending' | null,
): Omit<Tested, 'result'> & { result: (TestResult & { calibratedP: number }) | null } {
  const { result } = tested;
  if (result === null) return { ...tested, result };
  if (level === null || (level !== 'pending' && level.method === 'plain'))
    return { ...tested, result: { ...result, calibratedP: result.pValue } };
  if (level === 'pending') return { ...tested, result: null, note: 'its level is still being calibrated' };
  const law = level.laws[lawKey(tested.watch)];
  if (level.value === null || law === undefined) return { ...tested, result: null, note: `no level: ${level.why}` };
  return { ...tested, result: { ...result, calibratedP: calibratedP(law, result.pValue, result.score) } };
}

/** Values that window and reference must have of a watched signal. */
export function minSamplesOf(policy: Policy, { slice }: WindowedWatch): number {
  return slice?.minSamples ?? policy.minSamples;
}

function keyOfFinding({ monitor, signal, detector, slice }: Finding): string {
  return keyOf({ monitor: { name: monitor }, signal, choice: { type: detector }, slice: slice === null ? null : { name: slice } });
}

/** A watch's test against these reference values. */
export function prepareTest({ definition, choice, members }: WindowedWatch, reference: readonly Value[]): WindowedTest {
  const names = members?.map(({ signal }) => signal.slice(signal.indexOf('.') + 1));
  return definition.prepare(withDefaults(definition.options, choice.options), reference, names);
}
