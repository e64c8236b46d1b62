import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import t, { type Test } from 'tap';
import type { ActionResult, ActionTools } from '../../../contracts/action.ts';
import type { Decision } from '../../../contracts/alert.ts';
import { cloudEvent } from '../../../policies/actions/bodies.ts';
import { webhook } from '../../../policies/actions/webhook.ts';
import { alertWith, policyWith, webhookWith } from '../../support/alerting.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OLDER = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;

interface Got {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver on loopback that keeps what it got and answers as told. */
async function receiver(t: Test, answer: (response: ServerResponse, count: number) => void): Promise<{ url: string; got: Got[] }> {
  const got: Got[] = [];
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    got.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    });
    answer(response, got.length);
  };
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  // A TCP server's address is an object.
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=hush`, got };
}

const context = {
  policy: policyWith(),
  open: [],
  retraining: { fromRow: 0, toRow: 9, fromAt: 1, toAt: 2, rows: 10, labels: 4 },
};

function decisionWith(body: string): Decision {
  return {
    id: 'a7f3a7f3a7f3a7f3-1-1-retrain',
    alertId: 'a7f3a7f3a7f3a7f3-1',
    alertState: 'firing',
    signal: 'inputs.income',
    action: 'retrain',
    type: 'webhook',
    state: 'queued',
    reason: null,
    decidedAt: 1,
    finishedAt: null,
    attempts: 0,
    nextAttemptAt: 1,
    payload: body,
    result: null,
    hash: '',
    previousHash: '',
  };
}

function toolsWith(over: Partial<ActionTools> = {}): ActionTools {
  return {
    now: () => Date.now(),
    secret: () => SECRET,
    print: () => {},
    route: async () => ({ before: '', after: '' }),
    signal: new AbortController().signal,
    ...over,
  };
}

const BODY = cloudEvent({ action: 'retrain', purpose: 'retrain', alert: alertWith({ model: 'crédit – 信用' }), context });

async function send(url: string, over: Parameters<typeof webhookWith>[0] = {}, tools: Partial<ActionTools> = {}): Promise<ActionResult> {
  return await webhook.perform(webhookWith({ url, secretRef: 'hook', ...over }), decisionWith(BODY), toolsWith(tools));
}

function status(code: number, headers: { [name: string]: string } = {}, body = ''): (response: ServerResponse) => void {
  return (response) => response.writeHead(code, headers).end(body);
}

t.test('the stored body arrives once, byte for byte, with a signature that the published library accepts', async (t) => {
  const { url, got } = await receiver(t, status(202, {}, 'run 17 queued\n'));
  t.same(await send(url), { kind: 'done', result: 'HTTP 202: run 17 queued' });
  t.equal(got.length, 1);
  const { method, path, headers, body } = got[0]!;
  t.same([method, path, headers['content-type']], ['POST', '/hook?token=hush', 'application/cloudevents+json; charset=utf-8']);
  t.equal(body, BODY);
  t.equal(headers['webhook-id'], 'a7f3a7f3a7f3a7f3-1-1-retrain');
  t.same(new Webhook(SECRET).verify(body, headers as { [name: string]: string }), JSON.parse(BODY));
  t.throws(() => new Webhook(OLDER).verify(body, headers as { [name: string]: string }));
  t.throws(() => new Webhook(SECRET).verify(`${body} `, headers as { [name: string]: string }));
});

t.test('while a secret is rotated, receivers of either one accept the call', async (t) => {
  const { url, got } = await receiver(t, status(200));
  await send(url, {}, { secret: () => `${SECRET}\n${OLDER}` });
  for (const secret of [SECRET, OLDER]) {
    t.ok(new Webhook(secret).verify(got[0]!.body, got[0]!.headers as { [name: string]: string }));
  }
});

t.test('each attempt has a timestamp of its own and the same id', async (t) => {
  const { url, got } = await receiver(t, status(503));
  for (const at of [1_700_000_000_999, 1_700_000_300_000]) await send(url, {}, { now: () => at });
  t.same(
    got.map(({ headers }) => [headers['webhook-id'], headers['webhook-timestamp']]),
    [
      ['a7f3a7f3a7f3a7f3-1-1-retrain', '1700000000'],
      ['a7f3a7f3a7f3a7f3-1-1-retrain', '1700000300'],
    ],
  );
});

t.test('without a secret in the policy the call is not signed', async (t) => {
  const { url, got } = await receiver(t, status(200));
  t.match(await send(url, { secretRef: null }), { kind: 'done' });
  t.notOk(got[0]!.headers['webhook-signature']);
});

t.test('a missing or malformed secret sends nothing, names the reference and never the secret', async (t) => {
  const { url, got } = await receiver(t, status(200));
  t.match(await send(url, {}, { secret: () => null }), { kind: 'retry', reason: 'secret hook is not configured' });
  const short = `whsec_${Buffer.alloc(23).toString('base64')}`;
  for (const secret of [
    'plain',
    'whsec_',
    short,
    `whsec_${'*'.repeat(40)}`,
    `${SECRET} plain`,
    `whsec_${Buffer.alloc(65).toString('base64')}`,
  ]) {
    const result = await send(url, {}, { secret: () => secret });
    t.match(result, { kind: 'retry', reason: /secret hook is not whsec_/ });
    t.notMatch(JSON.stringify(result), secret.slice('whsec_'.length) || 'nothing');
  }
  t.equal(got.length, 0);
});

const ANSWERS: readonly [code: number, headers: { [name: string]: string }, expected: ActionResult][] = [
  [200, {}, { kind: 'done', result: 'HTTP 200' }],
  [204, {}, { kind: 'done', result: 'HTTP 204' }],
  [301, { location: 'http://127.0.0.1:9/' }, { kind: 'failed', reason: 'HTTP 301: redirects are not followed' }],
  [307, { location: '/other' }, { kind: 'failed', reason: 'HTTP 307: redirects are not followed' }],
  [400, {}, { kind: 'failed', reason: 'HTTP 400' }],
  [404, {}, { kind: 'failed', reason: 'HTTP 404' }],
  [410, {}, { kind: 'failed', reason: 'HTTP 410', disable: true }],
  [429, { 'retry-after': '17' }, { kind: 'retry', reason: 'HTTP 429', afterMs: 17_000 }],
  [500, {}, { kind: 'retry', reason: 'HTTP 500', afterMs: null }],
  [503, { 'retry-after': '0' }, { kind: 'retry', reason: 'HTTP 503', afterMs: 1000 }],
  [503, { 'retry-after': '99999999' }, { kind: 'retry', reason: 'HTTP 503', afterMs: 86_400_000 }],
  [503, { 'retry-after': 'Thu, 01 Jan 1970 00:02:00 GMT' }, { kind: 'retry', reason: 'HTTP 503', afterMs: 60_000 }],
  [503, { 'retry-after': 'soon' }, { kind: 'retry', reason: 'HTTP 503', afterMs: null }],
];

for (const [code, headers, expected] of ANSWERS) {
  t.test(`an answer ${code} ${JSON.stringify(headers)} is ${expected.kind}, after one call`, async (t) => {
    const { url, got } = await receiver(t, status(code, headers));
    t.same(await send(url, {}, { now: () => 60_000 }), expected);
    t.equal(got.length, 1);
  });
}

t.test('an endless or hostile answer is cut short and made plain', async (t) => {
  const { url } = await receiver(t, (response) => {
    response.writeHead(400);
    const pour = (): void => {
      while (!response.destroyed && response.write(`\u001b[31m${'x'.repeat(5000)}`));
    };
    response.on('drain', pour);
    pour();
  });
  const result = await send(url);
  t.equal(result.kind, 'failed');
  const reason = result.kind === 'failed' ? result.reason : '';
  t.match(reason, /^HTTP 400: \?\[31mxxx/);
  t.ok(reason.length < 250);
});

t.test('a receiver that never answers is given up after the timeout', async (t) => {
  const { url } = await receiver(t, () => {});
  t.same(await send(url, { timeoutMs: 80 }), { kind: 'retry', reason: 'no answer within 80 ms', afterMs: null });
});

t.test('a receiver that begins its answer and hangs is given up after the timeout', async (t) => {
  const { url } = await receiver(t, (response) => {
    response.writeHead(200);
    response.write('half');
  });
  t.same(await send(url, { timeoutMs: 80 }), { kind: 'retry', reason: 'no answer within 80 ms', afterMs: null });
});

t.test('a reset and a closed port are tried again, and the reason tells nothing of the query', async (t) => {
  const { url } = await receiver(t, (response) => response.destroy());
  const reset = await send(url);
  t.match(reset, { kind: 'retry', afterMs: null });
  t.notMatch(JSON.stringify(reset), 'hush');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  t.match(await send(`http://127.0.0.1:${port}/?token=hush`), { kind: 'retry', reason: /ECONNREFUSED/ });
});

t.test('without allowPrivate a private target is refused before anything is sent, by number or by name', async (t) => {
  const { url, got } = await receiver(t, status(200));
  const refusal = { kind: 'failed', reason: /not a public address; set allowPrivate/ };
  t.match(await send(url, { allowPrivate: false }), refusal);
  t.match(await send(url.replace('127.0.0.1', 'localhost'), { allowPrivate: false }), refusal);
  t.match(await send(url.replace('127.0.0.1', '2130706433'), { allowPrivate: false }), refusal);
  t.match(await send(url.replace('127.0.0.1', '[::ffff:127.0.0.1]'), { allowPrivate: false }), refusal);
  t.match(await send('http://169.254.169.254/latest/meta-data', { allowPrivate: false }), refusal);
  t.equal(got.length, 0);
});

t.test('an attempt that is called off ends at once', async (t) => {
  const stop = new AbortController();
  const { url } = await receiver(t, () => stop.abort());
  t.match(await send(url, { timeoutMs: 60_000 }, { signal: stop.signal }), { kind: 'retry' });
});
