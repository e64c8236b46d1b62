import path from 'node:path';
import t, { type Test } from 'tap';
import type { ColumnComparison, CompareSettings } from '../../../agent/compare/columns.ts';
import { compareData } from '../../../agent/compare/compare.ts';
import { readData } from '../../../agent/data/file.ts';
import { Random } from '../../../detectors/performance/random.ts';

t.setTimeout(180_000);

const SETTINGS: CompareSettings = { q: 0.05, threshold: 0.1, minSamples: 30 };
type Rows = readonly (readonly (string | number)[])[];

async function compare(
  t: Test,
  header: string,
  reference: Rows,
  current: Rows,
  settings: Partial<CompareSettings> = {},
  otherHeader = header,
) {
  const csv = (names: string, rows: Rows) => `${names}\n${rows.map((row) => row.join(',')).join('\n')}\n`;
  const folder = t.testdir({ 'r.csv': csv(header, reference), 'c.csv': csv(otherHeader, current) });
  const [before, now] = [await readData(path.join(folder, 'r.csv')), await readData(path.join(folder, 'c.csv'))];
  return compareData(before, now, { ...SETTINGS, ...settings });
}

function columnNamed(columns: readonly ColumnComparison[], name: string): ColumnComparison {
  return columns.find((column) => column.name === name)!;
}

function rows(count: number, seed: number, cells: (random: Random, row: number) => (string | number)[]): Rows {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, row) => cells(random, row));
}

function binomial(n: number, k: number): number {
  let value = 1;
  for (let place = 1; place <= k; place++) value = (value * (n - k + place)) / place;
  return value;
}

t.test('numbers are compared by Kolmogorov–Smirnov, with D as its formula has it and the shift in words', async (t) => {
  const steps = (offset: number) => Array.from({ length: 100 }, (_, row) => [((row * 37) % 100) + offset]);
  const { columns } = await compare(t, 'x', steps(0), steps(25));
  const [x] = columns;
  // Two uniform ladders of 100 steps, a quarter of their length apart.
  t.match(x, { verdict: 'drift', test: { type: 'ks', statistic: 0.25, effect: 0.25, effectName: 'D', n: 100, referenceN: 100 } });
  // Gnedenko and Korolyuk 1951: P = 2 Σ (−1)^(k+1) C(2n, n − kh) / C(2n, n) for n values a side and a gap of h/n.
  const exact = [1, 2, 3, 4].reduce((sum, k) => sum + (k % 2 === 1 ? 2 : -2) * (binomial(200, 100 - 25 * k) / binomial(200, 100)), 0);
  t.ok(Math.abs(x!.test!.pValue / exact - 1) < 1e-9, `${x!.test!.pValue} and ${exact}`);
  // 25 over the deviation of 0…99, √(100·101/12) = 29.01.
  t.ok(Math.abs(x!.wasserstein! - 25 / 29.011) < 0.005, String(x!.wasserstein));
  t.same(x!.reasons, ['shifted up: median 50 → 75']);
});

t.test('categories are compared by chi-squared, few of two kinds by Fisher', async (t) => {
  const split = (a: number, b: number) => [...new Array(a).fill(['u']), ...new Array(b).fill(['v'])];
  const many = (await compare(t, 'c', split(60, 40), split(40, 60))).columns[0]!;
  // Yates: 200 · (|60·60 − 40·40| − 100)² / (100⁴) = 7.22; V = √(8/200).
  t.match(many.test, { type: 'chi-squared', degreesOfFreedom: 1 });
  t.ok(Math.abs(many.test!.statistic - 7.22) < 1e-9 && Math.abs(many.test!.effect - 0.2) < 1e-9);
  const few = (await compare(t, 'c', split(38, 2), split(33, 7))).columns[0]!;
  t.equal(few.test!.type, 'fisher');
  // 71 of 80 are u: all tables at least as unlikely as 33 against 38, by counting.
  const chance = (u: number) => (binomial(71, u) * binomial(9, 40 - u)) / binomial(80, 40);
  let exact = 0;
  for (let u = 31; u <= 40; u++) if (chance(u) <= chance(33) * (1 + 1e-7)) exact += chance(u);
  t.ok(Math.abs(few.test!.pValue / exact - 1) < 1e-9, `${few.test!.pValue} and ${exact}`);
  t.match(few.test, { statistic: (33 * 2) / (7 * 38), corrected: false });
  const none = (await compare(t, 'c', split(35, 5), split(40, 0))).columns[0]!;
  // Haldane: ½ more in each cell, where the ratio of the counts would be infinite.
  t.match(none.test, { type: 'fisher', statistic: (40.5 * 5.5) / (0.5 * 35.5), corrected: true });
});

