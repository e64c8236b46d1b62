import t from 'tap';
import type { Line } from '../support/line.ts';
import { exchangeOf, labelOf, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

const spec = `  model: {name: m, prediction: predictions}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema:
    inputs: [{name: x, type: number, min: -100, max: 100}, {name: c, type: categorical}]
    outputs: [{name: predictions, type: integer}]
  reference: {source: traffic, learn: {rows: 200}}
  window: {type: tumbling, rows: 100}
  minSamples: 50
  monitors:
    - name: drift
      features: "*"
      detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.2}}, categorical: {type: chi-squared, effect: {stat: cramers_v, atLeast: 0.2}}}
      correction: {method: benjamini-hochberg, family: window, q: 0.01}
    - {name: mean, features: [x], detectors: {numeric: {type: adwin, delta: 0.002}}}
    - {name: errors, needs: feedback, detectors: {error: {type: ddm, minErrors: 5}}}
    - {name: failed, features: [request.failed], detectors: {numeric: {type: adwin}}}
  feedback: {join: {by: request_id, ttl: 1h, via: [http]}}
  actions: [{name: console, type: console}]
`;
const policy = policyOf(spec);

/** The i-th call of a stream whose column x moves at row 400, whose labels turn wrong from 500 on. */
function step(line: Line, i: number): void {
  const u = ((i * 2654435761) % 1000) / 1000;
  line.analysis.observe(exchangeOf(`id-${i}`, 1_000 + i, [{ x: u + (i >= 400 ? 0.7 : 0), c: i % 3 === 0 ? 'a' : 'b' }]));
  if (i >= 20) line.analysis.feedback(labelOf(`id-${i - 20}`, i - 20 >= 500 ? i % 2 : Number(i % 20 === 0), { receivedAt: 1_000 + i }));
}

/** Everything that a restart must not change. */
function outcome(line: Line): unknown {
  const alerts = line.reader.page<{ id: string }>('alerts', 0, 1_000).items;
  return {
    alerts,
    windows: line.reader.page('windows', 0, 1_000).items,
    decisions: line.reader.page('decisions', 0, 1_000).items,
    monitors: line.reader.monitors(),
    state: ['progress', 'alerts', 'accounting', 'reference'].map((key) => line.reader.state(key)),
    records: line.reader.count('records'),
    feedback: line.reader.count('feedback'),
    events: line.reader.count('events'),
  };
}

const ROWS = 900;

t.test('restored equals uninterrupted: after a crash at any commit the rest of the stream comes to the same', async (t) => {
  const whole = await openLine(policy, t.testdir());
  for (let i = 0; i < ROWS; i++) {
    step(whole, i);
    if (i % 10 === 9) whole.commit();
  }
  const expected = outcome(whole) as { alerts: { signal: string }[]; windows: unknown[] };
  t.ok(
    expected.alerts.some((alert) => alert.signal === 'inputs.x'),
    'the moved column is found',
  );
  t.ok(
    expected.alerts.some((alert) => alert.signal === 'feedback.error'),
    'the wrong labels are found',
  );
  t.notOk(
    expected.alerts.some((alert) => alert.signal === 'inputs.c'),
    'the quiet column is quiet',
  );
  t.equal(expected.windows.length, 18);
  whole.crash();
  for (const cut of [10, 150, 199, 200, 390, 450, 555, 810]) {
    const folder = t.testdir({ [`cut-${cut}`]: {} });
    let line = await openLine(policy, folder);
    const at = Math.floor(cut / 10) * 10;
    for (let i = 0; i < cut; i++) {
      step(line, i);
      if (i % 10 === 9) line.commit();
    }
    line.crash();
    line = await openLine(policy, folder);
    for (let i = at; i < ROWS; i++) {
      step(line, i);
      if (i % 10 === 9) line.commit();
    }
    t.same(outcome(line), expected, `killed after row ${cut}`);
    line.crash();
  }
});

t.test('feedback meets each of its fates once, and only what joined is watched', async (t) => {
  let now = 2_000;
  const line = await openLine(policy, t.testdir(), () => now);
  line.analysis.observe(exchangeOf('a', 1_000, [{ x: 1, c: 'a' }], [1]));
  line.analysis.observe(
    exchangeOf(
      'b',
      1_000,
      [
        { x: 1, c: 'a' },
        { x: 2, c: 'a' },
      ],
      [1, 0],
    ),
  );
  const fates = [
    line.analysis.feedback(labelOf('a', 1)),
    line.analysis.feedback(labelOf('a', '1')),
    line.analysis.feedback(labelOf('a', 0)),
    line.analysis.feedback(labelOf('b', 1)),
    line.analysis.feedback(labelOf('b', 1, { row: 1 })),
    line.analysis.feedback(labelOf('b', 1, { row: 2 })),
    line.analysis.feedback(labelOf('c', 1)),
    line.analysis.feedback(labelOf('never', 1)),
    line.analysis.feedback(labelOf('b', 1, { row: 0, receivedAt: 3_700_000 })),
  ];
  t.same(fates, ['joined', 'duplicate', 'contradicting', 'unusable', 'joined', 'unusable', 'early', 'early', 'late']);
  line.commit();
  line.analysis.observe(exchangeOf('c', 2_000, [{ x: 1, c: 'a' }], [0]));
  line.commit();
  t.match(line.reader.feedbackOf('c'), [{ value: 1, error: true }], 'early feedback joins when its record comes');
  t.match(line.reader.feedbackOf('b'), [{ row: 1, value: 1, error: true }]);
  now = 10_000_000;
  line.analysis.tick();
  line.commit();
  const accounting = line.reader.state('accounting') as { feedback: unknown };
  t.same(accounting.feedback, { joined: 3, duplicate: 1, contradicting: 1, unusable: 2, early: 2, late: 1, orphan: 1 });
  line.crash();
});

t.test("the request's own id joins as long as one live record carries it, and is ambiguous with two", async (t) => {
  const v2 = policyOf(spec.replace('kserve-v1', 'kserve-v2'));
  const line = await openLine(v2, t.testdir());
  const call = (id: string, requestId: string) => {
    const request = Buffer.from(JSON.stringify({ id: requestId, inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }] }));
    const response = Buffer.from(JSON.stringify({ outputs: [{ name: 'predictions', datatype: 'INT64', shape: [1], data: [1] }] }));
    return exchangeOf(id, 1_000, [], [], {
      path: '/v2/models/m/infer',
      request: { bytes: request, totalBytes: request.length },
      response: { bytes: response, totalBytes: response.length },
    });
  };
  line.analysis.observe(call('one', 'order-7'));
  t.equal(line.analysis.feedback(labelOf('order-7', 1)), 'joined');
  line.commit();
  line.analysis.observe(call('two', 'order-7'));
  t.equal(line.analysis.feedback(labelOf('order-7', 0)), 'ambiguous');
  line.crash();
});

