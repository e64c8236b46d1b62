/** Every windowed test of the catalogue on the analysis line, in the slots that take it. */
import t from 'tap';
import { detectors } from '../../detectors/catalogue.ts';
import { exchangeOf, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

const SLOTS = [
  { slot: 'numeric', feature: 'x', kind: 'number' },
  { slot: 'categorical', feature: 'c', kind: 'category' },
] as const;

/** One monitor for each test and slot that go together. */
const watched = detectors.flatMap((detector) =>
  detector.kind === 'windowed'
    ? SLOTS.filter(({ kind }) => detector.observes === 'any' || detector.observes === kind).map((slot) => ({
        type: detector.type,
        ...slot,
      }))
    : [],
);

const policy = policyOf(`  model: {name: m, prediction: predictions}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema:
    inputs: [{name: x, type: number}, {name: c, type: categorical}]
    outputs: [{name: predictions, type: integer}]
  reference: {source: traffic, learn: {rows: 200}}
  window: {type: tumbling, rows: 100}
  minSamples: 50
  monitors:
${watched
  .map(
    ({ type, slot, feature }) =>
      `    - {name: ${type}-${slot}, features: [${feature}], detectors: {${slot}: {type: ${type}, effect: {atLeast: 0.05}}}, correction: {q: 0.001}}\n`,
  )
  .join('')}  actions: [{name: console, type: console}]
`);

interface ShownAlert {
  readonly monitor: string;
  readonly signal: string;
  readonly latest: { readonly detector: string; readonly effect: number; readonly pValue: number };
}

t.test('each finds what moved in its columns, and nothing before', async (t) => {
  const line = await openLine(policy, t.testdir());
  for (let call = 0; call < 7; call++) {
    const moved = call >= 5;
    const rows = Array.from({ length: 100 }, (_, row) => {
      const u = ((100 * call + row) * 0.618034) % 1;
      // Of x both the share of zeros and the rest move.
      return { x: u < (moved ? 0.1 : 0.5) ? 0 : u + (moved ? 1 : 0), c: u < (moved ? 0.2 : 0.6) ? 'a' : 'b' };
    });
    line.analysis.observe(exchangeOf(`id-${call}`, 1_000 + call, rows));
    line.commit();
    if (call === 4) t.same(line.reader.page('alerts', 0, 100).items, []);
  }
  const alerts = line.reader.page<ShownAlert>('alerts', 0, 100).items;
  for (const { type, slot, feature } of watched) {
    const alert = alerts.find(({ monitor }) => monitor === `${type}-${slot}`);
    t.match(alert, { signal: `inputs.${feature}`, latest: { detector: type } }, `${type} of ${slot} columns`);
    t.ok(alert!.latest.effect >= 0.05 && alert!.latest.pValue <= 0.001);
  }
  t.ok(watched.length >= 18);
  line.crash();
});
