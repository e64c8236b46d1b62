import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { detectors } from '../detectors/catalogue.ts';
import { notes } from '../docs/detectors-guide.ts';
import { generate } from '../docs/generate.ts';
import { qualityTables, readQuality, unmeasured } from '../docs/quality-tables.ts';

for (const [file, content] of generate()) {
  t.test(`${file} is what npm run docs writes`, async (t) => {
    t.equal(readFileSync(path.join(import.meta.dirname, '..', file), 'utf8'), content, 'run `npm run docs`');
  });
}

t.test('every detector has its row and its options on the page', async (t) => {
  const page = generate().get('docs/detectors.md') ?? '';
  for (const word of [
    '`ddm`',
    '`hddm-a`',
    '`adwin`',
    '`kswin`',
    '`variance`',
    '`ks`',
    '`chi-squared`',
    '`driftThreshold`',
    '`delta`',
    '`minExpected`',
  ])
    t.match(page, word);
});

t.test('the guide has a note on every detector, and on nothing else', async (t) => {
  t.same(Object.keys(notes).sort(), detectors.map(({ type }) => type).sort());
  for (const [type, note] of Object.entries(notes)) for (const text of Object.values(note)) t.not(text, '', type);
});

t.test('what was measured is of detectors that there are, counted soundly, and on the page', async (t) => {
  const measured = readQuality();
  const types = detectors.map(({ type }) => type);
  const page = generate().get('docs/detectors.md') ?? '';
  for (const { detector, falseAlarms, injected } of measured) {
    t.ok([...types, 'schema'].includes(detector), detector);
    t.ok(falseAlarms.low <= falseAlarms.share && falseAlarms.share <= falseAlarms.high && falseAlarms.of > 0, detector);
    t.ok(injected.length > 0 && injected.every(({ missed }) => missed === null || missed.of > 0), detector);
  }
  t.match(page, qualityTables(measured));
  for (const type of unmeasured(measured, types)) t.match(page, new RegExp(`Not measured yet: .*\\\`${type}\\\``));
});

t.test('a table shows shares found with the rows until then, bold from four in five', async (t) => {
  const [one] = readQuality();
  const change = (missed: number, rows: number | null) => ({
    ...one!.injected[0]!,
    size: `${missed}`,
    missed: { count: 10 * missed, of: 10, share: missed, low: 0, high: 1 },
    delayRows: rows === null ? null : { median: rows, most: rows },
  });
  const injected = [change(0.2, 40), change(0.3, 60), change(1, null)];
  const falseAlarms = { count: 1, of: 100, share: 0.01, low: 0.0018, high: 0.054 };
  const text = qualityTables([{ ...one!, detector: 'x', watched: 'errors', stream: 'elec2', runs: 10, injected, falseAlarms }]);
  t.match(text, '| `x` | 10 | 1 % (0.18 % to 5.4 %) | **80 %**, 40 | 70 %, 60 | – |');
});
