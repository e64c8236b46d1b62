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
import { calibratedP } from '../detectors/null-law.ts';
import { adjustBenjaminiHochberg, adjustBonferroni } from '../detectors/benjamini-hochberg.ts';
import type { Calibration, MonitorLevel } from './calibration/calibration.ts';
import { windowedLevel } from './calibration/levels.ts';
import type { Comparison, Reference } from './reference.ts';
import { categoriesOf, numbersOf } from './signals.ts';
import type { MonitorRow } from './store/commit.ts';
import { keyOf } from './streaming-monitor.ts';
import type { WindowedWatch } from './watch-list.ts';
import type { ClosedWindow } from './windows.ts';

interface Prepared {
  readonly watch: WindowedWatch;
  readonly key: string;
  readonly fingerprint: string;
  readonly cells: readonly Cell[];
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
    const tested = watches.map((watch) => atLevel(this.#test(watch, window.columns.get(watch.signal) ?? [], against), level));
    const pValues = tested.flatMap(({ result }) => (result === null ? [] : [result.calibratedP]));
    const { method } = monitor.correction;
    const q = level === null || level === 'pending' ? monitor.correction.q : (level.value ?? monitor.correction.q);
    const adjusted = method === 'none' ? pValues : method === 'bonferroni' ? adjustBonferroni(pValues) : adjustBenjaminiHochberg(pValues);
    let next = 0;
    return tested.map(({ watch, result, n, note }) => {
      const adjustedP = result === null ? null : (adjusted[next++] ?? 1);
      const floor = watch.choice.effectAtLeast;
      const isLarge = result !== null && result.effect >= (floor ?? 0);
      const level = result === null ? 'insufficient' : adjustedP !== null && adjustedP <= q && isLarge ? 'drift' : 'stable';
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
        tests: method === 'none' ? null : pValues.length,
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

  #test(watch: WindowedWatch, cells: readonly Cell[], against: Comparison): Tested {
    const values = valuesOf(watch, cells);
    this.#observed.set(keyOf(watch), (this.#observed.get(keyOf(watch)) ?? 0) + values.length);
    const reference = against.cells(watch.signal);
    if (reference === null) return { watch, result: null, n: values.length, note: 'the reference is still being learned' };
    const compared = valuesOf(watch, reference).length;
    if (compared < against.minSamples)
      return { watch, result: null, n: values.length, note: `${compared} values to compare with, ${against.minSamples} are needed` };
    const prepared = this.#prepare(watch, reference);
    if (prepared === null) return { watch, result: null, n: values.length, note: 'the reference has no values' };
    if (values.length < this.#policy.minSamples) {
      return { watch, result: null, n: values.length, note: `${values.length} values, ${this.#policy.minSamples} are needed` };
    }
    const result = prepared.test.test(values);
    if (result === null) return { watch, result, n: values.length, note: 'nothing to compare' };
    const now = summarise(watch, cells, values);
    const parts = [`${now.centre} (reference ${prepared.reference.centre})`];
    if (result.note !== null) parts.push(result.note);
    if (now.missing > 0.01 || prepared.reference.missing > 0.01)
      parts.push(`missing ${percent(now.missing)} (reference ${percent(prepared.reference.missing)})`);
    return { watch, result, n: values.length, note: parts.join(', ') };
  }

  /** The reference's cells are one list from window to window; others are prepared each time. */
  #prepare(watch: WindowedWatch, cells: readonly Cell[]): Prepared | null {
    const key = keyOf(watch);
    const ready = this.#prepared.get(key);
    if (ready?.cells === cells) return ready;
    const values = valuesOf(watch, cells);
    if (values.length === 0) return null;
    const options = withDefaults(watch.definition.options, watch.choice.options);
    const prepared: Prepared = {
      watch,
      key,
      fingerprint: this.#reference.hash(watch.signal),
      cells,
      test: watch.definition.prepare(options, values),
      reference: summarise(watch, cells, values),
      observed: 0,
    };
    this.#prepared.set(key, prepared);
    return prepared;
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
  if (observesNumbers(watch)) {
    return { values: values.length, missing, centre: `median ${Number(median(values.map(Number)).toPrecision(3))}` };
  }
  let most = '';
  let count = 0;
  for (const [category, rows] of Map.groupBy(values, String)) {
    if (rows.length > count) [most, count] = [category, rows.length];
  }
  return { values: values.length, missing, centre: `${most} in ${percent(count / values.length)}` };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
