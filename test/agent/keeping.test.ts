import assert from 'node:assert/strict';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { readCounts } from '../../agent/accounting.ts';
import { keepingOf, watchedShare } from '../../agent/keeping.ts';
import { readStatus } from '../../agent/status.ts';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { Exchange } from '../../contracts/exchange.ts';
import type { KeepAlways, Policy } from '../../contracts/policy.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { isSampled } from '../../proxy/sampling.ts';
import { exchangeOf, labelOf, type Line, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

t.setTimeout(240_000);

const TTL_MS = 3_600_000;
const ALL: readonly KeepAlways[] = ['schema_violation', 'upstream_error', 'has_feedback'];

const POLICY = policyOf(`  model: {name: m, prediction: predictions}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number, min: 0, max: 100}]}
  reference: {source: traffic, learn: {rows: 50}}
  window: {type: tumbling, rows: 50}
  minSamples: 2
  feedback: {join: {ttl: 1h}}
  retention: {events: 3h}
  monitors:
    - {name: inputs, features: [x], detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.2}}}}
    - {name: changes, features: [x, request.latency], detectors: {numeric: {type: adwin, delta: 0.002}}}
    - {name: errors, needs: feedback, detectors: {error: {type: ddm}}}
`);

/** With windows and a reference of fewer rows than a user may write, so that they pass soon. */
function policyWith(rate: number, keepAlways: readonly KeepAlways[], rows = 5): Policy {
  const { traffic, window, reference } = POLICY;
  return {
    ...POLICY,
    traffic: { ...traffic, sampling: { rate, keepAlways } },
    window: { ...window, rows },
    // The source is traffic, and that has rows.
    reference: { ...reference, rows } as Policy['reference'],
  };
}

/** Held and kept records as they lie in the store. */
function stored(line: Line): { kept: DriftlineRecord[]; held: DriftlineRecord[] } {
  const all = line.reader.page<DriftlineRecord>('records', 0, 100_000, true).items;
  const listed = new Set(line.reader.page<DriftlineRecord>('records', 0, 100_000).items.map(({ id }) => id));
  return { kept: all.filter(({ id }) => listed.has(id)), held: all.filter(({ id }) => !listed.has(id)) };
}

const sum = (counts: { readonly [reason: string]: number }) => Object.values(counts).reduce((total, count) => total + count, 0);

t.test('what is kept says why, and how likely', async (t) => {
  const fine = { id: 'unsampled', violations: [], outcome: 'answered', status: 200, reason: null } as const;
  const breach = { ...fine, violations: [{ signal: 'inputs.x', kind: 'range', rows: 1, message: '' }] } as const;
  t.equal(isSampled(fine.id, 0.3), false, 'the rate alone would not keep it');
  const at = (record: Parameters<typeof keepingOf>[0], rate = 0.3, keepAlways = ALL) => {
    const { samplingProbability, keptFor } = keepingOf(record, { rate, keepAlways });
    return [samplingProbability, keptFor];
  };
  t.same(at(fine), [0, null]);
  t.same(at(fine, 1), [1, 'sampled']);
  t.same(at(breach), [1, 'schema_violation']);
  t.same(at(breach, 0.3, ['has_feedback']), [0, null]);
  for (const over of [{ outcome: 'failed' }, { outcome: 'aborted' }, { status: 500 }, { status: 503 }, { reason: 'reset' }] as const) {
    t.same(at({ ...fine, ...over }), [1, 'upstream_error'], JSON.stringify(over));
    t.same(at({ ...fine, ...over }, 0.3, ['schema_violation']), [0, null]);
  }
  // The caller's own mistake, and a route that somebody set.
  for (const over of [{ status: 404 }, { reason: 'route' }]) t.same(at({ ...fine, ...over }), [0, null]);
  const sampled = Array.from({ length: 50 }, (_, i) => `id-${i}`).find((id) => isSampled(id, 0.3))!;
  t.same(at({ ...fine, id: sampled }), [0.3, 'sampled']);
  t.same(at({ ...breach, id: sampled }), [1, 'schema_violation'], 'kept in any case, so nothing else stands behind it');
  t.equal(watchedShare({ rate: 0.25, keepAlways: ALL }), 1);
  t.equal(watchedShare({ rate: 0.25, keepAlways: [] }), 0.25);
});

const KINDS: { readonly [kind: string]: Partial<Exchange> } = {
  failed: { outcome: 'failed', status: 502, servedBy: 'none', reason: 'reset' },
  aborted: { outcome: 'aborted', status: 0 },
  'no-prediction': { path: '/healthz' },
};

type Step =
  | { readonly do: 'call'; readonly kind: 'plain' | 'breach' | 'failed' | 'aborted' | 'no-prediction' | 'duplicate' }
  | { readonly do: 'label'; readonly back: number; readonly value: number }
  | { readonly do: 'tick'; readonly ms: number }
  | { readonly do: 'commit' | 'crash' }
  | { readonly do: 'policy'; readonly rate: number; readonly keepAlways: readonly KeepAlways[] };

const sampling = {
  rate: fc.constantFrom(0, 0.2, 0.6, 1),
  keepAlways: fc.oneof(fc.subarray([...ALL]), fc.constant(ALL)),
};
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      kind: fc.constantFrom('plain', 'plain', 'plain', 'breach', 'failed', 'aborted', 'no-prediction', 'duplicate'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('label' as const), back: fc.integer({ min: -1, max: 9 }), value: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.constantFrom(1_000, TTL_MS / 2, 2 * TTL_MS) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('policy' as const), ...sampling }) },
);

