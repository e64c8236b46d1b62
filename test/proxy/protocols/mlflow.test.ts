import t from 'tap';
import type { Header } from '../../../contracts/exchange.ts';
import { mlflow } from '../../../proxy/protocols/mlflow.ts';

const target = { model: null, version: null };
const csv: readonly Header[] = [['content-type', 'text/csv; charset=utf-8']];

function columns(text: string | Uint8Array, headers: readonly Header[] = []) {
  const { tensors } = mlflow.decodeRequest({ bytes: Buffer.from(text), headers }, target);
  return tensors.map(({ name, data }) => [name, data]);
}

t.test('all four forms of a table give the same columns', (t) => {
  const same = [
    ['age', [62, null]],
    ['plan', ['plus', 'pro']],
  ];
  t.same(columns('{"dataframe_split":{"columns":["age","plan"],"data":[[62,"plus"],[null,"pro"]]}}'), same);
  t.same(columns('{"dataframe_records":[{"age":62,"plan":"plus"},{"plan":"pro"}]}'), same);
  t.same(columns('{"instances":[{"age":62,"plan":"plus"},{"plan":"pro"}],"params":{"a":1}}'), same);
  t.same(columns('{"inputs":{"age":[62,null],"plan":["plus","pro"]}}'), same);
  t.same(columns('age,plan\n62,plus\n,pro\n', csv), same);
  t.end();
});

t.test('a data frame without column names numbers them', (t) => {
  t.same(columns('{"dataframe_split":{"data":[[1,2],[3,4]]}}'), [
    ['0', [1, 3]],
    ['1', [2, 4]],
  ]);
  t.end();
});

t.test('a row that is shorter or longer than the columns is a mismatch', (t) => {
  t.throws(() => columns('{"dataframe_split":{"columns":["a","b"],"data":[[1,2],[3]]}}'), { code: 'shape-mismatch', message: /row 1/ });
  t.throws(() => columns('{"dataframe_split":{"columns":["a"],"data":[[1,2]]}}'), { code: 'shape-mismatch' });
  t.end();
});

t.test('CSV cells take the type that their whole column has', (t) => {
  t.same(columns('i,f,b,s,big,none\n1,-1.5e3,True,1,9007199254740993,\n-2,inf,FALSE,x,1,NA\n', csv), [
    ['i', [1, -2]],
    ['f', [-1500, Number.POSITIVE_INFINITY]],
    ['b', [true, false]],
    ['s', ['1', 'x']],
    ['big', [9007199254740993n, 1]],
    ['none', [null, null]],
  ]);
  t.same(columns('"a, b"\r\n"x\ny"\r\n', csv), [['a, b', ['x\ny']]]);
  t.end();
});

t.test('CSV that is ragged, unclosed, empty or no text is refused', (t) => {
  t.throws(() => columns('a,b\n1\n', csv), { code: 'not-csv' });
  t.throws(() => columns('a\n"1\n', csv), { code: 'not-csv' });
  t.throws(() => columns(Uint8Array.of(0xff), csv), { code: 'not-csv' });
  t.throws(() => columns('', csv), { code: 'empty-body' });
  t.end();
});

t.test('exactly one form may be used, and an answer needs its predictions', (t) => {
  for (const text of ['{"instances":[1],"inputs":[1]}', '{"rows":[1]}', '[[1]]', '{"dataframe_split":[]}', '{"dataframe_records":{}}']) {
    t.throws(() => columns(text), { code: 'unexpected-structure' }, text);
  }
  const answer = (text: string) => mlflow.decodeResponse({ bytes: Buffer.from(text), headers: [] }, target).tensors;
  t.throws(() => answer('{"error_code":"x"}'), { code: 'unexpected-structure' });
  t.same(answer('[1,NaN]'), [{ name: 'predictions', datatype: null, shape: [2], data: [1, Number.NaN] }]);
  t.end();
});
