/**
 * Estimates the model's quality at the end of each window, from its outputs alone, and says when it probably fell.
 */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../contracts/errors.ts';
import type { Estimate, Finding } from '../contracts/finding.ts';
import type { Policy } from '../contracts/policy.ts';
import type { Predictor } from '../detectors/performance/predictor.ts';
import { loadPredictor } from '../detectors/performance/predictor.ts';
import type { StoredMonitors } from './monitors.ts';
import { numberOf } from './signals.ts';
import type { MonitorRow } from './store/commit.ts';
import type { PerformanceWatch } from './watch-list.ts';
import type { ClosedWindow } from './windows.ts';

/** One predictor and the probability columns it reads. */
export class PerformanceMonitor {
  readonly #watch: PerformanceWatch;
  readonly #minSamples: number;
  readonly #predictor: Predictor;
  readonly #key: string;
  #observed = 0;

  /** @throws ConfigError when the predictor file cannot be read or is none. */
  constructor(policy: Policy, watch: PerformanceWatch, stored: StoredMonitors) {
    this.#watch = watch;
    this.#minSamples = policy.minSamples;
    this.#key = `${watch.monitor.name}/outputs/performance`;
    const state = stored.get(this.#key)?.state;
    if (typeof state === 'object' && state !== null && 'observed' in state) this.#observed = Number(state.observed);
    try {
      this.#predictor = loadPredictor(JSON.parse(readFileSync(watch.choice.model, 'utf8')));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ConfigError('predictor', `${watch.choice.model}: ${why}`, [], cause);
    }
  }

  judge(window: ClosedWindow): { finding: Finding; row: MonitorRow } {
    const rows = this.#rows(window);
    this.#observed += rows.length;
    const enough = rows.length >= this.#minSamples;
    const estimate = enough ? this.#estimate(rows) : null;
    const { dropAtLeast, require } = this.#watch.choice;
    const floor = estimate === null ? null : estimate.reference - dropAtLeast;
    const judged = estimate === null ? null : require === 'certain' ? estimate.high : estimate.value;
    const level = judged === null || floor === null ? 'insufficient' : judged < floor ? 'drift' : 'stable';
    const finding: Finding = {
      monitor: this.#watch.monitor.name,
      signal: 'outputs',
      slice: null,
      kind: 'performance',
      detector: 'performance',
      level,
      at: window.range.toAt,
      observedRows: window.range.toRow + 1,
      window: window.range,
      statistic: judged,
      threshold: floor,
      pValue: null,
      adjustedP: null,
      tests: null,
      effect: estimate === null ? null : Math.max(0, estimate.reference - estimate.value),
      effectAtLeast: dropAtLeast,
      n: rows.length,
      referenceN: null,
      changeRow: window.range.fromRow,
      changeAt: window.range.fromAt,
      note: estimate === null ? `${rows.length} answers with probabilities, ${this.#minSamples} are needed` : inWords(estimate),
      estimate,
    };
    const row: MonitorRow = {
      key: this.#key,
      fingerprint: 'performance',
      shown: {
        name: 'outputs',
        slice: null,
        monitor: this.#watch.monitor.name,
        detector: 'performance',
        observed: this.#observed,
        level,
        statistic: judged,
        threshold: floor,
        note: finding.note,
      },
      state: { observed: this.#observed },
    };
    return { finding, row };
  }

  /** Probabilities of every row that has all of them. */
  #rows(window: ClosedWindow): number[][] {
    const columns = this.#watch.signals.map((signal) => window.columns.get(signal) ?? []);
    const rows: number[][] = [];
    for (let row = 0; row < (columns[0]?.length ?? 0); row++) {
      const probabilities = columns.map((column) => numberOf(column[row] ?? null));
      if (probabilities.every((p) => p !== null)) rows.push(probabilities as number[]);
    }
    return rows;
  }

  #estimate(rows: readonly number[][]) {
    return this.#watch.signals.length === 1
      ? this.#predictor.estimateBinary(rows.map((row) => row[0] ?? 0))
      : this.#predictor.estimate(Float64Array.from(rows.flat()));
  }
}

function inWords({ metric, value, low, high, reference }: Estimate): string {
  return `${metric} probably ${value.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)}), reference ${reference.toFixed(3)}`;
}
