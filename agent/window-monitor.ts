/**
 * Judges a full window: one test a watched signal against its reference, corrected over the window, held against the policy's floor.
 */
import { median } from 'simple-statistics';
import type { TestResult, WindowedTest } from '../contracts/detector.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import { withDefaults } from '../contracts/options.ts';
import type { MonitorPolicy, Policy } from '../contracts/policy.ts';
import type { Cell } from '../contracts/record.ts';
import type { ReferenceSketch } from '../contracts/sketch.ts';
import { countsOf } from '../detectors/categories-against.ts';
import { spreadOut } from '../detectors/sketches/spread-out.ts';
import { calibratedP } from '../detectors/null-law.ts';
import type { Calibration, MonitorLevel } from './calibration/calibration.ts';
import { lawKey, windowedLevel } from './calibration/levels.ts';
import { correct } from './correction.ts';
import type { CellsOf } from './quality-signals.ts';
import { categoriesOf, numbersOf } from './signals.ts';
import type { Sliced } from './slices.ts';
import type { MonitorRow } from './store/commit.ts';
import { keyOf } from './streaming-monitor.ts';
import type { WindowedWatch } from './watch-list.ts';
import { cellsAt, type WatchedSignals } from './watched-signals.ts';
import type { ClosedWindow } from './windows.ts';

/** Characters of a category in a note. */
const LONGEST_NAME = 40;

interface Prepared {
  readonly watch: WindowedWatch;
  readonly key: string;
  readonly fingerprint: string;
  readonly test: WindowedTest;
  readonly reference: Summary;
  observed: number;
}

/** What people compare: the middle of numbers, or the most frequent category, and the share that is missing. */
interface Summary {
  readonly values: number;
  readonly missing: number;
  readonly centre: string;
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