t.test('an id that was used before is counted and stored once', async (t) => {
  const line = await openLine(policy, t.testdir());
  for (const round of [1, 2]) {
    line.analysis.observe(exchangeOf('same', round, [{ x: 1, c: 'a' }]));
    line.analysis.observe(exchangeOf('same', round, [{ x: 1, c: 'a' }]));
    line.commit();
  }
  const { accepted, stored, dropped } = line.reader.state('accounting') as {
    accepted: number;
    stored: number;
    dropped: { [reason: string]: number };
  };
  t.same(
    { accepted, stored, dropped, records: line.reader.count('records') },
    { accepted: 4, stored: 1, dropped: { 'duplicate-id': 3 }, records: 1 },
  );
  line.crash();
});

t.test('whatever cannot be decoded is a record with its reason, and other calls are none', async (t) => {
  const line = await openLine(policy, t.testdir());
  const garbage = Buffer.from('{"instances": [');
  line.analysis.observe(exchangeOf('a', 1, [], [], { request: { bytes: garbage, totalBytes: garbage.length } }));
  line.analysis.observe(exchangeOf('b', 1, [{ x: 1 }], [0], { response: { bytes: Buffer.alloc(0), totalBytes: 500_000 } }));
  line.analysis.observe(exchangeOf('c', 1, [{ x: 1 }], [0], { status: 503, outcome: 'answered' }));
  line.analysis.observe(exchangeOf('d', 1, [{ x: 1 }], [0], { status: 0, outcome: 'aborted', servedBy: 'primary' }));
  line.analysis.observe(exchangeOf('e', 1, [], [], { method: 'GET', path: '/v2/health/ready' }));
  line.commit();
  t.match(line.reader.page('records', 0, 10).items, [
    { id: 'a', undecoded: 'not-json', rows: 0, firstRow: null },
    { id: 'b', undecoded: 'response: truncated', rows: 1, outputs: {} },
    { id: 'c', status: 503, undecoded: null, rows: 1 },
    { id: 'd', outcome: 'aborted', rows: 1 },
  ]);
  t.match(line.reader.state('accounting'), { stored: 4, notPredictions: 1, undecoded: { 'not-json': 1, 'response: truncated': 1 } });
  line.crash();
});

t.test('a fault of our own costs one record, counted and said, and the line goes on', async (t) => {
  const line = await openLine(policy, t.testdir());
  line.analysis.observe({ ...exchangeOf('a', 1, [{ x: 1, c: 'a' }]), path: null as never });
  line.analysis.observe(exchangeOf('b', 1, [{ x: 1, c: 'a' }]));
  line.commit();
  t.match(line.reader.state('accounting'), { accepted: 2, stored: 1, dropped: { internal: 1 } });
  t.match(line.log, [/record a failed/]);
  line.crash();
});

t.test('names that change from call to call are no columns, and fill no memory', async (t) => {
  const open = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  reference: {source: traffic, learn: {rows: 100}}
  window: {type: tumbling, rows: 100}
`);
  const line = await openLine(open, t.testdir());
  for (let i = 0; i < 100; i++) {
    const row = Object.fromEntries(Array.from({ length: 50 }, (_, k) => [`n${i}-${k}`, k]));
    line.analysis.observe(exchangeOf(`id-${i}`, i, [row]));
  }
  line.commit();
  const { versions } = line.reader.state('reference') as { versions: { columns: object }[] };
  t.same(
    versions.map(({ columns }) => Object.keys(columns).length),
    [400],
  );
  line.crash();
});

t.test('only an answered call names the model version, and an upstream may name its own', async (t) => {
  const versioned = policyOf(`  model: {name: m, version: "header:x-version"}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1", version: v41}}}
`);
  const line = await openLine(versioned, t.testdir());
  line.analysis.observe(exchangeOf('a', 1, [{ x: 1 }]));
  line.analysis.observe(exchangeOf('b', 2, [{ x: 1 }], [0], { responseHeaders: [['X-Version', 'v42']] }));
  line.analysis.observe(exchangeOf('c', 3, [{ x: 1 }], [0], { status: 404, requestHeaders: [['x-version', 'v99']] }));
  line.commit();
  t.match(line.reader.page('records', 0, 10).items, [{ version: 'v41' }, { version: 'v42' }, { version: 'v99', status: 404 }]);
  t.equal(line.reader.state('modelVersion'), 'v42');
  line.crash();
});