t.test('numbers of few levels are compared level by level', async (t) => {
  const of = (seed: number) => rows(1_000, seed, (random) => [random.below(4)]);
  const { columns } = await compare(t, 'level', of(1), of(2));
  t.match(columns[0], { verdict: 'same', test: { type: 'chi-squared', degreesOfFreedom: 3 }, picture: { kind: 'bars' } });
});

t.test('p-values are adjusted together: twenty healthy columns raise no alarm in nineteen of twenty runs', async (t) => {
  const names = Array.from({ length: 20 }, (_, place) => `x${place}`).join(',');
  const of = (seed: number) => rows(400, seed, (random) => Array.from({ length: 20 }, () => random.normal().toFixed(6)));
  let alarms = 0;
  for (let run = 0; run < 20; run++) {
    const { columns, tests } = await compare(t, names, of(2 * run + 1), of(2 * run + 2), { threshold: 0.0001 });
    t.equal(tests, 21);
    for (const { test } of columns) t.ok(test!.adjustedPValue >= test!.pValue);
    if (columns.some(({ verdict }) => verdict === 'drift')) alarms++;
  }
  // At most 1 of 20 runs is expected; 5 or more have a probability of 0.3 %.
  t.ok(alarms < 5, `${alarms} of 20 runs`);
});

t.test('a change of categories is as large against a hundred times as many rows', async (t) => {
  const split = (blue: number, red: number) => [...new Array(blue).fill(['blue']), ...new Array(red).fill(['red'])];
  const against = async (half: number) => (await compare(t, 'c', split(half, half), split(42, 158))).columns[0]!;
  const [alike, many] = [await against(100), await against(10_000)];
  t.match([alike, many], [{ verdict: 'drift' }, { verdict: 'drift' }]);
  t.equal(many.test!.effect, alike.test!.effect);
  // z of 0.05, two-sided, over 2·√m for m = 1/(1/n + 1/referenceN); the quantile is an approximation.
  t.ok(Math.abs(many.test!.visible - (1.96 / 2) * Math.sqrt(1 / 200 + 1 / 20_000)) < 2e-3, String(many.test!.visible));
  t.ok(Math.abs(alike.test!.visible - (1.96 / 2) * Math.sqrt(2 / 200)) < 2e-3, String(alike.test!.visible));
});

t.test('a difference that is significant and smaller than the threshold is no drift', async (t) => {
  const of = (seed: number, shift: number) => rows(20_000, seed, (random) => [(random.normal() + shift).toFixed(5)]);
  const { columns } = await compare(t, 'x', of(1, 0), of(2, 0.1));
  t.ok(columns[0]!.test!.adjustedPValue < 1e-10 && columns[0]!.test!.effect < 0.1);
  t.equal(columns[0]!.verdict, 'same');
});

t.test('too few values are insufficient, with the floor; too few to see anything as well', async (t) => {
  const of = (count: number, seed: number) => rows(count, seed, (random) => [random.normal().toFixed(5)]);
  const tiny = (await compare(t, 'x', of(500, 1), of(12, 2))).columns[0]!;
  t.match(tiny, { verdict: 'insufficient', test: null });
  t.match(tiny.reasons, ['12 values on the smaller side, 30 are the floor']);
  const blind = (await compare(t, 'x', of(40, 1), of(40, 4))).columns[0]!;
  t.equal(blind.verdict, 'insufficient');
  // √(−ln(0.025)/2 · 2/40) = 0.30.
  t.match(blind.reasons[0], 'so few values show D from 0.30 on, the threshold is 0.1');
});

t.test('new categories are drift where chance does not explain them, vanished ones are named', async (t) => {
  const city = (random: Random) => random.pick(['Rome', 'Oslo', 'Rome', 'Paris']);
  const before = rows(1_000, 1, (random) => [city(random)]);
  const now = rows(1_000, 2, (random, row) => [row % 50 === 0 ? 'Lisbon' : city(random).replace('Paris', 'Oslo')]);
  const column = (await compare(t, 'city', before, now)).columns[0]!;
  t.equal(column.verdict, 'drift');
  t.same(column.newCategories, [{ category: 'Lisbon', share: 0.02 }]);
  t.equal(column.vanishedCategories[0]!.category, 'Paris');
  t.match(column.reasons.join('; '), /new: Lisbon, 2\.0 % of the values; vanished: Paris; \w+: \d+ % → \d+ %/);
  const codes = (seed: number) => rows(2_000, seed, (random) => [`c${random.below(800)}x`]);
  const spread = (await compare(t, 'code', codes(1), codes(2))).columns[0]!;
  t.ok(spread.newCategories.length > 20 && spread.verdict !== 'drift', 'many rare categories come and go by chance');
});

