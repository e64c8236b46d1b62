import t from 'tap';
import { categoriesOf, guessColumn, numberOf, numbersOf, requestFailed, sameLabel } from '../../agent/signals.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';

t.test('a detector never sees anything but a finite number', (t) => {
  for (const cell of [null, 'NaN', 'Infinity', '-Infinity', '', 'abc', Number.NaN, Number.POSITIVE_INFINITY])
    t.equal(numberOf(cell), null, String(cell));
  t.equal(numberOf('9007199254740993'), 9007199254740992);
  t.equal(numberOf(true), 1);
  t.equal(numberOf(-0.5), -0.5);
  t.end();
});

t.test('of a column detectors see what is there, in its order', (t) => {
  t.same(numbersOf([2, '1', true, null, 'NaN', 3]), [2, 1, 1, 3]);
  t.same(categoriesOf(['b', 'a', 'b']), ['b', 'a', 'b']);
  t.same(categoriesOf(['b', null, 'NaN', 1, true]), ['b', '1', 'true']);
  t.same(categoriesOf(['b', 'NaN']), ['b'], 'not a number is no category');
  t.end();
});

t.test('labels are the same class whether they come as number or text', (t) => {
  t.ok(sameLabel(1, '1'));
  t.ok(sameLabel('1.0', 1));
  t.ok(sameLabel('cat', 'cat'));
  t.ok(sameLabel(true, 1));
  t.notOk(sameLabel(false, 1));
  t.notOk(sameLabel('cat', 'dog'));
  t.notOk(sameLabel(null, null), 'a missing label equals nothing');
  t.notOk(sameLabel('', 0));
  t.end();
});

t.test('a column is guessed from its reference: numbers, categories, or an identifier that is not watched', (t) => {
  t.equal(guessColumn('x', [1, null, 2.5]).type, 'number');
  t.equal(guessColumn('x', ['a', 'b', 'a', 'b']).type, 'categorical');
  t.equal(
    guessColumn(
      'x',
      Array.from({ length: 50 }, (_, i) => `user-${i}`),
    ).type,
    'text',
  );
  t.end();
});

t.test("the primary's failures count, a client's own mistakes do not", (t) => {
  const record = (part: Partial<DriftlineRecord>) =>
    requestFailed({ outcome: 'answered', reason: null, status: 200, ...part } as DriftlineRecord);
  t.notOk(record({}));
  t.notOk(record({ status: 404 }));
  t.notOk(record({ status: 400, outcome: 'failed', reason: 'bad-request' }), 'a caller could turn the route');
  t.notOk(record({ status: 408, outcome: 'failed', reason: 'request-timeout' }));
  t.equal(record({ reason: 'route' }), null, 'the primary was not asked');
  t.ok(record({ status: 500 }));
  t.ok(record({ status: 200, reason: 'reset' }), 'answered by the fallback');
  t.ok(record({ status: 502, outcome: 'failed', reason: 'connect-refused' }));
  t.end();
});
