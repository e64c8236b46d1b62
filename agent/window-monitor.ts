/**
 * Judges a full window: one test a watched signal against its reference, corrected over the window, held against the policy's floor.
 */
import { median } from 'simple-statistics';
import type { TestResult, Value, WindowedTest } from '../contracts/detector.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import { withDefaults } from '../contracts/options.ts';
import type { MonitorPolicy, Policy } from '../contracts/policy.ts';
import type { Cell } from '../contracts/record.ts';
import type { ReferenceSketch } from '../contracts/sketch.ts';
import { countsOf } from '../detectors/categories-against.ts';
import { spreadOut } from '../detectors/sketches/spread-out.ts';
import { calibratedP } from '../detectors/null-law.ts';
import { adjust } from '../detectors/multiple-testing.ts';
import type { Calibration, MonitorLevel } from './calibration/calibration.ts';
import { windowedLevel } from './calibration/levels.ts';
import type { Comparison, Reference } from './reference.ts';
import type { MonitorRow } from './store/commit.ts';
import { keyOf } from './streaming-monitor.ts';
import type { WindowedWatch } from './watch-list.ts';
import { cellsOf, observesNumbers, signalsOf, type WatchedCell, valuesOf } from './watched-cells.ts';
import type { ClosedWindow } from './windows.ts';

/** Characters of a category in a note. */
const LONGEST_NAME = 40;

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

/** What people compare: the middle of numbers, or the most frequent category, and the share that is missing. */
interface Summary {
  readonly missing: number;
  readonly centre: string;
}

/** All windowed tests of a policy. A signal's test is prepared once its reference is there. */
export class WindowMonitor {
  readonly #policy: Policy;
  readonly #watches: readonly WindowedWatch[];
  readonly #reference: Reference;
  readonly #calibration: Calibration | null;
  readonly #observed: Map<string, number>;
  #prepared = new Map<string, Prepared>();

  constructor(
    policy: Policy,
    watches: readonly WindowedWatch[],
    reference: Reference,
    stored: ReadonlyMap<string, { readonly fingerprint: string; readonly state: Json }>,
    calibration: Calibration | null = null,
  ) {
    this.#policy = policy;
    this.#watches = watches;
    this.#reference = reference;
    this.#calibration = calibration;
    this.#observed = new Map();
    for (const watch of watches) {
      const state = stored.get(keyOf(watch))?.state;
      if (typeof state === 'object' && state !== null && 'observed' in state) this.#observed.set(keyOf(watch), Number(state.observed));
    }
  }

