/**
 * The page in a real Chromium, before a real Driftline with a stand-in model server.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import t from 'tap';
import type { Driftline } from '../../agent/build.ts';
import { build } from '../../agent/build.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { loadPolicy } from '../../policies/load.ts';
import { findChromium, launchChromium, NO_CHROMIUM } from '../support/chromium.ts';

const WINDOW_ROWS = 100;
/** What a caller may well send; short enough that a note does not cut it. */
const HOSTILE = '<img src=x onerror="document.title=1">';
/** A name that an attacker lets point at this machine. */
const REBOUND = 'rebound.test';

const POLICY = `apiVersion: driftline/v1
kind: Policy
metadata: { name: page-test }
spec:
  model: { name: credit, prediction: label }
  traffic:
    protocol: kserve-v2
    upstreams: { primary: { url: "\${MODEL}", timeout: 5s } }
  schema:
    inputs:
      - { name: income, type: number }
      - { name: region, type: categorical }
    outputs: [{ name: label, type: integer }]
  reference: { source: file, path: reference.csv }
  window: { type: tumbling, rows: ${WINDOW_ROWS} }
  minSamples: 50
  monitors:
    - name: input-drift
      features: ["income", "region"]
      detectors:
        numeric: { type: ks, effect: { stat: D, atLeast: 0.2 } }
        categorical: { type: chi-squared, effect: { stat: cramers_v, atLeast: 0.2 } }
      correction: { method: benjamini-hochberg, family: window, q: 0.01 }
      for: 1 window
      severity: warning
  alerts: { routes: [{ match: { severity: warning }, actions: [console] }] }
  actions: [{ name: console, type: console }]
`;

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function modelServer(): Server {
  return createServer((request, response) => {
    request.resume().on('end', () => {
      const data = Array.from({ length: WINDOW_ROWS / 2 }, (_, row) => row % 2);
      const outputs = [{ name: 'label', datatype: 'INT64', shape: [data.length], data }];
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ model_name: 'credit', outputs }));
    });
  });
}