t.test('accepted = stored + dropped + queued at every moment, whatever comes, is kept, let go, or lost in a crash', async (t) => {
  const reached = { promoted: 0, 'let go': 0, 'lost in a crash': 0, 'told that it is sampled out': 0 };
  await fc.assert(
    fc.asyncProperty(fc.record(sampling), fc.array(step, { minLength: 30, maxLength: 120 }), async (first, steps) => {
      const directory = t.testdir();
      let now = 1_000_000;
      let policy = policyWith(first.rate, first.keepAlways);
      let line = await openLine(policy, directory, () => now);
      let calls = 0;
      /** Predictions that came, by what became of them as far as it is known here. */
      let committed = 0;
      let open = 0;
      let seen = 0;
      let before = readCounts(undefined);
      let settledAtStart = 0;
      const hold = () => {
        const counts = readCounts(line.reader.state('accounting'));
        const { kept, held } = stored(line);
        assert.equal(counts.accepted, counts.stored + sum(counts.dropped) + counts.held);
        assert.equal(counts.accepted, committed, 'what was committed was accepted');
        assert.equal(counts.stored, kept.length, 'what counts as stored is there, and shown');
        assert.equal(counts.held, held.length, 'what counts as held is there, and not shown');
        assert.ok(counts.accepted >= before.accepted && counts.stored >= before.stored, 'no counter falls');
        for (const [reason, count] of Object.entries(before.dropped)) assert.ok((counts.dropped[reason] ?? 0) >= count, `nor ${reason}`);
        before = counts;
        assert.equal(line.reader.count('events', "kind = 'inference'"), kept.length, 'what is kept is exported, and once');
        for (const record of kept) {
          if (record.keptFor === 'sampled') assert.ok(record.samplingProbability > 0);
          else assert.equal(record.samplingProbability, 1);
          if (line.reader.feedbackOf(record.id).length === 0) assert.notEqual(record.keptFor, 'has_feedback');
        }
        for (const record of held)
          assert.deepEqual([record.keptFor, record.samplingProbability, line.reader.feedbackOf(record.id)], [null, 0, []]);
        const status = readStatus(line.reader, facts(policy, seen, settledAtStart));
        const { accepted, queued, stored: shown, dropped } = status.accounting;
        assert.equal(accepted, shown + sum(dropped) + queued);
        assert.equal(queued, counts.held + seen - (counts.settled - settledAtStart), 'what is not committed is queued');
      };
      const commit = () => {
        line.commit();
        committed += open;
        open = 0;
      };
      for (const one of steps) {
        if (one.do === 'call') {
          const id = one.kind === 'duplicate' && calls > 0 ? `call-${calls}` : `call-${++calls}`;
          line.analysis.observe(exchangeOf(id, now, [{ x: one.kind === 'breach' ? -1 : calls % 50 }], [0], KINDS[one.kind]));
          seen++;
          if (one.kind !== 'no-prediction') open++;
        } else if (one.do === 'label') {
          const fate = line.analysis.feedback(labelOf(`call-${calls - one.back}`, one.value, { receivedAt: now }));
          if (fate === 'sampled-out') reached['told that it is sampled out']++;
        } else if (one.do === 'tick') {
          now += one.ms;
          line.analysis.tick();
        } else if (one.do === 'commit') commit();
        else {
          if (one.do === 'policy') commit();
          else if (open > 0) reached['lost in a crash']++;
          line.crash();
          open = 0;
          seen = 0;
          if (one.do === 'policy') policy = policyWith(one.rate, one.keepAlways);
          line = await openLine(policy, directory, () => now);
          settledAtStart = readCounts(line.reader.state('accounting')).settled;
        }
        hold();
      }
      reached.promoted += stored(line).kept.filter(({ keptFor }) => keptFor === 'has_feedback').length;
      reached['let go'] += before.dropped['sampled-out'] ?? 0;
      line.crash();
    }),
    { seed: 19, numRuns: 60 },
  );
  for (const [state, times] of Object.entries(reached)) t.ok(times > 20, `${state}: reached ${times} times`);
});

