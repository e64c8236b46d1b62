import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { mmd } from '../../detectors/mmd.ts';
import { Random } from '../../detectors/performance/random.ts';
import { RowsAgainst } from '../../detectors/rows-against.ts';

const CHOSEN = { mostRows: 10, seed: 1 };
const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** The note on columns with these parts in a finding. */
function noteOf(shares: readonly number[] | null, names: 'named' | 'unnamed' = 'named'): string | null {
  const verdict = { statistic: 1, pValue: 0.01, effect: 1, shares };
  return new RowsAgainst([[1]], names === 'named' ? NAMES : undefined, CHOSEN, () => verdict).test([[1]])!.note;
}

t.test('a note names three columns at most, the largest part first, and none with less than a third of that', (t) => {
  t.equal(noteOf([0, 9, 4, 3.1, 3.2]), 'mostly in b, c, e');
  t.equal(noteOf([6, 1.9, 2.1, 0, 0]), 'mostly in a, c');
  t.equal(noteOf([6, 1.9, 1, 0, 0]), 'mostly in a');
  t.equal(noteOf([3, 1, 0, 0, 0]), 'mostly in a, b', 'a third is enough');
  t.equal(noteOf([0, 2], 'unnamed'), 'mostly in column 1');
  t.equal(noteOf([0, 0]), null);
  t.equal(noteOf(null), null);
  t.end();
});

t.test('columns are named up to a p-value of 0.05 and not above', (t) => {
  const random = new Random(3);
  const rows = () => Array.from({ length: 30 }, () => [random.normal(), random.normal()]);
  const test = mmd.prepare(withDefaults(mmd.options, { permutations: 99 }), rows(), ['a', 'b']);
  const results = Array.from({ length: 80 }, () => test.test(rows())!);
  t.ok(results.some(({ pValue }) => pValue > 0.05 && pValue <= 0.1));
  t.ok(results.some(({ pValue }) => pValue <= 0.05));
  for (const { pValue, note } of results) t.equal(note !== null, pValue <= 0.05, `${pValue}: ${note}`);
  t.end();
});