  /** Findings of the window, one a watched signal and slice, how its rows were cut, and the monitors' new rows for the store. */
  judge(window: ClosedWindow): { findings: Finding[]; sliced: Sliced; rows: MonitorRow[] } {
    const rows = window.range.toRow - window.range.fromRow + 1;
    const table: CellsOf = (signal) => window.columns.get(signal) ?? null;
    const sliced = this.#watched.slices.cut(table, rows);
    const derived = this.#watched.derived(new Set(this.#watches.map(({ signal }) => signal)), table, rows);
    const cellsOf = ({ signal, slice }: WindowedWatch) => {
      const cells = derived.get(signal) ?? table(signal) ?? [];
      return slice === null ? cells : cellsAt(cells, sliced.rows.get(slice.name) ?? []);
    };
    const findings: Finding[] = [];
    const byMonitor = Map.groupBy(this.#watches, (watch) => watch.monitor);
    for (const [monitor, watches] of byMonitor) findings.push(...this.#judgeTogether(monitor, watches, window, cellsOf));
    const byKey = new Map(this.#watches.map((watch) => [keyOf(watch), watch]));
    const found = new Map(findings.map((finding) => [keyOfFinding(finding), finding]));
    return { findings, sliced, rows: [...byKey].map(([key, watch]) => this.#row(watch, found.get(key))) };
  }

  #judgeTogether(
    monitor: MonitorPolicy,
    watches: readonly WindowedWatch[],
    window: ClosedWindow,
    cellsOf: (watch: WindowedWatch) => readonly Cell[],
  ): Finding[] {
    const level = windowedLevel(this.#policy, monitor, this.#calibration);
    const tested = watches.map((watch) => atLevel(this.#test(watch, cellsOf(watch)), level));
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

  #test(watch: WindowedWatch, cells: readonly Cell[]): Tested {
    const values = valuesOf(watch, cells);
    this.#observed.set(keyOf(watch), (this.#observed.get(keyOf(watch)) ?? 0) + values.length);
    const prepared = this.#prepare(watch);
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
    if (watch.choice.type === 'data-quality') return { watch, result, n: values.length, note: result.note };
    const now = summarise(watch, cells, values);
    const parts = [`${now.centre} (reference ${prepared.reference.centre})`];
    if (result.note !== null) parts.push(result.note);
    if (now.missing > 0.01 || prepared.reference.missing > 0.01)
      parts.push(`missing ${percent(now.missing)} (reference ${percent(prepared.reference.missing)})`);
    return { watch, result, n: values.length, note: parts.join(', ') };
  }

  /** Words where there is none. */
  #prepare(watch: WindowedWatch): Prepared | string {
    const key = keyOf(watch);
    const ready = this.#prepared.get(key);
    if (ready !== undefined) return ready;
    const against = this.#against(watch);
    if (typeof against === 'string') return against;
    const prepared: Prepared = { watch, key, fingerprint: this.#watched.hash(watch.signal), observed: 0, ...against };
    this.#prepared.set(key, prepared);
    return prepared;
  }

  #against(watch: WindowedWatch): Pick<Prepared, 'test' | 'reference'> | string {
    const { slice, signal, choice, definition } = watch;
    const options = withDefaults(definition.options, choice.options);
    const sketch = this.#watched.sketch(signal);
    if (sketch !== null) {
      // A sketch has no rows to cut, or to check one by one.
      const test = slice === null && watch.finds !== 'quality' ? (definition.sketched?.prepare(options, sketch) ?? null) : null;
      if (test !== null) return { test, reference: summariseSketch(sketch) };
      return `${slice === null ? choice.type : 'a slice'} needs the rows of its reference, of which there is a sketch`;
    }
    const cells = this.#watched.cellsIn(slice?.name ?? null, signal);
    const values = cells === null ? [] : valuesOf(watch, cells);
    // A slice that the reference does not have is known to be too small; a signal without values may be one still being learned.
    if (cells === null || (values.length === 0 && slice === null)) return 'the reference is still being learned';
    const isFew = slice !== null && values.length < minSamplesOf(this.#policy, watch);
    return { test: isFew ? NOTHING_TO_TEST : definition.prepare(options, values), reference: summarise(watch, cells, values) };
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
  return { ...tested, result: { ...result, calibratedP: calibratedP(law, result.pValue) } };
}

/** Values that window and reference must have of a watched signal. */
export function minSamplesOf(policy: Policy, { slice }: WindowedWatch): number {
  return slice?.minSamples ?? policy.minSamples;
}

function keyOfFinding({ monitor, signal, detector, slice }: Finding): string {
  return keyOf({ monitor: { name: monitor }, signal, choice: { type: detector }, slice: slice === null ? null : { name: slice } });
}

/** What a test sees of a column: what is present, as numbers or as categories. */
export function valuesOf(watch: WindowedWatch, cells: readonly Cell[]): (number | string)[] {
  return observesNumbers(watch) ? numbersOf(cells) : categoriesOf(cells);
}

/** What takes anything gets numbers from the slot of numeric signals. */
function observesNumbers({ definition, choice, monitor }: WindowedWatch): boolean {
  return definition.observes === 'number' || (definition.observes === 'any' && choice === monitor.numeric);
}

function summarise(watch: WindowedWatch, cells: readonly Cell[], values: readonly (number | string)[]): Summary {
  const missing = cells.length === 0 ? 0 : 1 - values.length / cells.length;
  if (values.length === 0) return { values: 0, missing, centre: 'no values' };
  const centre = observesNumbers(watch) ? middle(median(values.map(Number))) : mostOf(countsOf(values), values.length);
  return { values: values.length, missing, centre };
}

function summariseSketch({ n, missing, numbers, categories }: ReferenceSketch): Summary {
  const centre = n === 0 ? 'no values' : categories !== null ? mostOf(categories.counts, n) : middle(spreadOut(numbers!, 1)[0]!);
  return { values: n, missing: n + missing === 0 ? 0 : missing / (n + missing), centre };
}

function middle(median: number): string {
  return `median ${Number(median.toPrecision(3))}`;
}

function mostOf(counts: ReadonlyMap<number | string, number>, n: number): string {
  let [most, times]: [number | string, number] = ['', 0];
  for (const [category, count] of counts) if (count > times) [most, times] = [category, count];
  const name = String(most);
  return `${name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name} in ${percent(times / n)}`;
}

function openWords({ definition }: WindowedWatch, { effect, atMost }: TestResult): string {
  const figure = (value: number) => Number(value.toPrecision(3));
  return `${definition.effect} lies between ${figure(effect)} and ${figure(atMost?.effect ?? effect)}, and the sketch of the reference cannot tell where`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
