/** The same traffic, with and without restarts: alerts go through the same states, at the same rows, for the same reasons. */
import t, { type Test } from 'tap';
import type { Alert } from '../../contracts/alert.ts';
import type { Policy } from '../../contracts/policy.ts';
import { Random } from '../../detectors/performance/random.ts';
import { exchangeOf, labelOf, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

t.setTimeout(120_000);

const policyWith = (window: string) =>
  policyOf(`  model: {name: m, prediction: predictions}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema:
    inputs: [{name: x, type: number, min: -8, max: 8}, {name: region, type: categorical, values: [north, south, west]}]
    outputs: [{name: predictions, type: integer}]
    onViolation: {severity: critical, minFraction: 0.1}
  reference: {source: traffic, learn: {rows: 400}}
  window: ${window}
  minSamples: 50
  slices: [{name: region, by: [region], minSamples: 40}]
  monitors:
    - name: drift
      features: [x, region]
      detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.2}}, categorical: {type: chi-squared}}
      correction: {method: benjamini-hochberg, q: 0.001}
      for: 2 windows
      clear: {for: 2 windows}
    - {name: stream, features: [x], detectors: {numeric: {type: cusum}}, clear: {for: 40s}}
    - {name: errors, needs: feedback, detectors: {error: {type: ddm, minErrors: 10}}}
    - {name: feed, features: [x], detectors: {quality: {type: data-quality}}}
`);

const CALLS = 420;
const ROWS = 10;
/** What happens to x and region, by calls. */
const isBreached = (call: number) => call >= 120 && call < 190;
const isShifted = (call: number) => (call >= 120 && call < 240) || (call >= 300 && call < 345);
const isEmpty = (call: number) => call >= 370 && call < 400;

/** Ten rows of a call: always the same for the same number. */
function callOf(number: number) {
  const random = new Random(1_000 + number);
  const rows = Array.from({ length: ROWS }, () => {
    const region = ['north', 'south', 'west'][random.below(3)]!;
    const x = random.normal() + (isShifted(number) && (number < 300 || region === 'north') ? 2 : 0);
    return { x: isEmpty(number) ? null : isBreached(number) && random.uniform() < 0.5 ? 50 : x, region };
  });
  return exchangeOf(`id-${number}`, 1_000 * number, rows);
}

/** Every change of an alert, in order, as it can be told from outside. @param restartEvery calls from one start to the next */
async function changesOf(t: Test, policy: Policy, restartEvery: number): Promise<Alert[]> {
  const folder = t.testdir({});
  let now = 0;
  const open = () => openLine(policy, folder, () => now);
  let line = await open();
  const changes: Alert[] = [];
  for (let number = 0; number < CALLS; number++) {
    now = 1_000 * number;
    line.analysis.observe(callOf(number));
    line.analysis.feedback(labelOf(`id-${number}`, Number(number > 260 && number % 2 === 0), { row: 0, receivedAt: now }));
    line.analysis.tick();
    changes.push(...(line.commit()?.alerts ?? []));
    if (number % restartEvery === restartEvery - 1) {
      line.crash();
      line = await open();
    }
  }
  line.crash();
  return changes;
}

for (const window of ['{type: tumbling, rows: 200}', '{type: sliding, rows: 200, step: 100}', '{type: tumbling, span: 20s}']) {
  t.test(`restarts every few calls change no state of any alert: window ${window}`, async (t) => {
    const policy = policyWith(window);
    const expected = await changesOf(t, policy, CALLS + 1);
    const states = new Set(expected.map(({ state }) => state));
    for (const state of ['pending', 'firing', 'inhibited', 'resolved'] as const) t.ok(states.has(state), `the traffic reaches ${state}`);
    // Thirteen calls are neither a window nor a block of the schema’s check.
    t.same(await changesOf(t, policy, 13), expected);
  });
}
