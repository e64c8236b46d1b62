import { EventEmitter } from 'node:events';
import { request } from 'node:http';
import t, { type Test } from 'tap';
import { openAdmin } from '../../agent/admin/server.ts';
import { readStatus } from '../../agent/status.ts';
import type { StoreReader } from '../../agent/store/read.ts';
import type { Policy } from '../../contracts/policy.ts';
import type { Feedback } from '../../contracts/record.ts';
import { exchangeOf, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

const policy = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  monitors: [{name: failed, features: [request.failed], detectors: {numeric: {type: adwin}}}]
`);

async function open(t: Test, token: string | null = null, kept: Policy = policy, leftOut: { readonly [reason: string]: number } = {}) {
  const line = await openLine(kept, t.testdir());
  for (let i = 0; i < 5; i++) line.analysis.observe(exchangeOf(`id-${i}`, 1_000 + i, [{ x: i }, { x: i }], [0, 1]));
  line.commit();
  const received: Feedback[] = [];
  const changes = new EventEmitter<{ committed: [] }>();
  const status = () =>
    readStatus(line.reader, {
      version: '0',
      startedAt: 0,
      now: 0,
      policy,
      reloads: { done: 0, failed: 0, lastError: null },
      proxy: {
        mode: 'intervene',
        address: '',
        route: 'primary',
        upstreams: ['primary'],
        fallback: 'none',
        counters: { requests: 5 },
        shedding: 'records',
        loopDelayMs: 60,
        memoryShare: 0.5,
      },
      loopDelaysMs: { main: 1, analysis: 250, 'data-0': 60 },
      certificates: { inUse: [], reloads: 0, reloadFailures: 0, lastError: null },
      exporters: [],
      notices: [],
      passed: { captured: 7, leftOut },
    });
  const admin = await openAdmin({
    listen: { host: '127.0.0.1', port: 0 },
    token,
    reader: line.reader,
    status,
    ready: () => ({ ready: false, why: 'draining' }),
    feedback: async (lines) => void received.push(...lines),
    route: async (to) => {
      if (to !== 'fallback') throw new Error(`no upstream ${to}`);
      return { before: 'primary', after: to };
    },
    policyText: () => 'kind: Policy',
    explain: () => '',
    changes,
  });
  t.teardown(async () => {
    await admin.close();
    line.crash();
  });
  return { url: `http://127.0.0.1:${admin.address.port}`, port: admin.address.port, received, changes, reader: line.reader };
}

/** A call with headers that fetch would not send. */
function raw(port: number, path: string, headers: { [name: string]: string }, method = 'GET', body = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on('error', reject);
    call.end(body);
  });
}

t.test('lists are paged: next leads from page to page to the end', async (t) => {
  const { url } = await open(t);
  const ids: string[] = [];
  for (let after: string | null = '0'; after !== null; ) {
    const page = (await (await fetch(`${url}/v1/records?limit=2&after=${after}`)).json()) as {
      items: { id: string }[];
      next: string | null;
    };
    t.ok(page.items.length <= 2);
    ids.push(...page.items.map((item) => item.id));
    after = page.next;
  }
  t.same(ids, ['id-0', 'id-1', 'id-2', 'id-3', 'id-4']);
  const fromRow = (await (await fetch(`${url}/v1/records?fromRow=5`)).json()) as { items: { id: string }[] };
  t.same(
    fromRow.items.map((item) => item.id),
    ['id-2', 'id-3', 'id-4'],
    'row 5 is the second row of id-2',
  );
  t.equal((await fetch(`${url}/v1/records?limit=0`)).status, 400);
  t.equal((await fetch(`${url}/v1/records?after=x`)).status, 400);
  t.equal((await fetch(`${url}/v1/records?fromRow=x`)).status, 400);
  t.equal((await fetch(`${url}/v1/records?held=yes`)).status, 400);
});

t.test('a record by its id carries its feedback, an unknown one is 404', async (t) => {
  const { url } = await open(t);
  t.match(await (await fetch(`${url}/v1/records/id-3`)).json(), { id: 'id-3', rows: 2, feedback: [] });
  t.equal((await fetch(`${url}/v1/records/none`)).status, 404);
  t.match(
    await (await fetch(`${url}/v1/records/${'%61'.repeat(128)}`)).json(),
    { error: /no record of this id/ },
    'ids have up to 128 characters',
  );
  t.equal((await fetch(`${url}/v1/alerts/none`)).status, 404);
  t.equal((await fetch(`${url}/v1/nothing`)).status, 404);
});

t.test('probes say live and, while draining, not ready', async (t) => {
  const { url } = await open(t);
  t.equal((await fetch(`${url}/livez`)).status, 200);
  const ready = await fetch(`${url}/readyz`);
  t.equal(ready.status, 503);
  t.same(await ready.json(), { ready: false, why: 'draining' });
});

t.test('feedback is 202 when it was handed on, 400 when nothing was readable, 413 when it is too much', async (t) => {
  const { url, received } = await open(t);
  const post = (body: string) => fetch(`${url}/v1/feedback`, { method: 'POST', body });
  const some = await post('{"id":"id-1","label":1}\nnonsense\n');
  t.equal(some.status, 202);
  t.match(await some.json(), { accepted: 1, rejected: [{ line: 2 }] });
  t.match(received, [{ id: 'id-1', kind: 'label', value: 1 }]);
  t.equal((await post('[]')).status, 400);
  t.equal((await post('')).status, 400);
  t.equal((await post(`{"id":"${'x'.repeat(1024 * 1024)}","label":1}`)).status, 413);
  t.equal((await post('{"id":"a","label":1}\n'.repeat(10_001))).status, 413);
  t.equal(received.length, 1);
});