t.test('values that go missing, or stop being numbers, are drift of their own', async (t) => {
  const before = rows(1_000, 1, (random, row) => [random.normal().toFixed(4), row % 100 === 0 ? '' : random.normal().toFixed(4)]);
  const now = rows(1_000, 2, (random, row) => [
    row % 50 === 0 ? 'oops' : random.normal().toFixed(4),
    row % 4 === 0 ? '' : random.normal().toFixed(4),
  ]);
  const { columns } = await compare(t, 'a,b', before, now);
  t.match(columnNamed(columns, 'a'), { verdict: 'drift', reasons: ['not a number 0 % → 2.0 %'] });
  t.match(
    columnNamed(columns, 'b'),
    { verdict: 'drift', reasons: [/^missing 1\.0 % → 25 %, adjusted p \de-\d+$/] },
    'with the p that decided',
  );
  t.ok(columnNamed(columns, 'b').missingTest!.pValue < 1e-20);
});

t.test('a type that changed, a column that vanished and one that came are told', async (t) => {
  const before = rows(200, 1, (random, row) => [row % 7, random.normal().toFixed(3)]);
  const now = rows(200, 2, (random, row) => [`n${row % 7}`, random.normal().toFixed(3)]);
  const { columns } = await compare(t, 'kind,gone', before, now, {}, 'kind,came');
  t.match(columnNamed(columns, 'kind'), { verdict: 'drift', test: null, reasons: ['was a number (0 to 6), is a category (n0, n1, n2 …)'] });
  t.match(columnNamed(columns, 'gone'), { verdict: 'drift', current: null, reasons: ['missing in the current file'] });
  t.match(columnNamed(columns, 'came'), { verdict: 'skipped', reference: null, reasons: ['only in the current file'] });
});

t.test('other units are recognised, whatever the factor', async (t) => {
  for (const [words, change] of [
    ['× 1000', (x: number) => x * 1_000],
    ['÷ 100', (x: number) => x / 100],
    ['× 1.8 + 32', (x: number) => 1.8 * x + 32],
  ] as const) {
    const of = (seed: number, to: (x: number) => number) => rows(500, seed, (random) => [to(20 + 5 * random.normal()).toFixed(5)]);
    const { columns } = await compare(
      t,
      'x',
      of(1, (x) => x),
      of(2, change),
    );
    t.equal(columns[0]!.reasons[0], `other units? The values fit the reference’s ${words}`);
  }
  const shifted = await compare(
    t,
    'x',
    rows(500, 1, (random) => [random.normal()]),
    rows(500, 2, (random) => [random.normal() + 8]),
  );
  t.notMatch(shifted.columns[0]!.reasons.join(), 'units');
});

t.test('row numbers, times, identifiers and empty columns are skipped or insufficient, constants the same', async (t) => {
  const of = (from: number, seed: number) =>
    rows(300, seed, (random, row) => [from + row, `2024-0${from > 0 ? 2 : 1}-01`, `u${random.bits()}x`, '', 5, 'one']);
  const { columns } = await compare(t, 'id,day,user,nothing,five,word', of(0, 1), of(9_000, 2));
  const verdicts = Object.fromEntries(columns.map(({ name, verdict }) => [name, verdict]));
  t.same(verdicts, { id: 'skipped', day: 'skipped', user: 'skipped', nothing: 'skipped', five: 'same', word: 'same' });
});

t.test('another shape about the same middle is called so, with the side to which it leans', async (t) => {
  const leaning = (seed: number, to: number) =>
    rows(6_000, seed, (random, row) => [(row % 16 === 0 ? (2 + random.uniform()) * to : random.uniform(-1, 1)).toFixed(5)]);
  const flat = rows(6_000, 3, (random) => [random.uniform(-1, 1).toFixed(5)]);
  for (const [to, words] of [
    [1, /^another shape, mostly higher values: mean/],
    [-1, /^another shape, mostly lower values: mean/],
  ] as const)
    t.match((await compare(t, 'x', flat, leaning(4, to))).columns[0]!.reasons[0], words);
});

t.test('what matters most comes first', async (t) => {
  const of = (seed: number, shift: number) =>
    rows(1_000, seed, (random) => [random.normal(), random.normal() + shift, random.normal() + 3 * shift, `t${random.bits()}`].map(String));
  const { columns } = await compare(t, 'calm,some,much,token', of(1, 0), of(2, 0.5));
  t.same(
    columns.map(({ name }) => name),
    ['much', 'some', 'calm', 'token'],
  );
});

