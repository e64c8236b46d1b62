import t from 'tap';
import { parseJson } from '../../../proxy/protocols/json.ts';
import { rowTensors, tensorOf, valueTensors } from '../../../proxy/protocols/tensors.ts';

t.test('a list of scalars has shape [rows], a list of equal lists has shape [rows, k], and so on inwards', (t) => {
  t.same(tensorOf('x', [1, 'a', null]), { name: 'x', datatype: null, shape: [3], data: [1, 'a', null] });
  t.same(tensorOf('x', parseJson('[[1,2,3],[4,5,NaN]]')), { name: 'x', datatype: null, shape: [2, 3], data: [1, 2, 3, 4, 5, Number.NaN] });
  t.same(tensorOf('x', parseJson('[[[1],[2]],[[3],[4]]]')).shape, [2, 2, 1]);
  t.same(tensorOf('x', []).shape, [0]);
  t.same(tensorOf('x', [[], []]).shape, [2, 0]);
  t.same(tensorOf('x', 5), { name: 'x', datatype: null, shape: [], data: [5] });
  t.end();
});

t.test('rows of unequal nesting, or of objects and scalars, are kept as JSON text each, null as null', (t) => {
  const { shape, data } = tensorOf('x', parseJson('[[1,[2,NaN]],"plain",null,{"a":18446744073709551615},[]]'));
  t.same(shape, [5]);
  t.same(data, ['[1,[2,NaN]]', '"plain"', null, '{"a":18446744073709551615}', '[]']);
  t.same(tensorOf('x', { a: 1 }), { name: 'x', datatype: null, shape: [], data: ['{"a":1}'] });
  t.end();
});

t.test('objects become one tensor a key in the order of first appearance, and a key that a row lacks is null there', (t) => {
  const tensors = rowTensors('instances', parseJson('[{"age":1,"v":[1,2]},{"plan":"pro","v":[3,4]},null]') as []);
  t.same(
    tensors.map(({ name, shape, data }) => [name, shape, data]),
    [
      ['age', [3], [1, null, null]],
      ['v', [3], ['[1,2]', '[3,4]', null]],
      ['plan', [3], [null, 'pro', null]],
    ],
  );
  t.end();
});

t.test('keys that every object inherits are columns only where a row has them', (t) => {
  const tensors = rowTensors('instances', parseJson('[{"__proto__":1,"toString":2},{"a":3}]') as []);
  t.same(
    tensors.map(({ name, data }) => [name, data]),
    [
      ['__proto__', [1, null]],
      ['toString', [2, null]],
      ['a', [null, 3]],
    ],
  );
  t.end();
});

t.test('rows that are all empty still count as rows', (t) => {
  t.same(rowTensors('x', [{}, {}]), [{ name: 'x', datatype: null, shape: [2], data: ['{}', '{}'] }]);
  t.same(rowTensors('x', [null, null]), [{ name: 'x', datatype: null, shape: [2], data: [null, null] }]);
  t.end();
});

t.test('rows with ever new keys are refused before they fill the memory', (t) => {
  const sparse = Array.from({ length: 1200 }, (_, row) => ({ [`key${row}`]: row }));
  t.throws(() => rowTensors('x', sparse), { code: 'too-many-columns' });
  const dense = Array.from({ length: 1200 }, (_, row) => Object.fromEntries(Array.from({ length: 900 }, (_, key) => [`key${key}`, row])));
  t.equal(rowTensors('x', dense).length, 900);
  t.end();
});

t.test('an object stands for columns by name, of which a scalar holds for the whole call', (t) => {
  t.same(
    valueTensors('inputs', { age: [1, 2], k: 7 }).map(({ name, shape }) => [name, shape]),
    [
      ['age', [2]],
      ['k', []],
    ],
  );
  t.end();
});
