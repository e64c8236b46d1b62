/**
 * What a backtest replays: the rows that count as normal, with the labels beside them, drawn anew in blocks.
 */
import { ConfigError } from '../../contracts/errors.ts';
import type { Column, Policy } from '../../contracts/policy.ts';
import { FEWEST_BLOCKS, findDependence } from '../../detectors/dependence.ts';
import type { Random } from '../../detectors/performance/random.ts';
import { type Summary, summaryOf } from '../calibration/cell-changes.ts';
import { drawRows } from '../calibration/replays.ts';
import { isSketchFile } from '../reference-sketch.ts';
import { guessColumn, numberOf } from '../signals.ts';
import type { BacktestOptions } from './backtest.ts';
import type { Rows } from './rows.ts';

/** The rows that replays draw from. */
export interface HealthyRows {
  readonly rows: Rows;
  readonly columns: ReadonlyMap<Column, { readonly signal: string; readonly summary: Summary }>;
  /** Signal of the prediction that its labels are compared with; null where no monitor judges labels, or there are none. */
  readonly prediction: string | null;
}

/** The rows that count as normal: the reference file's, or the first ones of the data as they would be learned. */
export function referenceOf({
  policy,
  referenceFile,
  referenceLabels,
  rows,
}: Pick<BacktestOptions, 'policy' | 'referenceFile' | 'referenceLabels' | 'rows'>): HealthyRows {
  let source = referenceFile;
  let labels = referenceLabels;
  if (policy.reference.source === 'traffic') {
    const learned = policy.reference.rows;
    if (rows.count < learned)
      throw new ConfigError('too-few-rows', `the data has ${rows.count} rows, and the policy learns its reference from ${learned}`);
    if (![...rows.columns.keys()].some((signal) => signal.startsWith('outputs.'))) {
      throw new ConfigError(
        'no-outputs',
        'the data has no output column, and a reference is learned from answered calls only; add the model’s outputs, or give the policy a reference file',
      );
    }
    source = new Map([...rows.columns].map(([signal, cells]) => [signal, cells.slice(0, learned)]));
    labels = rows.labels?.slice(0, learned) ?? null;
  }
  if (policy.reference.source === 'file' && isSketchFile(policy.reference.path))
    throw new ConfigError(
      'no-rows',
      `${policy.reference.path}: is a sketch, and a backtest replays rows; name a reference with rows for it (driftline init without --sketch writes one)`,
    );
  const [first] = source.values();
  if (first === undefined) throw new ConfigError('no-reference', 'the reference file has none of the policy’s columns');
  const { inputs, outputs } = policy.schema;
  const columns = new Map<Column, { signal: string; summary: Summary }>();
  for (const [signal, cells] of source) {
    const [side, name] = [signal.slice(0, signal.indexOf('.')), signal.slice(signal.indexOf('.') + 1)];
    const column = (side === 'inputs' ? inputs : outputs).find((candidate) => candidate.name === name) ?? guessColumn(name, cells);
    if (side === 'inputs') columns.set(column, { signal, summary: summaryOf(cells) });
  }
  const judges = policy.monitors.some(({ needsFeedback, error }) => needsFeedback && error !== null);
  const predicted = `outputs.${policy.model.prediction}`;
  const prediction = judges && labels !== null && source.has(predicted) ? predicted : null;
  return { rows: { count: first.length, columns: source, labels: prediction === null ? null : labels }, columns, prediction };
}

/** As the policy says, or as the rows themselves ask for. */
export function blockRowsOf(policy: Policy, windowRows: number, { rows, columns }: HealthyRows): number {
  const chosen = policy.falseAlarms?.blockRows ?? null;
  if (chosen !== null) return chosen;
  const series = [...columns].flatMap(([{ type }, { signal }]) =>
    type === 'number' || type === 'integer'
      ? [Float64Array.from((rows.columns.get(signal) ?? []).map(numberOf).filter((value) => value !== null))]
      : [],
  );
  return findDependence(series, windowRows).blockRows ?? Math.max(1, Math.floor(rows.count / FEWEST_BLOCKS));
}

/** Healthy rows in blocks. */
export function draw({ rows }: HealthyRows, random: Random, blockRows: number, count: number): Rows {
  const drawn = drawRows(random, rows.count, blockRows, count);
  return {
    count,
    labels: rows.labels === null ? null : Array.from(drawn, (row) => rows.labels![row] ?? null),
    columns: new Map([...rows.columns].map(([signal, cells]) => [signal, Array.from(drawn, (row) => cells[row] ?? null)])),
  };
}