/** Half a window of rows in one call. */
async function predict(driftline: Driftline, shift: number, region: string): Promise<string | null> {
  const shape = [WINDOW_ROWS / 2];
  const inputs = [
    { name: 'income', datatype: 'FP64', shape, data: Array.from({ length: shape[0]! }, (_, row) => shift + row) },
    { name: 'region', datatype: 'BYTES', shape, data: Array.from({ length: shape[0]! }, (_, row) => (row % 2 === 0 ? region : 'west')) },
  ];
  const answer = await fetch(`http://${driftline.data.host}:${driftline.data.port}/v2/models/credit/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs }),
  });
  await answer.arrayBuffer();
  return answer.headers.get('x-driftline-id');
}

/** Text as it is laid out: blocks are apart, hidden parts are left out. */
function shown(locator: Locator): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: the layout is what is looked at
  return locator.innerText();
}

/** Everything that a quiet page must not do. */
function watch(page: Page): { complaints: string[]; origins: Set<string>; loads: () => number } {
  const complaints: string[] = [];
  const origins = new Set<string>();
  let loads = 0;
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  page.on('domcontentloaded', () => loads++);
  return { complaints, origins, loads: () => loads };
}

const executable = findChromium();
if (executable === null && process.env.CI !== 'true') {
  t.comment(`skipped: ${NO_CHROMIUM}`);
  t.pass('the page in a real browser', { skip: NO_CHROMIUM });
} else if (executable === null) {
  t.fail(NO_CHROMIUM);
} else {
  t.setTimeout(90_000);
  const model = modelServer();
  const modelUrl = await listen(model);
  const folder = t.testdir({ 'policy.yaml': POLICY });
  const rows = Array.from({ length: 500 }, (_, row) => `${row % 50},${row % 2 === 0 ? 'east' : 'west'}`);
  writeFileSync(path.join(folder, 'reference.csv'), `income,region\n${rows.join('\n')}\n`);
  const policy = loadPolicy(path.join(folder, 'policy.yaml'), {
    detectors: new Map(detectors.map((detector) => [detector.type, detector])),
    env: { MODEL: modelUrl },
  });
  const start = (admin: number) =>
    build({
      policy,
      reload: null,
      listen: { host: '127.0.0.1', port: 0 },
      admin: { host: '127.0.0.1', port: admin },
      stateDirectory: path.join(folder, 'state'),
      print: () => {},
      log: () => {},
      onDeath: (_, fault) => {
        throw fault;
      },
    });
  let driftline = await start(0);
  const origin = `http://${driftline.admin.host}:${driftline.admin.port}`;
  const browser = await launchChromium(executable, [REBOUND]);
  t.teardown(async () => {
    await browser.close();
    await driftline.close();
    model.close();
    model.closeAllConnections();
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(20_000);
  // The page also asks without any event, if rarely; here only events bring news.
  await page.addInitScript(() => {
    const later = window.setTimeout.bind(window);
    Object.assign(window, { setTimeout: (run: () => void, afterMs = 0) => (afterMs >= 10_000 ? 0 : later(run, afterMs)) });
  });
  const seen = watch(page);
  const row = (name: string) => page.getByRole('row', { name });

  await t.test('before the first prediction the page says how things stand and what to do next', async (t) => {
    await page.goto(`${origin}/`);
    await page.getByText('● live').waitFor();
    t.match(await shown(page.locator('#verdict')), /Not judged yet/);
    t.match(await shown(page.locator('#health')), /Requests\s+0\s[\s\S]*Failed calls\s+0\s+no call came yet[\s\S]*Fallback\s+none/);
    const start = page.getByRole('region', { name: 'Nothing has come through yet' });
    t.match(await shown(start), new RegExp(`http://127.0.0.1:${driftline.data.port}/[\\s\\S]*${origin}/v1/feedback`));
  });

  await t.test('healthy predictions turn it to OK without a reload', async (t) => {
    for (let half = 0; half < 2; half++) await predict(driftline, 0, 'east');
    await row('inputs.income').getByText('✓ stable').waitFor();
    await page.locator('#verdict').getByText('OK').waitFor();
    t.match(await shown(page.locator('#health')), /primary 2\s[\s\S]*2 stored\s+0 dropped, all decoded[\s\S]*100 rows\s+1 window closed/);
    t.notOk(await page.locator('#start').isVisible(), 'the first steps are gone');
    t.equal(await row('inputs.income').getByRole('img').getAttribute('aria-label'), 'last window: 1 stable');
    t.equal(await shown(page.locator('#alerts')), 'No alert so far.');
  });

  await t.test('drift shows as a signal, an alert and a decision without a reload', async (t) => {
    for (let half = 0; half < 2; half++) await predict(driftline, 40, 'east');
    await row('inputs.income').getByText('◆ drift').waitFor();
    await page.locator('#verdict').getByText('Warning').waitFor();
    t.match(
      await shown(row('inputs.income')),
      /ks, input-drift[\s\S]*D 0\.800, alert at 0\.200[\s\S]*median 64\.5 \(reference median 24\.5\)/,
    );
    t.match(await shown(row('inputs.region')), /✓ stable/, 'the other column is quiet');
    const alert = page.locator('details.alert');
    t.equal(await alert.count(), 1);
    t.match(await shown(alert), /warning\s+inputs\.income drift ks, input-drift\s+firing\s+since [\s\S]*opened at row 200/);
    await page.locator('#decisions').getByText('done').waitFor();
    t.match(await shown(page.locator('#decisions')), /console as inputs\.income was firing/);
    t.equal(seen.loads(), 1);
  });

  await t.test('an alert opens from the keyboard, tells its story, and stays open when more comes in', async (t) => {
    await page.locator('details.alert summary').focus();
    await page.keyboard.press('Enter');
    await page.locator('details.alert').getByText('What changed').waitFor();
    t.match(await shown(page.locator('details.alert')), /\[WARNING\] credit: drift of inputs\.income[\s\S]*Do next/);
    await predict(driftline, 40, 'east');
    await page.locator('#health').getByText('5 stored').waitFor();
    t.ok((await page.locator('details.alert').getAttribute('open')) !== null);
    t.ok(await page.evaluate(() => document.activeElement?.tagName === 'SUMMARY'), 'the focus stays');
  });

  await t.test('what a caller sent is shown as text, never read as markup', async (t) => {
    await predict(driftline, 0, HOSTILE);
    for (let half = 0; half < 2; half++) await predict(driftline, 0, HOSTILE);
    await row('inputs.region').getByText(HOSTILE).first().waitFor();
    t.equal(await page.locator('img').count(), 0);
  });

  await t.test('the page keeps to its own origin and its content security policy', async (t) => {
    t.same(seen.complaints, []);
    t.same([...seen.origins], [origin]);
    const headers = (await page.request.get(`${origin}/`)).headers();
    t.match(headers['content-security-policy'], /^default-src 'none'; script-src 'self'; style-src 'self';(?!.*unsafe)/);
  });

  await t.test('it fits a narrow screen in light and dark', async (t) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const narrow = await browser.newPage({ viewport: { width: 360, height: 740 }, colorScheme });
      await narrow.goto(`${origin}/`);
      await narrow.getByRole('row', { name: 'inputs.income' }).waitFor();
      t.equal(await narrow.evaluate(() => document.documentElement.scrollWidth), 360, colorScheme);
      await narrow.close();
    }
  });

  await t.test('lists give their newest items to who asks for the last', async (t) => {
    const ask = async (query: string) => {
      const answer = await page.request.get(`${origin}/v1/windows${query}`);
      return { status: answer.status(), body: await answer.json() };
    };
    const { items } = (await ask('')).body;
    t.same((await ask('?last=2')).body, { items: items.slice(-2), next: null });
    for (const last of ['0', '1.5', '1001', 'x']) t.equal((await ask(`?last=${last}`)).status, 400, last);
  });

  await t.test('without JavaScript it names the JSON behind it', async (t) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const plain = await context.newPage();
    await plain.goto(`${origin}/`);
    for (const name of ['/v1/status', '/v1/signals', '/v1/alerts'])
      t.ok(await plain.getByRole('link', { name, exact: true }).isVisible(), name);
    await context.close();
  });

  await t.test('a page of another origin can neither read nor write', async (t) => {
    const foreign = createServer((_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>elsewhere'));
    const foreignOrigin = await listen(foreign);
    t.teardown(() => {
      foreign.close();
      foreign.closeAllConnections();
    });
    const before = driftline.status();
    const id = await predict(driftline, 0, 'east');
    for (const host of [foreignOrigin, foreignOrigin.replace('127.0.0.1', REBOUND)]) {
      const other = await browser.newPage();
      await other.goto(host);
      const answers: string[] = [];
      other.on('response', (response) => answers.push(`${new URL(response.url()).pathname} ${response.status()}`));
      const results = await other.evaluate(
        async ({ origin, id }) => {
          const attempt = (path: string, init: RequestInit) =>
            fetch(`${origin}${path}`, init).then(
              (response) => response.text().then((text) => (response.type === 'opaque' && text === '' ? 'opaque' : text)),
              () => 'refused',
            );
          return [
            await attempt('/v1/status', {}),
            await attempt('/v1/status', { mode: 'no-cors' }),
            await attempt('/v1/routes', { method: 'POST', mode: 'no-cors', body: '{"active": "primary"}' }),
            await attempt('/v1/feedback', { method: 'POST', mode: 'no-cors', body: JSON.stringify({ id, row: 0, label: 1 }) }),
          ];
        },
        { origin, id },
      );
      t.same(results, ['refused', 'opaque', 'opaque', 'opaque'], host);
      // The browser shows nothing of an answer that CORS withholds.
      t.same(answers.sort(), ['/v1/feedback 403', '/v1/routes 403', '/v1/status 403'], 'and the server did none of it');
      await other.close();
    }
    const rebound = await browser.newPage();
    const answer = await rebound.goto(`http://${REBOUND}:${driftline.admin.port}/v1/status`);
    t.equal(answer?.status(), 421, 'a foreign name for this machine is refused');
    t.notMatch(await shown(rebound.locator('body')), /accounting/);
    await rebound.close();
    t.same(driftline.status().accounting.feedback, before.accounting.feedback);
  });

  await t.test('it says when the connection is lost, and goes on by itself when Driftline is back', async (t) => {
    const { port } = driftline.admin;
    await driftline.close();
    await page.getByText('○ reconnecting').waitFor();
    driftline = await start(port);
    await page.getByText('● live').waitFor();
    await predict(driftline, 0, 'east');
    await page.locator('#health').getByText(/^1$/).waitFor();
    t.equal(seen.loads(), 1, 'the same page all the time');
  });
}
