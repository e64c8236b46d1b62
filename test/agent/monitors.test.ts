/** How rows are packed into records makes no difference to any detector of the catalogue. */
import t from 'tap';
import { Monitors } from '../../agent/monitors.ts';
import { Reference } from '../../agent/reference.ts';
import { guessColumn } from '../../agent/signals.ts';
import { Windows } from '../../agent/windows.ts';
import type { DetectorDefinition } from '../../contracts/detector.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { Policy } from '../../contracts/policy.ts';
import type { Cell, DriftlineRecord } from '../../contracts/record.ts';
import { detectorOf, detectors } from '../../detectors/catalogue.ts';
import { Random } from '../../detectors/performance/random.ts';
import { policyOf } from '../support/policies.ts';

t.setTimeout(120_000);

const ROWS = 4_000;
const WINDOW_ROWS = 500;
const REFERENCE_ROWS = 1_000;

/** Where the defaults take seconds a window. */
const QUICK: { readonly [type: string]: string } = { mmd: ', mostRows: 60, permutations: 199' };

/** Slots and the columns that they watch. */
const SLOTS = { numeric: ['x', 'bit'], categorical: ['c'], multivariate: ['x', 'c', 'bit'] };

function slotsOf({ kind, observes }: DetectorDefinition): (keyof typeof SLOTS)[] {
  if (observes === 'rows') return ['multivariate'];
  if (observes === 'category') return ['categorical'];
  return kind === 'windowed' && observes === 'any' ? ['numeric', 'categorical'] : ['numeric'];
}

type Options = { readonly [option: string]: unknown };

/** Options under which a detector’s bounds come in another order, or apply later. */
const GIVEN: readonly { readonly type: string; readonly given: Options }[] = [
  { type: 'ddm', given: { warningThreshold: 0.5 } },
  { type: 'hddm-w', given: { driftConfidence: 0.01, warningConfidence: 0.005 } },
  { type: 'e-detector', given: { mean: 0, margin: 0.2, warmUp: 20 } },
  { type: 'confidence-sequence', given: { mean: 0, margin: 0.2, warmUp: 20 } },
];

/** One monitor of this detector in every slot that takes it. */
function policyFor(definition: DetectorDefinition, given: Options): Policy {
  const slots = slotsOf(definition);
  // Detectors of zeros and ones have a slot of feedback's errors only; here they watch a column.
  const type = definition.observes === 'binary' ? 'adwin' : definition.type;
  const policy = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}, {name: c, type: categorical}, {name: bit, type: integer}]}
  window: {type: tumbling, rows: ${WINDOW_ROWS}}
  minSamples: 50
  monitors:
    - name: m
      features: [${[...new Set(slots.flatMap((slot) => SLOTS[slot]))].join(', ')}]
      detectors: {${slots.map((slot) => `${slot}: {type: ${type}${QUICK[type] ?? ''}}`).join(', ')}}
