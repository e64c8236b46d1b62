import t from 'tap';
import { RowPlace } from '../../agent/row-place.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';

t.test('an observation of a column stands in its row, those before it in the rows before', (t) => {
  const place = new RowPlace({ at: 500, firstRow: 20, rows: 3 } as DriftlineRecord, 23);
  t.same([place.at, place.observedRows], [500, 23]);
  t.same(place.back(1), { row: 20, at: 500 });
  place.row = 2;
  t.same(place.back(1), { row: 22, at: 500 });
  t.same(place.back(5), { row: 18, at: 500 });
  t.same(place.back(100), { row: 0, at: 500 }, 'never before the first');
  t.end();
});
