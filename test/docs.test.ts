import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { generate } from '../docs/generate.ts';

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
