/**
 * What a record costs the live line's statistics: `node bench/live-line.ts`, in a process of its own.
 *
 * The agent's own code from a decoded record on: streaming detectors, the open window, and full windows judged; not decoding, checking,
 * storing or exporting. Prints {numbers, mixed} as JSON: microseconds of CPU per record of one row, one number a run, windows' share included.
 */
import { Monitors } from '../agent/monitors.ts';
import { Reference } from '../agent/reference.ts';
import { cellsBySignal, timeOf, Windows } from '../agent/windows.ts';
import type { Policy } from '../contracts/policy.ts';
import type { Cell, DriftlineRecord } from '../contracts/record.ts';
import { detectors } from '../detectors/catalogue.ts';
import { parsePolicy } from '../policies/load.ts';
import { categories, cpuNs, numbers } from './measure.ts';

const SIGNALS = 20;
const WINDOW = 5_000;
const REFERENCE = 10_000;
const WARM_WINDOWS = 10;
const RUNS = 9;
/** Records at once: made right before they are watched, as by the decoder, and not counted. */
const BATCH = 100;

const name = (column: number) => `x${column}`;

function policyOf(isNumber: (column: number) => boolean): Policy {
  const columns = Array.from({ length: SIGNALS }, (_, k) => `{name: ${name(k)}, type: ${isNumber(k) ? 'number' : 'categorical'}}`);
  const text = `apiVersion: driftline/v1
kind: Policy
metadata: {name: bench}
spec:
  model: {name: m}
  traffic: {protocol: kserve-v2, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [${columns.join(', ')}]}
  window: {type: tumbling, rows: ${WINDOW}}
  monitors:
    - name: windows
      features: "*"
      detectors: {numeric: {type: ks}, categorical: {type: chi-squared}}
      correction: {method: benjamini-hochberg, family: window, q: 0.05}
      severity: warning
    - name: streams
      features: [${Array.from({ length: SIGNALS }, (_, k) => k)
        .filter(isNumber)
        .map(name)
        .join(', ')}]
      detectors: {numeric: {type: adwin}}
      severity: warning
`;
  const { policy, mistakes } = parsePolicy(text, 'bench.yaml', { detectors: new Map(detectors.map((one) => [one.type, one])), env: {} });
  if (policy === null) throw new Error(mistakes.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return policy;
}

function columnsOf(isNumber: (column: number) => boolean, rows: number, seed: number): Map<string, Cell[]> {
  return new Map(Array.from({ length: SIGNALS }, (_, k) => [name(k), (isNumber(k) ? numbers : categories)(seed + k, rows)]));
}

function recordOf(columns: ReadonlyMap<string, readonly Cell[]>, row: number): DriftlineRecord {
  return {
    ...{ id: `r${row}`, requestId: null, at: row, model: 'm', version: null, servedBy: 'primary', status: 200, outcome: 'answered' },
    ...{ reason: null, protocol: 'kserve-v2', undecoded: null, latencyMs: 2, method: 'POST', path: '/', traceparent: '', rows: 1 },
    firstRow: row,
    inputs: Object.fromEntries([...columns].map(([column, cells]) => [column, [cells[row]!]])),
    outputs: {},
    violations: [],
    samplingProbability: 1,
    keptFor: 'sampled',
  };
}

function microsecondsPerRecord(isNumber: (column: number) => boolean): number[] {
  const policy = policyOf(isNumber);
  const file = new Map([...columnsOf(isNumber, REFERENCE, 100)].map(([column, cells]) => [`inputs.${column}`, cells]));
  const reference = new Reference(policy, [{ columns: file, sketches: new Map(), sha256: '', thinned: null }]);
  const part = (name: 'data' | 'model') => {
    const monitors = new Monitors({ policy, reference, log: () => {}, skipped: () => {}, levels: () => null, part: name });
    monitors.resolve(new Map());
    return monitors;
  };
  const [data, model] = [part('data'), part('model')];
  const windows = new Windows({ policy: policy.window, fromRow: 0 });
  const columns = columnsOf(isNumber, WINDOW, 500);
  let fromRow = 0;
  /** Nanoseconds of CPU for the records of one window, and for judging it. */
  const oneWindow = (): number => {
    let spent = 0;
    for (let from = 0; from < WINDOW; from += BATCH) {
      const records = Array.from({ length: BATCH }, (_, k) => ({ ...recordOf(columns, from + k), firstRow: fromRow + k }));
      spent += cpuNs(() => {
        for (const record of records) {
          fromRow++;
          const place = { at: record.at, observedRows: fromRow, back: () => null };
          const signals = cellsBySignal(record);
          data.record(record, place, signals);
          model.record(record, place, signals);
          for (const window of windows.add(record, timeOf(record), signals)) model.window(window);
        }
      });
    }
    return spent;
  };
  // The first windows prepare the tests and warm the compiler.
  for (let k = 0; k < WARM_WINDOWS; k++) oneWindow();
  return Array.from({ length: RUNS }, () => oneWindow() / WINDOW / 1_000);
}

process.stdout.write(JSON.stringify({ numbers: microsecondsPerRecord(() => true), mixed: microsecondsPerRecord((k) => k % 2 === 0) }));