/** The process's part of a status. */
function facts(policy: Policy, captured: number, settledAtStart: number) {
  return {
    ...{ version: '0', startedAt: 0, now: 0, policy, reloads: { done: 0, failed: 0, lastError: null }, exporters: [], notices: [] },
    certificates: { inUse: [], reloads: 0, reloadFailures: 0, lastError: null },
    proxy: {
      address: '',
      route: 'primary',
      upstreams: ['primary'],
      fallback: 'none',
      counters: {},
      shedding: 'nothing',
      mode: 'intervene',
      loopDelayMs: 0,
      memoryShare: null,
    } as const,
    loopDelaysMs: {},
    passed: { captured: settledAtStart + captured, leftOut: {} },
  };
}

/** Everything that a monitor said, and what it remembers. */
function judgements(line: Line) {
  return {
    windows: line.reader.page<Finding>('windows', 0, 100_000).items,
    alerts: line.reader.page<Alert>('alerts', 0, 1_000).items.map(({ policyHash: _, ...alert }) => alert),
    monitors: line.reader.monitors(),
    violations: readCounts(line.reader.state('accounting')).violations,
    feedback: readCounts(line.reader.state('accounting')).feedback,
  };
}

/** Traffic that drifts, breaches, fails and is labelled, over three hours; restarted now and then. */
async function replay(t: Test, policy: Policy, restartEvery: number) {
  const directory = t.testdir();
  let now = 1_000_000;
  let line = await openLine(policy, directory, () => now);
  for (let i = 0; i < 600; i++) {
    now += 18_000;
    const x = i % 97 === 0 ? -1 : ((i * 37) % 40) + (i > 400 ? 30 : 0);
    const over = i % 31 === 0 ? ({ outcome: 'failed', status: 502, reason: 'reset' } as const) : {};
    line.analysis.observe(exchangeOf(`call-${i}`, now, [{ x }], [i % 2], { ...over, latencyMs: i > 300 ? 40 : 2 }));
    if (i % 3 === 0 && i >= 50) line.analysis.feedback(labelOf(`call-${i - 50}`, i > 350 ? 7 : (i - 50) % 2, { receivedAt: now }));
    if (i % 5 === 0) line.analysis.tick();
    if (i % 7 === 0) line.commit();
    if (i % restartEvery === restartEvery - 1) {
      line.commit();
      line.crash();
      line = await openLine(policy, directory, () => now);
    }
  }
  line.commit();
  t.teardown(() => line.crash());
  return line;
}

t.test(
  'what is not kept is watched: every judgement is the same at any rate, restarted or not, while something is always kept',
  async (t) => {
    const whole = judgements(await replay(t, policyWith(1, ALL, 20), Number.POSITIVE_INFINITY));
    t.ok(whole.windows.some(({ level }) => level === 'drift') && whole.alerts.length > 1 && (whole.feedback.joined ?? 0) > 100);
    for (const [rate, every] of [
      [0.1, Number.POSITIVE_INFINITY],
      [0.1, 13],
      [0, 29],
    ] as const) {
      const line = await replay(t, policyWith(rate, ALL, 20), every);
      t.same(judgements(line), judgements(await replay(t, policyWith(1, ALL, 20), every)), `rate ${rate}, restarted every ${every} calls`);
      const { held } = stored(line);
      const counts = readCounts(line.reader.state('accounting'));
      t.ok((counts.dropped['sampled-out'] ?? 0) > 100, 'labels are waited for no longer than their time to live');
      t.ok(held.every(({ at }) => at >= 1_000_000 + 600 * 18_000 - TTL_MS - 18_000 * 8));
    }
  },
);

