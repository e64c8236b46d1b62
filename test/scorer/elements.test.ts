import t from 'tap';
import { fromElements, toElements } from '../../scorer/elements.ts';

t.test('a missing value is NaN in a float, empty text in BYTES, and refused in an integer', async (t) => {
  t.same(toElements('x', 'FP32', [1, null]), Float32Array.of(1, Number.NaN));
  t.same(toElements('x', 'BYTES', ['a', null, 3, false]), ['a', '', '3', 'false']);
  t.throws(() => toElements('x', 'INT64', [1, null]), {
    name: 'ScorerError',
    code: 'bad-input',
    message: /element 1 of input x \(INT64\) is null/,
  });
  t.throws(() => toElements('x', 'BOOL', [null]), { code: 'bad-input' });
});

t.test('numeric text, booleans and big integers are numbers, other text is not', async (t) => {
  t.same(toElements('x', 'FP64', ['1.5', 'NaN', '-Infinity', true, 7n]), Float64Array.of(1.5, Number.NaN, Number.NEGATIVE_INFINITY, 1, 7));
  t.throws(() => toElements('x', 'FP32', ['']), { code: 'bad-input' });
  t.throws(() => toElements('x', 'FP32', ['12 apples']), { code: 'bad-input' });
});

t.test('an error names the place and never the value', async (t) => {
  t.throws(() => toElements('ssn', 'FP32', ['078-05-1120']), { message: /^(?!.*078).*ssn/ });
});

t.test('integers beyond 2^53 arrive and leave whole', async (t) => {
  const huge = 2n ** 62n + 1n;
  t.same(toElements('x', 'INT64', [huge, '-5', 3, true]), BigInt64Array.of(huge, -5n, 3n, 1n));
  t.same(fromElements('INT64', BigInt64Array.of(huge, -5n)), [huge, -5]);
});

t.test('an integer out of its type, or with a fraction, is refused instead of wrapped', async (t) => {
  t.same(toElements('x', 'INT8', [-128, 127]), Int8Array.of(-128, 127));
  t.throws(() => toElements('x', 'INT8', [128]), { message: /whole numbers from -128 to 127/ });
  t.throws(() => toElements('x', 'UINT64', [-1]), { code: 'bad-input' });
  t.throws(() => toElements('x', 'INT32', [1.5]), { code: 'bad-input' });
  t.throws(() => toElements('x', 'INT64', [Number.NaN]), { code: 'bad-input' });
});

t.test('booleans come back as booleans', async (t) => {
  t.same(toElements('x', 'BOOL', [true, 0, 'true', 'false']), Uint8Array.of(1, 0, 1, 0));
  t.same(fromElements('BOOL', Uint8Array.of(1, 0)), [true, false]);
});
