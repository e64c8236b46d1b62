import t from 'tap';
import { countAlarms } from '../../../agent/calibration/alarms.ts';
import type { Replays, Watched } from '../../../agent/calibration/replays.ts';
import { watchList } from '../../../agent/watch-list.ts';
import type { Policy } from '../../../contracts/policy.ts';
import { detectorOf } from '../../../detectors/catalogue.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { noAlerts, openAlerts } from '../../../policies/alerts-state.ts';
import { evaluate } from '../../../policies/evaluate.ts';
import { findingWith } from '../../support/alerting.ts';
import { policyOf } from '../../support/policies.ts';

const ROWS = 100;

interface Watching {
  readonly policy: Policy;
  readonly watched: Watched[];
}

/** A policy with one test from an effect of 0.1 on, and what is watched. */
function watching(terms: string): Watching {
  const policy = policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}]}
  window: {rows: ${ROWS}}
  monitors:
    - {name: drift, detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.1}}}, correction: {q: 0.05}${terms}}
`);
  const [watch] = watchList(policy, policy.schema, detectorOf);
  if (watch?.kind !== 'windowed') throw new Error('a windowed test is watched');
  return { policy, watched: [{ watch, cells: [], rows: null }] };
}

/** Letters, one a window: d found, m calm in p with an effect of 0.08, s calm, `.` too little to judge. */
function windowsOf(letters: string): Replays[number] {
  const results = {
    d: { pValue: 0.001, effect: 0.3 },
    m: { pValue: 0.5, effect: 0.08 },
    s: { pValue: 0.5, effect: 0.01 },
  } as const;
  return [...letters].map((letter) => {
    const result = letter in results ? results[letter as keyof typeof results] : null;
    return [result === null ? null : { ...result, statistic: 0, referenceN: ROWS, note: null }];
  }) as Replays[number];
}

function counted({ policy, watched }: Watching, letters: string): number {
  return countAlarms(policy.monitors[0]!, watched, [windowsOf(letters)])[0]!;
}

/** The same of the alerts that the findings of these windows give. */
function alerted({ policy }: Watching, letters: string): number {
  let state = noAlerts;
  let alarms = 0;
  for (const [index, letter] of [...letters].entries()) {
    const level = letter === 'd' ? 'drift' : letter === '.' ? 'insufficient' : 'stable';
    const effect = { d: 0.3, m: 0.08, s: 0.01 }[letter] ?? null;
    const toRow = (index + 1) * ROWS - 1;
    const window = { fromRow: toRow - ROWS + 1, toRow, fromAt: index, toAt: index + 1 };
    const finding = findingWith({ monitor: 'drift', signal: 'inputs.x', level, effect, window, observedRows: toRow + 1, at: index + 1 });
    const moment = { at: index + 1, observedRows: toRow + 1, windows: index + 1, modelVersion: null, findings: [finding] };
    ({ state } = evaluate(policy, state, moment));
    if (level === 'drift' && openAlerts(state).some((alert) => alert.state === 'firing')) alarms++;
  }
  return alarms;
}

t.test('an alert that fires on is an alarm in every window that finds something', async (t) => {
  const plain = watching('');
  t.equal(counted(plain, 'dddddddddd'), 10);
  t.equal(counted(plain, 'ddsdds'), 4);
  t.equal(counted(plain, 'mmss..'), 0);
});

t.test('`for` needs its finds in a row before the first alarm; then each window counts', async (t) => {
  const two = watching(', for: 2 windows');
  t.equal(counted(two, 'dsdsds'), 0);
  t.equal(counted(two, 'dddd'), 3);
  t.equal(counted(two, 'dddsdd'), 3);
});

t.test('until `clear` is over a single find is an alarm again', async (t) => {
  const slow = watching(', for: 2 windows, clear: {for: 2 windows}');
  t.equal(counted(slow, 'ddsd'), 2);
  t.equal(counted(slow, 'ddssd'), 1);
  const between = watching(', for: 2 windows, clear: {effectBelow: 0.05}');
  t.equal(counted(between, 'ddmmmd'), 2, 'between floor and effectBelow it fires on, and nothing is found');
});

t.test('alarms are the windows in which the alerts of a policy fire and something is found', async (t) => {
  const random = new Random(5);
  const long = 'for: 2 windows, clear: {effectBelow: 0.05, for: 2 windows}';
  for (const terms of ['', ', for: 2 windows', ', for: 3 windows, clear: {for: 2 windows}', `, ${long}`]) {
    const monitor = watching(terms);
    for (let round = 0; round < 50; round++) {
      const letters = Array.from({ length: 30 }, () => random.pick(['d', 'd', 'm', 's', '.'])).join('');
      t.equal(counted(monitor, letters), alerted(monitor, letters), `${terms} ${letters}`);
    }
  }
});
