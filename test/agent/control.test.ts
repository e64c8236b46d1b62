/** A concurrent control: what another upstream serves in the same window is what a window is compared with. */
import t from 'tap';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import { exchangeOf, type Line, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

const spec = (window: string) => `  model: {name: m}
  traffic:
    protocol: kserve-v1
    upstreams: {stable: {url: "http://127.0.0.1:1", version: v41}, canary: {url: "http://127.0.0.1:2", version: v42}}
  schema:
    inputs: [{name: x, type: number}]
    outputs: [{name: p, type: number, tensor: predictions}]
  reference: {source: upstream, of: stable}
  window: ${window}
  minSamples: 50
  monitors:
    - {name: tests, features: [x, p], detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.2}}}, correction: {q: 0.001}}
`;

const MINUTE = 60_000;
const drawn = (i: number) => ((i * 2654435761) % 1000) / 1000;

/** Calls of which every `nth` goes to the canary; `both` and `canary` are what is added to the answers. */
function send(line: Line, from: number, to: number, nth: number, add: { both?: (i: number) => number; canary?: number } = {}): void {
  for (let i = from; i < to; i++) {
    const isCanary = i % nth === 0;
    const moved = add.both?.(i) ?? 0;
    const p = drawn(i) + moved + (isCanary ? (add.canary ?? 0) : 0);
    line.analysis.observe(
      exchangeOf(`id-${i}`, i * 1_000, [{ x: drawn(i + 3) + moved }], [p], { servedBy: isCanary ? 'canary' : 'stable' }),
    );
  }
  line.commit();
}

const windowsOf = (line: Line, signal: string) =>
  line.reader.page<Finding>('windows', 0, 1_000).items.filter((one) => one.signal === signal);

t.test('what changes for both is no drift, and what changes for the canary alone is', async (t) => {
  const line = await openLine(policyOf(spec('{rows: 100}')), t.testdir());
  send(line, 0, 2_000, 4, { both: (i) => i / 100 });
  const before = windowsOf(line, 'outputs.p');
  t.equal(before.length, 5, 'five hundred answers of the canary, none of the control’s own');
  for (const one of before) {
    t.match(one, {
      level: 'stable',
      n: 100,
      modelVersion: 'v42',
      reference: 'upstream stable',
      note: /compared with what stable served meanwhile/,
    });
    t.ok(one.referenceN! > 280 && one.referenceN! <= 300, `${one.referenceN} of the control`);
  }
  send(line, 2_000, 2_800, 4, { both: (i) => i / 100, canary: 3 });
  t.same(
    windowsOf(line, 'outputs.p')
      .slice(5)
      .map(({ level }) => level),
    ['drift', 'drift'],
  );
  t.same(
    line.reader.page<Alert>('alerts', 0, 100).items.map(({ signal, modelVersion, state }) => [signal, modelVersion, state]),
    [['outputs.p', 'v42', 'firing']],
  );
  line.crash();
});

t.test('too few on either side is insufficient, and says on which', async (t) => {
  const line = await openLine(policyOf(spec('{rows: 100}')), t.testdir());
  send(line, 0, 100, 1);
  t.match(windowsOf(line, 'outputs.p'), [{ level: 'insufficient', note: /^0 values to compare with, 50 are needed/ }]);
  line.crash();
  let now = 0;
  const timed = await openLine(policyOf(spec('{span: 5m}')), t.testdir({ timed: {} }), () => now);
  for (let i = 0; i < 300; i++) {
    now = i * 1_000 + 10;
    send(timed, i, i + 1, 10);
  }
  now = 6 * MINUTE;
  timed.analysis.tick();
  timed.commit();
  t.match(windowsOf(timed, 'outputs.p'), [{ level: 'insufficient', n: 30, note: /^30 values, 50 are needed/ }]);
  timed.crash();
});

t.test('restored equals uninterrupted', async (t) => {
  const policy = policyOf(spec('{rows: 100, type: sliding, step: 20}'));
  const whole = await openLine(policy, t.testdir());
  send(whole, 0, 800, 3, { canary: 0.1 });
  const folder = t.testdir({ broken: {} });
  let line = await openLine(policy, folder);
  for (const [from, to] of [
    [0, 111],
    [111, 333],
    [333, 512],
    [512, 800],
  ] as const) {
    send(line, from, to, 3, { canary: 0.1 });
    line.crash();
    line = await openLine(policy, folder);
  }
  t.ok(windowsOf(whole, 'outputs.p').length > 5);
  t.same(windowsOf(line, 'outputs.p'), windowsOf(whole, 'outputs.p'));
  line.crash();
  whole.crash();
});

t.test('slices and the quality of data are held against the control’s own, in the same window', async (t) => {
  const sliced = spec('{rows: 200}')
    .replace('inputs: [{name: x, type: number}]', 'inputs: [{name: x, type: number}, {name: region, type: categorical}]')
    .replace('  monitors:\n', '  slices: [{name: region, by: [region], minSamples: 30}]\n  monitors:\n')
    .concat(
      '    - {name: quality, features: [x], detectors: {quality: {type: data-quality, checks: [missing]}}, correction: {q: 0.001}}\n',
    );
  const line = await openLine(policyOf(sliced), t.testdir());
  const call = (i: number, change: 'none' | 'both' | 'canary') => {
    const isCanary = i % 3 === 0;
    const region = ['north', 'west', 'west', 'south'][Math.floor(drawn(i) * 4)]!;
    const isChanged = region === 'west' && (change === 'both' || (change === 'canary' && isCanary));
    const x = isChanged && drawn(i + 7) < 0.3 ? null : drawn(i + 3);
    const p = drawn(i + 5) + (isChanged ? 1 : 0);
    line.analysis.observe(exchangeOf(`id-${i}`, i * 1_000, [{ x, region }], [p], { servedBy: isCanary ? 'canary' : 'stable' }));
  };
  // A thousand rows of the control say which regions there are.
  for (let i = 0; i < 3_600; i++) call(i, i < 2_400 ? 'none' : 'both');
  line.commit();
  const alerts = () => line.reader.page<Alert>('alerts', 0, 1_000).items;
  t.same(alerts(), [], 'what changed for both');
  const judged = line.reader
    .page<Finding>('windows', 0, 10_000)
    .items.filter(({ slice, level }) => slice === 'region=west' && level === 'stable');
  t.ok(judged.length > 5);
  for (const { n, referenceN } of judged) t.ok(n < 200 && referenceN! > 1.3 * n && referenceN! < 3 * n, `${n} against ${referenceN}`);
  for (let i = 3_600; i < 4_800; i++) call(i, 'canary');
  line.commit();
  const found = alerts().map(({ signal, slice }) => `${signal} in ${slice}`);
  t.ok(found.includes('outputs.p in region=west'));
  t.ok(found.includes('inputs.x.missing in region=west'));
  t.notOk(
    found.some((one) => /north|south/.test(one)),
    found.join(),
  );
  line.crash();
});
