/** What an effect is a size of: the two distributions, and not how many rows either side has. */
import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import type { Value } from '../../contracts/detector.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { cramersV } from '../../detectors/cramers-v.ts';
import { Random } from '../../detectors/performance/random.ts';

interface Pair {
  readonly what: string;
  readonly kinds: readonly string[];
  readonly before: readonly Value[];
  readonly now: readonly Value[];
}

const times = (most: number, values: readonly Value[]) => Array.from({ length: most }, () => values).flat();
const random = new Random(5);
const PAIRS: readonly Pair[] = [
  {
    what: 'numbers',
    kinds: ['number', 'any'],
    before: [...new Array(50).fill(0), ...Array.from({ length: 150 }, () => random.normal())],
    now: [...new Array(80).fill(0), ...Array.from({ length: 120 }, () => 0.4 + 1.3 * random.normal())],
  },
  {
    what: 'numbers that were constant',
    kinds: ['number', 'any'],
    before: new Array(200).fill(3),
    now: [...new Array(150).fill(3), ...new Array(50).fill(4)],
  },
  {
    what: 'a flag',
    kinds: ['category', 'any'],
    before: times(100, ['yes', 'no']),
    now: [...times(60, ['yes', 'no']), ...times(80, ['yes'])],
  },
  {
    what: 'a category that was rare, and one that is new',
    kinds: ['category', 'any'],
    before: [...times(100, ['a', 'b']), 'rare'],
    now: [...times(60, ['a', 'b']), ...times(51, ['rare']), ...times(30, ['new'])],
  },
  {
    what: 'a category that was the only one',
    kinds: ['category', 'any'],
    before: times(200, ['a']),
    now: [...times(160, ['a']), ...times(40, ['b'])],
  },
];

t.test('no effect depends on how many rows a side has', (t) => {
  for (const definition of detectors) {
    // Those of whole rows draw as many of each side.
    if (definition.kind !== 'windowed' || definition.observes === 'rows') continue;
    for (const { what, kinds, before, now } of PAIRS) {
      if (!kinds.includes(definition.observes)) continue;
      const options = withDefaults(definition.options, {});
      const effectOf = (reference: number, window: number) =>
        definition.prepare(options, times(reference, before)).test(times(window, now))?.effect ?? Number.NaN;
      const usual = effectOf(1, 1);
      // One share is all that the z-test looks at: that of numbers other than 0.
      t.ok(usual > 0 || definition.type === 'two-proportion', `${definition.type} sees ${what}`);
      for (const [reference, window] of [
        [100, 1],
        [1, 20],
      ] as const) {
        const effect = effectOf(reference, window);
        t.ok(Math.abs(effect - usual) < 1e-9, `${definition.type} of ${what}, ${reference} to ${window}: ${effect} and ${usual}`);
      }
    }
  }
  t.end();
});

t.test('Cramér’s V is that of the table where both sides have as many rows', (t) => {
  // Each cell expects 15: χ² = 4 · 5²/15, and V² = χ²/60.
  t.ok(Math.abs(cramersV([20, 10], [10, 20]) - 1 / 3) < 1e-15);
  // Columns of 30, 40 and 30 of 50 a side: χ² = 2 · (5²/15 + 10²/20 + 5²/15), and V² = χ²/100.
  t.ok(Math.abs(cramersV([20, 10, 20], [10, 30, 10]) - Math.sqrt(1 / 6)) < 1e-15);
  t.equal(cramersV([7, 0, 21], [1, 0, 3]), 0, 'equal shares');
  t.equal(cramersV([9, 0], [0, 700]), 1, 'nothing in common');
  t.end();
});

t.test('a flag that is always set now has a large V, however large the reference is', (t) => {
  // The table of 500 against 50,000 rows as it was counted has √(χ²/total) = 0.099.
  t.ok(Math.abs(cramersV([500, 0], [25_000, 25_000]) - 1 / Math.sqrt(3)) < 1e-15);
  t.end();
});
