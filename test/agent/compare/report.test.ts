import path from 'node:path';
import t, { type Test } from 'tap';
import { compareData } from '../../../agent/compare/compare.ts';
import { reportOf } from '../../../agent/compare/report.ts';
import { readData } from '../../../agent/data/file.ts';
import { findChromium, launchChromium, NO_CHROMIUM } from '../../support/chromium.ts';

const hostile = '<img src=x onerror=alert(1)>';

async function report(t: Test): Promise<string> {
  const csv = (shift: number) => {
    const rows = Array.from({ length: 400 }, (_, row) =>
      [
        Math.sin(row * 7.3) + shift,
        row % 3 === 0 ? hostile : `"&'${shift}`,
        row % 5 === 0 ? '' : row % 4,
        `2024-01-0${1 + (row % 9)}`,
      ].join('|'),
    );
    return `amount|"k <b>"|few|day\n${rows.join('\n')}\n`;
  };
  const folder = t.testdir({ 'before.csv': csv(0).replaceAll(`"&'0`, 'calm'), 'now.csv': csv(2).replaceAll(`"&'2`, 'storm') });
  const data = async (file: string) => readData(path.join(folder, file));
  return reportOf(compareData(await data('before.csv'), await data('now.csv'), { q: 0.05, threshold: 0.1, minSamples: 30 }));
}

t.test('the report is one file: no script, nothing loaded, no text of the data as markup', async (t) => {
  const html = await report(t);
  t.notMatch(html, /<script|<link|<iframe|<img|<[^>]*\ssrc=|@import|url\(|https?:/);
  t.notMatch(html, hostile);
  t.match(html, '&lt;img src=');
  t.match(html, /prefers-color-scheme:dark/);
  t.match(html, /@media print/);
  t.notMatch(html, /NaN|undefined|Infinity/);
});

t.test('it says how many columns drifted, and draws both sides of each, the largest effect first', async (t) => {
  const html = await report(t);
  t.match(html, /<h1 class="drift">2 of 4 columns drifted<\/h1>/);
  const names = [...html.matchAll(/<h3><span class="name">([^<]*)/g)].map(([, name]) => name);
  t.same(names, ['amount', 'k &lt;b&gt;', 'few']);
  t.equal(html.match(/class="ground" d="M/g)?.length, 1, 'one histogram');
  t.ok((html.match(/<rect class="bar"/g)?.length ?? 0) >= 6, 'bars for categories and levels');
  t.match(html, /threshold 0\.1/);
});

t.test('an odds ratio that would be infinite is said to be corrected', async (t) => {
  const csv = (rare: number) => `c\n${Array.from({ length: 40 }, (_, row) => (row < 40 - rare ? 'a' : 'b')).join('\n')}\n`;
  const folder = t.testdir({ 'before.csv': csv(5), 'now.csv': csv(0) });
  const [before, now] = [await readData(path.join(folder, 'before.csv')), await readData(path.join(folder, 'now.csv'))];
  const html = reportOf(compareData(before, now, { q: 0.05, threshold: 0.1, minSamples: 30 }));
  t.match(html, /Fisher: statistic [\d.]+ \(odds ratio with ½ added to each count, as it would be infinite\), p 0\.0/);
});

const chromium = findChromium();

t.test(
  'a browser shows it without errors, in light and dark, wide and narrow',
  { skip: chromium === null ? NO_CHROMIUM : false },
  async (t) => {
    const browser = await launchChromium(chromium!);
    t.teardown(() => browser.close());
    const html = await report(t);
    for (const [width, scheme] of [
      [1280, 'light'],
      [390, 'dark'],
    ] as const) {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme });
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(error.message));
      page.on('console', (message) => faults.push(message.text()));
      page.on('request', (request) => faults.push(request.url()));
      await page.setContent(html);
      t.equal(await page.locator('article').count(), 3);
      // One card's picture is as wide as its card, and nothing makes the page wider than the window.
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      t.ok(wide <= width, `${wide} of ${width}`);
      const sizes = await page.locator('article svg').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
      t.ok(
        sizes.every((height) => height > 20),
        sizes.join(),
      );
      t.same(faults, []);
      await page.close();
    }
  },
);