`);
  const [monitor] = policy.monitors;
  if (definition.observes === 'binary') {
    const numeric = { ...monitor!.numeric!, type: definition.type, options: given };
    return { ...policy, monitors: [{ ...monitor!, features: ['bit'], numeric }] };
  }
  if (Object.keys(given).length === 0) return policy;
  const numeric = { ...monitor!.numeric!, options: { ...monitor!.numeric!.options, ...given } };
  return { ...policy, monitors: [{ ...monitor!, numeric }] };
}

/** Columns that change twice, with gaps and what is no number. */
function columnsOf(rows: number, seed: number, changes: boolean): { [column: string]: Cell[] } {
  const random = new Random(seed);
  const changedAt = (row: number) => changes && Math.floor(row / 1_300) % 2 === 1;
  const column = (cellAt: (changed: boolean) => Cell) => Array.from({ length: rows }, (_, row) => cellAt(changedAt(row)));
  return {
    x: column((changed) =>
      random.uniform() < 0.02 ? null : random.uniform() < 0.02 ? 'NaN' : random.normal() * (changed ? 3 : 1) + (changed ? 2 : 0),
    ),
    c: column((changed) => (random.uniform() < 0.02 ? null : random.pick(changed ? ['a', 'b', 'd'] : ['a', 'b', 'b', 'c']))),
    bit: column((changed) => Number(random.uniform() < (changed ? 0.6 : 0.1))),
  };
}

/** Feeds the rows in records of these lengths; `lengthOf` is asked again and again. */
function feed(policy: Policy, lengthOf: () => number): { findings: Finding[]; states: [string, unknown][] } {
  const file = new Map(
    Object.entries(columnsOf(REFERENCE_ROWS, 1, false)).map(([name, cells]) => [`inputs.${name}`, cells] as [string, Cell[]]),
  );
  const reference = new Reference(policy, [{ columns: file, sketches: new Map(), sha256: '', thinned: null }]);
  const parts = (['data', 'model'] as const).map((part) => {
    const monitors = new Monitors({ policy, reference, log: () => {}, skipped: () => {}, levels: () => null, part });
    monitors.resolve(new Map());
    return monitors;
  });
  const windows = new Windows({ policy: policy.window, fromRow: 0 });
  const columns = Object.entries(columnsOf(ROWS, 2, true));
  const findings: Finding[] = [];
  for (let from = 0; from < ROWS; ) {
    const rows = Math.min(lengthOf(), ROWS - from);
    const record: DriftlineRecord = {
      ...{ id: `r${from}`, requestId: null, at: 0, model: 'm', version: null, servedBy: 'primary', status: 200, outcome: 'answered' },
      ...{ reason: null, protocol: 'kserve-v1', undecoded: null, latencyMs: 2, method: 'POST', path: '/', traceparent: '', rows },
      firstRow: from,
      inputs: Object.fromEntries(columns.map(([name, cells]) => [name, cells.slice(from, from + rows)])),
      outputs: {},
      violations: [],
      samplingProbability: 1,
      keptFor: 'sampled',
    };
    // A finding tells how many rows there were after its record: that does depend on the packing.
    for (const monitors of parts) findings.push(...monitors.record(record, { at: 0, observedRows: 0, back: () => null }));
    for (const window of windows.add(record)) for (const monitors of parts) findings.push(...monitors.window(window));
    from += rows;
  }
  return { findings, states: parts.flatMap((monitors) => monitors.take().map(({ key, state }): [string, unknown] => [key, state])) };
}

const cases = [
  ...detectors.map((definition) => ({ definition, given: {} as Options, label: definition.type })),
  ...GIVEN.map(({ type, given }) => ({ definition: detectorOf(type)!, given, label: `${type} ${JSON.stringify(given)}` })),
];

for (const { definition, given, label } of cases) {
  t.test(`${label}: records of many rows leave the states and findings of the same rows one by one`, (t) => {
    const policy = policyFor(definition, given);
    const random = new Random(3);
    const single = feed(policy, () => 1);
    // Short ones, and now and then one that reaches over several windows.
    const many = feed(policy, () => 1 + random.below(random.below(8) === 0 ? 3 * WINDOW_ROWS : 60));
    t.ok(
      single.findings.some(({ level }) => level === 'drift'),
      'something is found',
    );
    t.ok(single.states.length > 0);
    // Streams and windows take turns by record: what each says in its turn is the same.
    const bySignal = (findings: readonly Finding[]) => Map.groupBy(findings, ({ signal }) => signal);
    t.same(bySignal(many.findings), bySignal(single.findings));
    t.same(many.states, single.states);
    t.end();
  });
}

t.test('monitors that are resolved in the midst of a stream see what comes from then on', (t) => {
  const policy = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  monitors: [{name: m, features: "*", detectors: {numeric: {type: adwin}}}]
`);
  const reference = new Reference(policy, []);
  let known = ['x'];
  const column = (name: string) => ({ ...guessColumn(name, [1, 2]) });
  Object.defineProperty(reference, 'guessed', { get: () => ({ inputs: known.map(column), outputs: [] }) });
  const monitors = new Monitors({ policy, reference, log: () => {}, skipped: () => {}, levels: () => null, part: 'data' });
  const record = { at: 0, latencyMs: 1, rows: 1, firstRow: 0, inputs: { x: [1], y: [2] }, outputs: {} } as unknown as DriftlineRecord;
  const observed = () => monitors.take().map(({ shown }) => shown);
  const feed = () => monitors.record(record, { at: 0, observedRows: 0, back: () => null });
  monitors.resolve(new Map());
  feed();
  t.match(observed(), [{ name: 'inputs.x', observed: 1 }]);
  known = ['x', 'y'];
  monitors.resolve(new Map());
  feed();
  t.match(observed(), [
    { name: 'inputs.x', observed: 2 },
    { name: 'inputs.y', observed: 1 },
  ]);
  t.end();
});
