import t from 'tap';
import { type Mapping, protocolsFor } from '../../../proxy/catalogue.ts';

const target = { model: null, version: null };

function decode(text: string, paths: Record<string, string>, side: 'inputs' | 'outputs' = 'outputs') {
  const columns = Object.entries(paths).map(([name, path]) => ({ name, path }));
  const mapping: Mapping = { inputs: [], outputs: [], [side]: columns };
  const [protocol] = protocolsFor('raw-json', mapping);
  if (protocol === undefined) throw new Error('raw-json');
  const body = { bytes: Buffer.from(text), headers: [] };
  const { tensors } = side === 'inputs' ? protocol.decodeRequest(body, target) : protocol.decodeResponse(body, target);
  return Object.fromEntries(tensors.map(({ name, shape, data }) => [name, [shape, data]]));
}

t.test('a path names a member, an element, or a member of every row', (t) => {
  const text = '{"a":{"b":1,"a b":2},"list":[10,20],"rows":[{"age":3,"v":[1,2]},{"v":[3,4]}]}';
  t.same(
    decode(text, {
      member: '$.a.b',
      quoted: "$.a['a b']",
      double: '$["a"]["b"]',
      element: '$.list[1]',
      list: '$.list',
      ages: '$.rows[*].age',
      firsts: '$.rows[*].v[0]',
      vectors: '$.rows[*].v',
      all: '$.rows[*].v[*]',
      absent: '$.nothing[0].x',
    }),
    {
      member: [[], [1]],
      quoted: [[], [2]],
      double: [[], [1]],
      element: [[], [20]],
      list: [[2], [10, 20]],
      ages: [[2], [3, null]],
      firsts: [[2], [1, 3]],
      vectors: [
        [2, 2],
        [1, 2, 3, 4],
      ],
      all: [[4], [1, 2, 3, 4]],
      absent: [[], [null]],
    },
  );
  t.end();
});

t.test('the whole body is $, and the rows of a bare list are $[*]', (t) => {
  t.same(decode('[1,2]', { y: '$' }), { y: [[2], [1, 2]] });
  t.same(decode('[{"a":1},{"a":NaN}]', { a: '$[*].a' }), { a: [[2], [1, Number.NaN]] });
  t.same(decode('[]', { a: '$[*].a' }), { a: [[0], []] });
  t.same(decode('{"a":1}', { a: '$[*].a' }), { a: [[], [1]] }, 'a single row that a server answers bare');
  t.end();
});

t.test('max_key and max_value tell the largest score and its name', (t) => {
  const paths = { label: '$.max_key', confidence: '$.max_value' };
  t.same(decode('{"cat":0.2,"dog":0.7,"note":"x","cow":NaN,"ox":0.7}', paths), { label: [[], ['dog']], confidence: [[], [0.7]] });
  t.same(decode('[{"a":1,"b":2},{"a":3,"b":2}]', { label: '$[*].max_key' }), { label: [[2], ['b', 'a']] });
  t.same(decode('{"max_key":"own","a":1}', { label: '$.max_key' }), { label: [[], ['own']] }, 'a member of that name comes first');
  t.end();
});

t.test('a body with none of the mapped columns is refused, one with some of them is not', (t) => {
  t.throws(() => decode('{"error":"no"}', { a: '$.a', b: '$.constructor' }), { code: 'unexpected-structure' });
  t.same(decode('{"b":1}', { a: '$.a', b: '$.b' }), { a: [[], [null]], b: [[], [1]] });
  t.end();
});

t.test('paths outside the subset are mistakes of the configuration', (t) => {
  for (const path of ['', 'a', '$a', '$.', '$..a', '$[a]', '$[-1]', '$[0:2]', "$['a]", '$.a[?(@.b)]', '$ .a', '$[100000]']) {
    t.throws(() => decode('{}', { a: path }), { code: 'json-path' }, path);
  }
  t.end();
});

t.test('without a mapping every leaf is a column', (t) => {
  t.same(decode('{"age":3,"user":{"id":"u","tags":["a","b"]},"rows":[{"x":1,"age":4},{"x":2,"age":5}],"m":[[1,2]]}', {}), {
    age: [[], [3]],
    'user.id': [[], ['u']],
    'user.tags': [[2], ['a', 'b']],
    x: [[2], [1, 2]],
    'rows.age': [[2], [4, 5]],
    m: [
      [1, 2],
      [1, 2],
    ],
  });
  t.same(decode('[0.5,1]', {}), { value: [[2], [0.5, 1]] });
  t.same(decode('"yes"', {}), { value: [[], ['yes']] });
  t.end();
});

t.test('where only answers are mapped a request may be an image, and still gives columns when it is JSON', (t) => {
  const [protocol] = protocolsFor('torchserve', { inputs: [], outputs: [{ name: 'label', path: '$.max_key' }] });
  const request = (bytes: Uint8Array) => protocol?.decodeRequest({ bytes, headers: [] }, target).tensors;
  t.same(request(Uint8Array.of(0x89, 0x50, 0x4e, 0x47)), []);
  t.same(request(new Uint8Array()), []);
  t.same(request(Buffer.from('{"age":3}')), [{ name: 'age', datatype: null, shape: [], data: [3] }]);
  t.throws(() => protocol?.decodeResponse({ bytes: Uint8Array.of(0x89), headers: [] }, target), { code: 'not-utf8' });
  t.end();
});
