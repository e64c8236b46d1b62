import t from 'tap';
import { CORRUPTION_KINDS, corrupt, drawCorruption, drawMixture, possibleKinds } from '../../../detectors/performance/corruptions.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { type Column, type Table, takeRows } from '../../../detectors/performance/table.ts';

const ROWS = 1000;
const random = new Random(1);
const table: Table = {
  rows: ROWS,
  columns: [
    { kind: 'number', name: 'age', values: Float64Array.from({ length: ROWS }, () => 40 + 10 * random.normal()) },
    { kind: 'number', name: 'hours', values: Float64Array.from({ length: ROWS }, () => 1000 + random.below(50)) },
    { kind: 'category', name: 'work', values: Array.from({ length: ROWS }, () => random.pick(['a', 'b', 'c'])) },
    { kind: 'category', name: 'school', values: Array.from({ length: ROWS }, () => random.pick(['x', 'y'])) },
  ],
};
const before = JSON.stringify(table.columns.map(cells));

function cells(column: Column): (number | string | null)[] {
  return [...column.values];
}

function changed(damaged: Table, place: number): number[] {
  const [was, is] = [cells(table.columns[place]!), cells(damaged.columns[place]!)];
  return was.map((_, row) => row).filter((row) => !Object.is(was[row], is[row]));
}

t.test('missing values: so many rows become NaN in a number, and null or an unknown token in a category', (t) => {
  const tokens = new Set<unknown>();
  for (let seed = 0; seed < 20; seed++) {
    const damaged = corrupt(table, { kind: 'missing', columns: [0, 2], fraction: 0.25 }, new Random(seed));
    const numbers = changed(damaged, 0);
    t.equal(numbers.length, 250);
    t.ok(numbers.every((row) => Number.isNaN(damaged.columns[0]!.values[row])));
    const categories = changed(damaged, 2);
    t.equal(categories.length, 250);
    for (const row of categories) tokens.add(damaged.columns[2]!.values[row]);
    t.equal(damaged.columns[1], table.columns[1], 'what is not hit is shared');
  }
  t.same(tokens, new Set([null, 'NULL']));
  t.end();
});

t.test('outliers: noise of one to five standard deviations is added', (t) => {
  for (let seed = 0; seed < 20; seed++) {
    const damaged = corrupt(table, { kind: 'outliers', columns: [0], fraction: 1 }, new Random(seed));
    const shifts = changed(damaged, 0).map((row) => Number(damaged.columns[0]!.values[row]) - Number(table.columns[0]!.values[row]));
    t.ok(shifts.length > 990);
    const size = Math.sqrt(shifts.reduce((sum, shift) => sum + shift ** 2, 0) / shifts.length);
    t.ok(size > 9 && size < 54, `${size}`);
  }
  t.end();
});

t.test('outliers are as far out as a column is wide: a constant stays what it is', (t) => {
  const constant: Table = { rows: 50, columns: [{ kind: 'number', name: 'same', values: new Float64Array(50).fill(7) }] };
  const damaged = corrupt(constant, { kind: 'outliers', columns: [0], fraction: 1 }, new Random(1));
  t.same(cells(damaged.columns[0]!), cells(constant.columns[0]!));
  t.end();
});

t.test('scaling: the rows hit are ten, a hundred or a thousand times as large, all alike', (t) => {
  const factors = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const damaged = corrupt(table, { kind: 'scaling', columns: [1], fraction: 0.5 }, new Random(seed));
    const rows = changed(damaged, 1);
    t.equal(rows.length, 500);
    const seen = new Set(rows.map((row) => Number(damaged.columns[1]!.values[row]) / Number(table.columns[1]!.values[row])));
    t.equal(seen.size, 1);
    for (const factor of seen) factors.add(factor);
  }
  t.same(
    [...factors].sort((one, other) => one - other),
    [10, 100, 1000],
  );
  t.end();
});

t.test('swapped columns: the same rows change places, of two columns of one sort', (t) => {
  for (const [first, second] of [
    [0, 1],
    [3, 2],
  ] as const) {
    const damaged = corrupt(table, { kind: 'swapped', columns: [first, second], fraction: 0.1 }, new Random(3));
    const [now, other] = [damaged.columns[first]!.values, table.columns[second]!.values];
    const hit = Array.from({ length: ROWS }, (_, row) => row).filter((row) => now[row] === other[row]);
    t.ok(hit.length >= 100);
    t.ok(hit.every((row) => damaged.columns[second]!.values[row] === table.columns[first]!.values[row]));
    t.equal(damaged.columns[first]!.name, table.columns[first]!.name);
  }
  for (let seed = 0; seed < 200; seed++) {
    const [one, other] = drawCorruption('swapped', table, new Random(seed))!.columns;
    t.equal(table.columns[one!]!.kind, table.columns[other!]!.kind);
    t.not(one, other);
  }
  t.end();
});

t.test('a drawn corruption hits only columns that it can hit, every one of them sooner or later', (t) => {
  const columns = new Set<number>();
  for (let seed = 0; seed < 200; seed++) {
    const { columns: drawn, fraction } = drawCorruption('outliers', table, new Random(seed))!;
    for (const place of drawn) columns.add(place);
    t.ok(fraction >= 0 && fraction < 1);
    t.equal(new Set(drawn).size, drawn.length);
  }
  t.same([...columns].sort(), [0, 1]);
  t.end();
});

t.test('a mixture has two to four kinds, each once and in the published order', (t) => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 200; seed++) {
    const kinds = drawMixture(table, new Random(seed)).map(({ kind }) => kind);
    lengths.add(kinds.length);
    t.same(
      kinds,
      CORRUPTION_KINDS.filter((kind) => kinds.includes(kind)),
    );
  }
  t.same([...lengths].sort(), [2, 3, 4]);
  t.end();
});

t.test('a table without numbers, or of one column, gets what it allows', (t) => {
  const one = { rows: ROWS, columns: [table.columns[2]!] };
  t.same(possibleKinds(one), ['missing']);
  t.equal(drawCorruption('scaling', one, new Random(1)), null);
  t.same(drawMixture(one, new Random(1)).length, 1);
  t.same(possibleKinds({ rows: ROWS, columns: [table.columns[0]!] }), ['missing', 'outliers', 'scaling']);
  t.end();
});

t.test('an empty batch and a column of missing values pass through every corruption', (t) => {
  const gone: Table = { rows: 2, columns: [{ kind: 'number', name: 'gone', values: Float64Array.of(Number.NaN, Number.NaN) }] };
  for (const kind of ['missing', 'outliers', 'scaling'] as const) {
    t.ok(corrupt(gone, { kind, columns: [0], fraction: 1 }, new Random(1)).columns[0]!.values.every((value) => Number.isNaN(value)));
    t.equal(corrupt(takeRows(gone, new Int32Array(0)), { kind, columns: [0], fraction: 1 }, new Random(1)).rows, 0);
  }
  t.end();
});

t.test('the original is never touched', (t) => {
  for (const kind of CORRUPTION_KINDS) corrupt(table, drawCorruption(kind, table, new Random(9))!, new Random(9));
  t.equal(JSON.stringify(table.columns.map(cells)), before);
  t.end();
});