t.test('rows that follow each other and resemble are a reason for caution', async (t) => {
  const walk = (seed: number) => {
    let at = 0;
    return rows(1_000, seed, (random) => {
      at = 0.95 * at + random.normal();
      return [at];
    });
  };
  const { notes } = await compare(t, 'price', walk(1), walk(2));
  t.match(notes.join(), /alike in price: p-values take rows as independent/);
  const { notes: none } = await compare(
    t,
    'x',
    rows(500, 1, (random) => [random.normal()]),
    rows(500, 2, (random) => [random.normal()]),
  );
  t.same(none, []);
});

t.test('infinities, huge numbers and one different value never make a figure that is no number', async (t) => {
  const odd = [
    '1e300',
    '-1e300',
    '1e-300',
    'inf',
    '-inf',
    'NaN',
    '0',
    '-0',
    '1.7976931348623157e308',
    '-1.7976931348623157e308',
    '5e-324',
    '3',
  ];
  const before = rows(240, 1, (_, row) => [odd[row % 12]!, row === 0 ? 1 : 0]);
  const now = rows(240, 2, (_, row) => [odd[(row * 5) % 12]!, 0]);
  const { columns } = await compare(t, 'x,y', before, now);
  const text = JSON.stringify(columns, (key, value) => {
    if (typeof value === 'number' && !Number.isFinite(value)) t.fail(`${key} is ${value}`);
    return value;
  });
  t.notMatch(text, /null,null,null,null/);
});

t.test('a column that became constant has drifted, whatever its type', async (t) => {
  const before = rows(200, 1, (random) => [random.normal(), random.uniform() < 0.999 ? 'a' : 'b', random.below(3)]);
  const both = [...before, ['0', 'b', '1']];
  const { columns } = await compare(
    t,
    'x,c,k',
    both,
    rows(200, 2, (random) => [7, 'a', random.below(3)]),
  );
  t.match(columnNamed(columns, 'x'), { verdict: 'drift', reasons: [/^constant: one value in all 200 rows, 201 before$/] });
  t.match(columnNamed(columns, 'c').reasons, [/^constant: /]);
  t.equal(columnNamed(columns, 'k').verdict, 'same');
});

t.test('values that repeat in a column that had no two alike are duplicates, unless so many rows explain them', async (t) => {
  const ids = (count: number, every: number) => Array.from({ length: count }, (_, i) => [`user-${i - (i % every)}`, i]);
  const { columns } = await compare(t, 'id,n', ids(1_000, 1), ids(1_000, 2));
  t.match(columnNamed(columns, 'id'), {
    verdict: 'drift',
    reasons: [/^duplicates: 50 % of the values repeat another, none did before$/, String],
  });
  t.match(columnNamed(columns, 'n').reasons.join(), /^(?!.*duplicates)/);
  // 60 different values of 4,000 say nothing of 2,000.
  const few = rows(60, 3, (_, row) => [(row * 61) % 4_000]);
  const many = rows(2_000, 4, (random) => [random.below(4_000)]);
  const drawn = await compare(t, 'n', few, many);
  t.notMatch(drawn.columns[0]!.reasons.join(), /duplicates/);
});

t.test('what changed between the columns is drift of the whole table, with the columns it is in, though none drifted alone', async (t) => {
  const rows = (seed: number, tied: boolean) => {
    const random = new Random(seed);
    return Array.from({ length: 800 }, () => {
      const x = random.normal();
      const y = tied ? 0.95 * x + 0.31 * random.normal() : random.normal();
      return [x, y, random.pick(['a', 'b']), random.normal()];
    });
  };
  const names = 'x,y,c,z';
  const { columns, together, tests } = await compare(t, names, rows(1, false), rows(2, true));
  t.same(new Set(columns.map(({ verdict }) => verdict)), new Set(['same']));
  t.equal(tests, 5);
  t.match(together, { verdict: 'drift', columns: 4, effectName: 'auc', note: /^mostly in (x, y|y, x)$/, n: 800, referenceN: 800 });
  t.ok(together!.effect > 0.6 && together!.adjustedPValue < 1e-6);
  t.match((await compare(t, names, rows(1, false), rows(3, false))).together, { verdict: 'same', note: null });
  t.equal((await compare(t, 'x', [[1]], [[2]])).together, null);
});

t.test('a file that came out as one column is said to have, perhaps, other delimiters', async (t) => {
  const of = (seed: number) => rows(100, seed, (random) => [`${random.below(5)}:${random.below(5)}`]);
  const { notes } = await compare(t, 'a:b', of(1), of(2));
  t.match(notes, [
    /r\.csv: it was read as one column, a:b; if : parts its cells, write it with commas, semicolons, tabs or bars/,
    /c\.csv: it was read as one column/,
  ]);
});
