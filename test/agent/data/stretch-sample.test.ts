import t from 'tap';
import { STRETCH_ROWS, StretchSample } from '../../../agent/data/stretch-sample.ts';

/** Row numbers that are kept of so many, offered in batches of any length. */
function keptOf(rows: number, mostRows: number, batchRows: number): number[] {
  const sample = new StretchSample(mostRows);
  for (let from = 0; from < rows; from += batchRows) {
    const count = Math.min(batchRows, rows - from);
    for (const piece of sample.take(count)) piece.add('row', (row) => from + row);
  }
  const kept = (sample.columns().get('row') ?? []).map(Number);
  t.equal(sample.seen, rows);
  t.equal(sample.kept, kept.length);
  return kept;
}

t.test('within the bound every row is kept, in order', (t) => {
  const kept = keptOf(4 * STRETCH_ROWS, 4 * STRETCH_ROWS, 1_000);
  t.same(
    kept,
    Array.from({ length: 4 * STRETCH_ROWS }, (_, row) => row),
  );
  t.end();
});

t.test('beyond it whole stretches are, in order, half the bound at least, however the rows come', (t) => {
  const most = 20 * STRETCH_ROWS;
  for (const rows of [most + 1, 3 * most, 7.5 * most + 13]) {
    const kept = keptOf(rows, most, 1_000);
    t.ok(kept.length >= most / 2 && kept.length <= most, `${kept.length} of ${rows}`);
    for (let place = 1; place < kept.length; place++) {
      const follows = kept[place] === kept[place - 1]! + 1;
      if (!follows && (kept[place]! % STRETCH_ROWS !== 0 || kept[place]! < kept[place - 1]!)) t.fail(`row ${kept[place]} at ${place}`);
    }
    t.same(keptOf(rows, most, 777), kept, 'the same in other batches');
    t.same(keptOf(rows, most, rows), kept, 'and in one');
  }
  t.end();
});

t.test('it is spread evenly: of each part of a file as much is kept as of the others', (t) => {
  const most = 20 * STRETCH_ROWS;
  // 16 groups of 8 stretches: each has its one.
  const kept = keptOf(128 * STRETCH_ROWS, most, 50_000);
  const groups = Array.from({ length: 16 }, (_, group) => kept.filter((row) => Math.floor(row / STRETCH_ROWS / 8) === group).length);
  t.same(groups, Array(16).fill(STRETCH_ROWS));
  const places = kept.filter((row) => row % STRETCH_ROWS === 0).map((row) => (row / STRETCH_ROWS) % 8);
  t.ok(new Set(places).size >= 4, `not in step with anything: ${places.join(' ')}`);
  t.end();
});

t.test('a column that is there for some rows only is missing in the others', (t) => {
  const sample = new StretchSample(10 * STRETCH_ROWS);
  for (const [rows, names] of [
    [2, ['a']],
    [3, ['a', 'b']],
    [STRETCH_ROWS, ['b']],
  ] as const) {
    for (const piece of sample.take(rows)) for (const name of names) piece.add(name, () => 1);
  }
  const columns = sample.columns();
  t.same(columns.get('a')!.slice(0, 7), [1, 1, 1, 1, 1, null, null]);
  t.same(columns.get('b')!.slice(0, 4), [null, null, 1, 1]);
  t.same([columns.get('a')!.length, columns.get('b')!.length], [STRETCH_ROWS + 5, STRETCH_ROWS + 5]);
  t.end();
});
