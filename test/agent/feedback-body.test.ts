import t from 'tap';
import { readFeedback } from '../../agent/admin/feedback-body.ts';

t.test('one object, one object over several lines, and NDJSON are all read', (t) => {
  t.match(readFeedback('{"id":"a","label":1}', 9).accepted, [{ id: 'a', kind: 'label', value: 1, row: null, at: null, receivedAt: 9 }]);
  t.match(readFeedback('{\n  "id": "a",\n  "reward": 0.5\n}', 9).accepted, [{ kind: 'reward', value: 0.5 }]);
  t.match(readFeedback('{"id":"a","label":"x"}\n\n{"id":"b","decision":true,"row":2,"at":"2026-01-02T03:04:05Z"}\n', 9).accepted, [
    { id: 'a', value: 'x' },
    { id: 'b', kind: 'decision', value: true, row: 2, at: Date.UTC(2026, 0, 2, 3, 4, 5) },
  ]);
  t.end();
});

t.test('every line that is no feedback is rejected with its number and its reason, the others are taken', (t) => {
  const { accepted, rejected } = readFeedback(
    [
      '{"id":"a","label":1}',
      '[1]',
      'not json',
      '{"id":1,"label":1}',
      '{"id":"b"}',
      '{"id":"b","label":1,"reward":1}',
      '{"id":"b","lable":1}',
    ].join('\n'),
    9,
  );
  t.equal(accepted.length, 1);
  t.match(rejected, [
    { line: 2, reason: /must be an object/ },
    { line: 3, reason: /not JSON/ },
    { line: 4, reason: /x-driftline-id/ },
    { line: 5, reason: /exactly one of/ },
    { line: 6, reason: /exactly one of/ },
    { line: 7, reason: /unknown key "lable"/ },
  ]);
  for (const [line, reason] of [
    ['{"id":"a","label":{}}', /number, text/],
    ['{"id":"a","label":null}', /must not be null/],
    ['{"id":"a","reward":"1"}', /finite number/],
    ['{"id":"a","label":1,"row":-1}', /row must be/],
    ['{"id":"a","label":1,"at":"yesterday"}', /ISO 8601/],
    ['null', /must be an object/],
    ['7', /must be an object/],
  ] as const) {
    t.match(readFeedback(line, 9).rejected, [{ line: 1, reason }], line);
  }
  t.same(readFeedback(' \n', 9), { accepted: [], rejected: [] });
  t.end();
});
