import t from 'tap';
import { type Table, takeRows } from '../../../detectors/performance/table.ts';

const table: Table = {
  rows: 4,
  columns: [
    { kind: 'number', name: 'age', values: Float64Array.of(30, Number.NaN, 50, 60) },
    { kind: 'category', name: 'plan', values: ['basic', 'plus', null, 'team'] },
  ],
};

/** Kind, name and cells of each column; a cell that was left out is told from one that is missing. */
const cellsOf = ({ columns }: Table) => columns.map(({ kind, name, values }) => [kind, name, Array.from(values, String)]);

t.test('rows are taken in the order given, whole, as often as they are named, with what is missing', (t) => {
  const taken = takeRows(table, Int32Array.of(3, 0, 2, 1, 3));
  t.equal(taken.rows, 5);
  t.strictSame(cellsOf(taken), [
    ['number', 'age', ['60', '30', '50', 'NaN', '60']],
    ['category', 'plan', ['team', 'basic', 'null', 'plus', 'team']],
  ]);
  t.end();
});

t.test('no rows are a table of the same columns', (t) => {
  const taken = takeRows(table, new Int32Array(0));
  t.equal(taken.rows, 0);
  t.strictSame(cellsOf(taken), [
    ['number', 'age', []],
    ['category', 'plan', []],
  ]);
  t.end();
});