t.test('the metrics are those of the store, in the text that Prometheus reads', async (t) => {
  const { url } = await open(t);
  const text = await (await fetch(`${url}/metrics`)).text();
  t.match(text, /^# TYPE driftline_inferences_total counter$/m);
  t.match(text, /^driftline_inferences_total\{model_name="m",route="primary"\} 5$/m);
  t.match(text, /^driftline_monitor_observations_total\{monitor="failed",signal="request.failed",detector="adwin"\} 5$/m);
  t.equal(text, await (await fetch(`${url}/metrics`)).text(), 'counters are not counted up by being read');
});

t.test('a name that is not ours and a page of another site are refused', async (t) => {
  const { port } = await open(t);
  t.equal(await raw(port, '/v1/status', { host: `127.0.0.1:${port}` }), 200);
  t.equal(await raw(port, '/v1/status', { host: 'evil.example' }), 421, 'DNS rebinding');
  t.equal(await raw(port, '/v1/status', { host: 'localhost', 'sec-fetch-site': 'cross-site' }), 403);
  t.equal(await raw(port, '/v1/feedback', { host: 'localhost', 'sec-fetch-site': 'cross-site' }, 'POST', '{"id":"a","label":1}'), 403);
  t.equal(await raw(port, '/v1/feedback', { host: 'localhost', 'sec-fetch-site': 'same-origin' }, 'POST', '{"id":"a","label":1}'), 202);
});

t.test('with a token set, writes need it and reads on this machine do not', async (t) => {
  const { port, url } = await open(t, 'secret-token');
  const write = (authorization?: string) =>
    fetch(`${url}/v1/routes`, {
      method: 'POST',
      body: '{"active":"fallback"}',
      headers: authorization === undefined ? {} : { authorization },
    });
  t.equal((await write()).status, 401);
  t.equal((await write('Bearer secret-toke')).status, 401);
  t.equal((await write('Bearer secret-token')).status, 200);
  t.equal(await raw(port, '/v1/status', { host: 'localhost' }), 200);
});

t.test('an unknown route is a clear 400', async (t) => {
  const { url } = await open(t);
  const answer = await fetch(`${url}/v1/routes`, { method: 'POST', body: '{"active":"nowhere"}' });
  t.equal(answer.status, 400);
  t.match(await answer.json(), { error: /no upstream nowhere/ });
  t.equal((await fetch(`${url}/v1/routes`, { method: 'POST', body: 'x' })).status, 400);
});

t.test('the page hears of changes', async (t) => {
  const { url, changes } = await open(t);
  const stop = new AbortController();
  const answer = await fetch(`${url}/v1/events`, { signal: stop.signal });
  t.match(answer.headers.get('content-type'), /event-stream/);
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  t.match((await reader.read()).value, /event: changed/);
  changes.emit('committed');
  t.match((await reader.read()).value, /event: changed/);
  stop.abort();
});

t.test('a second admin on the same port is a clear mistake', async (t) => {
  const { port, reader } = await open(t);
  await t.rejects(openAdmin({ listen: { host: '127.0.0.1', port }, reader: reader as StoreReader, token: null } as never), {
    code: 'port-in-use',
    message: /127\.0\.0\.1:\d+ is in use; .*--admin/,
  });
});

t.test('an address of another machine is said to be that, and not to be in use', async (t) => {
  const { reader } = await open(t);
  await t.rejects(openAdmin({ listen: { host: '192.0.2.1', port: 0 }, reader: reader as StoreReader, token: null } as never), {
    code: 'cannot-listen',
    message: /192\.0\.2\.1:0 cannot be opened \(EADDRNOTAVAIL\); .*--admin/,
  });
});

t.test('what was captured and is not on record yet is queued', async (t) => {
  const { url } = await open(t);
  t.match(await (await fetch(`${url}/v1/status`)).json(), { accounting: { accepted: 7, stored: 5, dropped: {}, queued: 2 } });
});

t.test('what never came into a ring is dropped at once, whether the analysis has heard of it or not', async (t) => {
  const { url } = await open(t, null, policy, { 'ring-full': 4 });
  t.match(await (await fetch(`${url}/v1/status`)).json(), {
    accounting: { accepted: 11, stored: 5, dropped: { 'ring-full': 4 }, queued: 2 },
  });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  t.match(metrics, /^driftline_accepted_total 9$/m);
  t.match(metrics, /^driftline_dropped_total\{reason="ring-full"\} 4$/m);
});

t.test('records that sampling does not keep are shown where they are asked for, and counted as queued', async (t) => {
  const sampling = { rate: 0, keepAlways: ['has_feedback'] } as const;
  const { url } = await open(t, null, { ...policy, traffic: { ...policy.traffic, sampling } });
  const records = async (query: string) => ((await (await fetch(`${url}/v1/records${query}`)).json()) as { items: object[] }).items;
  t.same(await records(''), []);
  t.match(await records('?held=true&limit=2'), [
    { id: 'id-0', keptFor: null, samplingProbability: 0 },
    { id: 'id-1', keptFor: null },
  ]);
  t.match(await (await fetch(`${url}/v1/records/id-3`)).json(), { id: 'id-3', keptFor: null });
  t.match(await (await fetch(`${url}/v1/status`)).json(), { accounting: { accepted: 7, stored: 0, dropped: {}, held: 5, queued: 7 } });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1]);
  t.same(['driftline_accepted_total', 'driftline_stored_total', 'driftline_queued', 'driftline_ring_calls'].map(value), [5, 0, 5, 2]);
});