  /**
   * Findings of the window, one a watched signal, and the monitors' new rows for the store.
   *
   * @param against what it is compared with, where that is not the reference
   */
  judge(window: ClosedWindow, against: Comparison = this.#reference): { findings: Finding[]; rows: MonitorRow[] } {
    const findings: Finding[] = [];
    const byMonitor = Map.groupBy(this.#watches, (watch) => watch.monitor);
    for (const [monitor, watches] of byMonitor) findings.push(...this.#judgeTogether(monitor, watches, window, against));
    return { findings, rows: this.#watches.map((watch) => this.#row(watch, findings)) };
  }

  #judgeTogether(monitor: MonitorPolicy, watches: readonly WindowedWatch[], window: ClosedWindow, against: Comparison): Finding[] {
    const level = windowedLevel(this.#policy, monitor, this.#calibration);
    const tested = watches.map((watch) => atLevel(this.#test(watch, windowCells(watch, window), against), level));
    const pValues = tested.map(({ result }) => result?.calibratedP ?? null);
    const { method } = monitor.correction;
    const q = level === null || level === 'pending' ? monitor.correction.q : (level.value ?? monitor.correction.q);
    const adjusted = adjust(method, pValues);
    const atMost = adjust(
      method,
      tested.map(({ result }) => result?.atMost?.pValue ?? result?.calibratedP ?? null),
    );
    const tests = pValues.filter((pValue) => pValue !== null).length;
    return tested.map(({ watch, result, n, note: said }, place) => {
      const adjustedP = adjusted[place] ?? null;
      const floor = watch.choice.effectAtLeast;
      const isDrift = result !== null && (adjusted[place] ?? 1) <= q && result.effect >= (floor ?? 0);
      // Between what the sketch shows for certain and what it cannot rule out there is no verdict.
      const mayBe = result?.atMost !== undefined && (atMost[place] ?? 1) <= q && result.atMost.effect >= (floor ?? 0);
      const level = isDrift ? 'drift' : result === null || mayBe ? 'insufficient' : 'stable';
      const note = level === 'insufficient' && mayBe ? `${said}; ${openWords(watch, result)}` : said;
      return {
        monitor: monitor.name,
        signal: watch.signal,
        kind: 'drift',
        detector: watch.choice.type,
        level,
        at: window.range.toAt,
        observedRows: window.range.toRow + 1,
        window: window.range,
        statistic: result?.statistic ?? null,
        threshold: q,
        pValue: result?.pValue ?? null,
        adjustedP,
        tests: method === 'none' ? null : tests,
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

  #test(watch: WindowedWatch, cells: readonly WatchedCell[], against: Comparison): Tested {
    const values = valuesOf(watch, cells);
    this.#observed.set(keyOf(watch), (this.#observed.get(keyOf(watch)) ?? 0) + values.length);
    const prepared = this.#prepare(watch, against);
    if (typeof prepared === 'string') return { watch, result: null, n: values.length, note: prepared };
    if (values.length < this.#policy.minSamples) {
      return { watch, result: null, n: values.length, note: `${values.length} values, ${this.#policy.minSamples} are needed` };
    }
    const result = prepared.test.test(values);
    if (result === null) return { watch, result, n: values.length, note: 'nothing to compare' };
    if (watch.members !== undefined) return { watch, result, n: values.length, note: result.note };
    const now = summarise(watch, cells, values);
    const parts = [`${now.centre} (reference ${prepared.reference.centre})`];
    if (result.note !== null) parts.push(result.note);
    if (now.missing > 0.01 || prepared.reference.missing > 0.01)
      parts.push(`missing ${percent(now.missing)} (reference ${percent(prepared.reference.missing)})`);
    return { watch, result, n: values.length, note: parts.join(', ') };
  }

  /** Words where there is none. The reference is the same from window to window, what else there is to compare with is prepared each time. */
  #prepare(watch: WindowedWatch, comparison: Comparison): Prepared | string {
    const key = keyOf(watch);
    const ready = this.#prepared.get(key);
    const basis = signalsOf(watch).map((signal) => comparison.sketch(signal) ?? comparison.cells(signal));
    if (ready?.basis.every((one, place) => one === basis[place]) === true) return ready;
    const against = this.#against(watch, comparison);
    if (typeof against === 'string') return against;
    const prepared: Prepared = { watch, key, fingerprint: this.#hash(watch), basis, observed: 0, ...against };
    this.#prepared.set(key, prepared);
    return prepared;
  }

  #against(watch: WindowedWatch, comparison: Comparison): Pick<Prepared, 'test' | 'reference'> | string {
    const sketches = signalsOf(watch).map((signal) => comparison.sketch(signal));
    const sketch = sketches.find((one) => one !== null) ?? null;
    if (sketch !== null) {
      const options = withDefaults(watch.definition.options, watch.choice.options);
      const test = watch.definition.sketched?.prepare(options, sketch) ?? null;
      return test === null
        ? `${watch.choice.type} needs the rows of its reference, of which there is a sketch`
        : { test, reference: summariseSketch(sketch) };
    }
    const cells = cellsOf(watch, (signal) => comparison.cells(signal));
    const values = cells === null ? [] : valuesOf(watch, cells);
    if (values.length < comparison.minSamples) return `${values.length} values to compare with, ${comparison.minSamples} are needed`;
    if (cells === null || values.length === 0) return whyNone(watch, comparison);
    return { test: prepareTest(watch, values), reference: summarise(watch, cells, values) };
  }

  #hash(watch: WindowedWatch): string {
    return signalsOf(watch)
      .map((signal) => this.#reference.hash(signal))
      .join(' ');
  }

  #row(watch: WindowedWatch, findings: readonly Finding[]): MonitorRow {
    const key = keyOf(watch);
    const finding = findings.find((candidate) => candidate.monitor === watch.monitor.name && candidate.signal === watch.signal);
    const observed = this.#observed.get(key) ?? 0;
    return {
      key,
      fingerprint: this.#prepared.get(key)?.fingerprint ?? 'none',
      shown: {
        name: watch.signal,
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

function whyNone(watch: WindowedWatch, comparison: Comparison): string {
  const isKnown = signalsOf(watch).every((signal) => comparison.cells(signal) !== null);
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
  const law = level.laws[tested.watch.signal];
  if (level.value === null || law === undefined) return { ...tested, result: null, note: `no level: ${level.why}` };
  return { ...tested, result: { ...result, calibratedP: calibratedP(law, result.pValue) } };
}

/** A watch's test against these reference values. */
export function prepareTest({ definition, choice, members }: WindowedWatch, reference: readonly Value[]): WindowedTest {
  const names = members?.map(({ signal }) => signal.slice(signal.indexOf('.') + 1));
  return definition.prepare(withDefaults(definition.options, choice.options), reference, names);
}

/** A column that a window does not have is missing in all of its rows. */
function windowCells(watch: WindowedWatch, { columns, range }: ClosedWindow): readonly WatchedCell[] {
  if (watch.members === undefined) return columns.get(watch.signal) ?? [];
  const rows = range.toRow - range.fromRow + 1;
  return cellsOf(watch, (signal) => columns.get(signal) ?? new Array<Cell>(rows).fill(null)) ?? [];
}

function summarise(watch: WindowedWatch, cells: readonly WatchedCell[], values: readonly Value[]): Summary {
  const missing = cells.length === 0 ? 0 : 1 - values.length / cells.length;
  if (values.length === 0) return { missing, centre: 'no values' };
  return {
    missing,
    centre: observesNumbers(watch) ? middle(median(values.map(Number))) : mostOf(countsOf(values.map(String)), values.length),
  };
}

function summariseSketch({ n, missing, numbers, categories }: ReferenceSketch): Summary {
  const centre = n === 0 ? 'no values' : categories !== null ? mostOf(categories.counts, n) : middle(spreadOut(numbers!, 1)[0]!);
  return { missing: n + missing === 0 ? 0 : missing / (n + missing), centre };
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