t.test('without has_feedback, records are let go when their window has ended, and their labels are told to be sampled out', async (t) => {
  const policy = policyWith(0.1, ['schema_violation'], 20);
  const line = await replay(t, policy, 31);
  const { kept, held } = stored(line);
  const whole = await replay(t, policyWith(1, ['schema_violation'], 20), 31);
  t.same(judgements(line).windows, judgements(whole).windows, 'restarts find what their windows need');
  t.ok(held.length <= 20 + 8, `${held.length} held`);
  t.ok(kept.every(({ id, keptFor }) => keptFor === 'schema_violation' || (keptFor === 'sampled' && isSampled(id, 0.1))));
  const { feedback } = readCounts(line.reader.state('accounting'));
  const labelled = Array.from({ length: 600 }, (_, i) => i).filter((i) => i % 3 === 0 && i >= 50);
  const keptIds = new Set(kept.map(({ id }) => id));
  const joined = labelled.filter((i) => keptIds.has(`call-${i - 50}`)).length;
  t.same(feedback, { joined, 'sampled-out': labelled.length - joined });
  const errors = line.reader.monitors().find(({ key }) => key.includes('feedback.error'));
  const sampled = labelled.filter((i) => isSampled(`call-${i - 50}`, 0.1) && !((i - 50) % 31 === 0)).length;
  t.match(errors?.shown, { observed: sampled }, 'only what the rate takes stands for all');
});

t.test(
  'from what is kept, totals of all calls can be estimated: those kept for feedback left out, the others by their weights',
  async (t) => {
    const line = await openLine(policyWith(0.2, ALL, 50), t.testdir());
    let truth = 0;
    for (let i = 0; i < 4_000; i++) {
      const x = i % 10 === 0 ? -1 : i % 50;
      truth += x;
      line.analysis.observe(exchangeOf(`call-${i}`, 1_000 + i, [{ x }], [0]));
      // Labels come for high values only: what they are kept for would lead astray.
      if (x > 40) line.analysis.feedback(labelOf(`call-${i}`, 0, { receivedAt: 1_000 + i }));
      if (i % 100 === 0) line.commit();
    }
    line.commit();
    t.teardown(() => line.crash());
    const { kept } = stored(line);
    const weigh = (records: readonly DriftlineRecord[]) =>
      records.reduce((total, { inputs, samplingProbability }) => total + Number(inputs.x?.[0]) / samplingProbability, 0);
    const estimate = weigh(kept.filter(({ keptFor }) => keptFor !== 'has_feedback'));
    const square = kept.reduce((total, { inputs, keptFor }) => total + (keptFor === 'sampled' ? Number(inputs.x?.[0]) ** 2 : 0), 0);
    // Variance of a Poisson sample, estimated from the sample itself.
    const deviation = Math.sqrt((square * (1 - 0.2)) / 0.2 ** 2);
    t.ok(Math.abs(estimate - truth) < 4 * deviation, `${Math.round(estimate)} for ${truth}, deviation ${Math.round(deviation)}`);
    t.ok(Math.abs(weigh(kept) - truth) > 4 * deviation, 'with them it would be far off');
    t.equal(kept.filter(({ keptFor }) => keptFor === 'schema_violation').length, 400);
  },
);

t.test('feedback of two kinds within one commit promotes once; promoted in the moment of being let go, a record stays', async (t) => {
  let now = 1_000_000;
  const line = await openLine(policyWith(0, ['has_feedback']), t.testdir(), () => now);
  t.teardown(() => line.crash());
  for (let i = 0; i < 12; i++) line.analysis.observe(exchangeOf(`call-${i}`, now, [{ x: i }], [0]));
  line.commit();
  now += TTL_MS;
  t.equal(line.analysis.feedback(labelOf('call-3', 1, { receivedAt: now })), 'joined');
  t.equal(line.analysis.feedback(labelOf('call-3', 0.5, { kind: 'reward', receivedAt: now })), 'joined');
  now += 1_000;
  line.analysis.tick();
  line.commit();
  const { kept, held } = stored(line);
  t.match(kept, [{ id: 'call-3', keptFor: 'has_feedback', samplingProbability: 1 }]);
  t.equal(line.reader.count('events', "kind = 'inference'"), 1);
  const { accepted, stored: good, dropped, held: waiting } = readCounts(line.reader.state('accounting'));
  // Those of the open window and the newest are still there.
  t.same([accepted, good, waiting, dropped], [12, 1, held.length, { 'sampled-out': 12 - 1 - held.length }]);
  t.ok(held.length > 0 && held.length < 11);
});
