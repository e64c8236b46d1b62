import t from 'tap';
import { kserveV1 } from '../../../proxy/protocols/kserve-v1.ts';
import { tfserving } from '../../../proxy/protocols/tfserving.ts';

const target = { model: 'm', version: null };

function body(text: string) {
  return { bytes: Buffer.from(text), headers: [] };
}

t.test('a {"b64"} value is its text wherever it stands, and no column of its own', (t) => {
  t.same(tfserving.decodeRequest(body('{"instances":[{"b64":"YQ=="},{"b64":"Yg=="}]}'), target).tensors, [
    { name: 'instances', datatype: null, shape: [2], data: ['YQ==', 'Yg=='] },
  ]);
  t.same(tfserving.decodeRequest(body('{"inputs":{"i":[[{"b64":"YQ=="}],[{"b64":"Yg=="}]]}}'), target).tensors[0]?.shape, [2, 1]);
  t.same(tfserving.decodeRequest(body('{"instances":[{"b64":"YQ==","k":1}]}'), target).tensors.length, 2);
  t.end();
});

t.test('exactly one form may be used', (t) => {
  for (const text of ['{"instances":[1],"inputs":[1]}', '{}', '{"instances":"abc"}', '{"instances":null}', '[]', '3']) {
    t.throws(() => tfserving.decodeRequest(body(text), target), { code: 'unexpected-structure' }, text);
  }
  t.end();
});

t.test('features of the context hold for all examples unless an example brings its own', (t) => {
  const { tensors } = tfserving.decodeRequest(body('{"context":{"c":1,"age":9},"examples":[{"age":3},{"age":4}]}'), target);
  t.same(
    tensors.map(({ name, shape, data }) => [name, shape, data]),
    [
      ['age', [2], [3, 4]],
      ['c', [], [1]],
    ],
  );
  t.end();
});

t.test('classification results split into classes and scores, under either spelling', (t) => {
  for (const key of ['result', 'results']) {
    const { tensors } = tfserving.decodeResponse(body(`{"${key}":[[["a",0.75],["b",0.25]],[["b",0.5],["a",0.5]]]}`), target);
    t.same(
      tensors.map(({ name, shape, data }) => [name, shape, data]),
      [
        ['classes', [2, 2], ['a', 'b', 'b', 'a']],
        ['scores', [2, 2], [0.75, 0.25, 0.5, 0.5]],
      ],
    );
  }
  t.end();
});

t.test('an answer in row form drops the name of a single tensor and names the values of several in each row', (t) => {
  const written = (names: string[]) => {
    const tensors = names.map((name) => ({ name, datatype: null, shape: [2, 1], data: [0.5, Number.NaN] }));
    return Buffer.from(tfserving.encodeResponse?.({ requestId: null, model: 'm', version: null, tensors })?.bytes ?? '').toString();
  };
  t.equal(written(['proba']), '{"predictions":[[0.5],[NaN]]}');
  t.equal(written(['a', 'b']), '{"predictions":[{"a":[0.5],"b":[0.5]},{"a":[NaN],"b":[NaN]}]}');
  t.equal(written([]), '{"predictions":[]}');
  t.end();
});

t.test('an error body is no answer', (t) => {
  t.throws(() => tfserving.decodeResponse(body('{"error":"no"}'), target), { code: 'unexpected-structure' });
  t.throws(() => kserveV1.decodeResponse(body('{"error":"no"}'), target), { code: 'unexpected-structure' });
  t.end();
});

t.test('KServe V1 answers are read in every shape that servers send', (t) => {
  const names = (text: string) => kserveV1.decodeResponse(body(text), target).tensors.map(({ name }) => name);
  t.same(names('{"predictions":[1,2]}'), ['predictions']);
  t.same(names('{"predictions":[{"label":1,"proba":[0.5]}]}'), ['label', 'proba']);
  t.same(names('[{"score":1}]'), ['score']);
  t.same(names('[1,2]'), ['predictions']);
  t.same(names('{"outputs":{"a":[1],"b":[2]}}'), ['a', 'b']);
  t.same(names('{"explanations":[[1]]}'), ['explanations']);
  t.same(names('{"scores":[1],"meta":{"k":2}}'), ['scores', 'meta.k']);
  t.equal(kserveV1.decodeResponse(body('{"predictions":[1],"model_version":"3"}'), target).version, '3');
  t.equal(kserveV1.decodeResponse(body('{"predictions":[1],"model_version":null}'), target).version, null);
  t.end();
});

t.test('a stream of events is refused by its content type', (t) => {
  const stream = { bytes: Buffer.from('data: {}\n\n'), headers: [['Content-Type', 'Text/Event-Stream; charset=utf-8']] } as const;
  t.throws(() => kserveV1.decodeResponse(stream, target), { code: 'event-stream' });
  t.throws(() => kserveV1.decodeResponse({ bytes: Buffer.from([0, 255]), headers: [] }, target), { code: 'not-utf8' });
  t.end();
});
