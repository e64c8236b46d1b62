import t from 'tap';
import { KeptRows } from '../../agent/kept-rows.ts';
import { cellsBySignal } from '../../agent/windows.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';

const record = (inputs: { readonly [column: string]: number }, outputs: { readonly [column: string]: number } = {}) =>
  ({
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, cell]) => [name, [cell]])),
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, cell]) => [name, [cell]])),
  }) as unknown as DriftlineRecord;

t.test('records of the same columns share the list of their signals, and others do not', (t) => {
  const first = cellsBySignal(record({ a: 1, b: 2 }, { y: 3 }));
  t.same(first, { signals: ['inputs.a', 'inputs.b', 'outputs.y'], cells: [[1], [2], [3]] });
  t.equal(cellsBySignal(record({ a: 4, b: 5 }, { y: 6 })).signals, first.signals);
  t.same(cellsBySignal(record({ b: 1, a: 2 }, { y: 3 })).signals, ['inputs.b', 'inputs.a', 'outputs.y']);
  t.same(cellsBySignal(record({ a: 1 }, { b: 2, y: 3 })).signals, ['inputs.a', 'outputs.b', 'outputs.y']);
  t.same(cellsBySignal(record({ a: 1, b: 2, y: 3 })).signals, ['inputs.a', 'inputs.b', 'inputs.y']);
  t.end();
});

t.test('records whose columns take turns fill the columns that they have, and nothing of the others', (t) => {
  const kept = new KeptRows({});
  for (let k = 0; k < 12; k++) {
    const columns = [{ a: k, b: k }, { b: k }, { c: k, a: k }, {}, { d: k }, { e: k, b: k }][k % 6]!;
    kept.add(k, k, cellsBySignal(record(columns as { [column: string]: number })), 0);
  }
  const rowsOf = (column: string) =>
    (kept.columns.get(`inputs.${column}`) ?? []).map((cell, k) => (cell === null ? '.' : cell === k ? 'x' : '?'));
  t.equal(rowsOf('a').join(''), 'x.x...x.x...');
  t.equal(rowsOf('b').join(''), 'xx...xxx...x');
  t.equal(rowsOf('c').join(''), '..x.....x...');
  t.equal(rowsOf('d').join(''), '....x.....x.');
  t.equal(rowsOf('e').join(''), '.....x.....x');
  t.end();
});

t.test('what was thinned goes on in the columns that stayed', (t) => {
  const kept = new KeptRows({ rows: 64 });
  for (let k = 0; k < 1_000; k++) kept.add(k, k, cellsBySignal(record({ a: k, b: -k })), 0);
  t.ok(kept.thinning > 2 && kept.rows <= 64 && kept.rows > 16, `${kept.rows} rows, thinned ${kept.thinning} times`);
  t.same(kept.columns.get('inputs.a'), kept.times, 'each cell beside its row');
  t.same(
    kept.columns.get('inputs.b'),
    kept.times.map((time) => -time),
  );
  t.end();
});
