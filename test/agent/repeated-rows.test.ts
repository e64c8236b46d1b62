import t from 'tap';
import { repeatedRows } from '../../agent/repeated-rows.ts';

t.test('a row repeats when all its cells came together before', async (t) => {
  t.same(
    repeatedRows(
      [
        [1, 1, 2, 1],
        ['a', 'b', 'a', 'a'],
      ],
      4,
    ),
    [0, 0, 0, 1],
  );
});

t.test('a number and its text, and cells that run together, are different', async (t) => {
  t.same(repeatedRows([[1, '1', true, 'true']], 4), [0, 0, 0, 0]);
  t.same(
    repeatedRows(
      [
        ['ab', 'a', 'abc'],
        ['c', 'bc', ''],
      ],
      3,
    ),
    [0, 0, 0],
  );
});

t.test('rows without any value repeat nothing, and a column that is not there is missing throughout', async (t) => {
  t.same(repeatedRows([[null, null, 1, 1], null], 4), [0, 0, 0, 1]);
});

t.test('different rows are not taken for one: no repetition in 200,000 rows of small numbers', async (t) => {
  const rows = 200_000;
  const a = Array.from({ length: rows }, (_, i) => i % 450);
  const b = Array.from({ length: rows }, (_, i) => Math.floor(i / 450));
  t.equal(
    repeatedRows([a, b], rows).reduce((sum, bit) => sum + bit, 0),
    0,
  );
});
