import fc from 'fast-check';
import t from 'tap';
import { DecodeError } from '../../../contracts/errors.ts';
import { parseJson, readJson, type Value } from '../../../proxy/protocols/json.ts';
import { writeJson } from '../../../proxy/protocols/json-text.ts';

const property = { seed: 20261, numRuns: 1000 };

const anyValue = fc.letrec<{ value: Value; list: Value[]; object: { [key: string]: Value } }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<Value>(null, true, false, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e300, 5e-324, 1e17),
    fc.double(),
    fc.integer(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 100n }),
    fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('NaN', 'Infinity', '12345678901234567890', '"', '\\', '[[[', '\u0000'),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 5 }),
  object: fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')), tie('value'), { maxKeys: 5 }),
})).value;

/** Tells apart what `===` and JSON do not: number and bigint, 0 and -0, NaN and null. */
function describe(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(describe)}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value).map(([key, inner]) => JSON.stringify(key) + describe(inner))}}`;
  }
  return `${typeof value} ${Object.is(value, -0) ? '-0' : typeof value === 'string' ? JSON.stringify(value) : String(value)}`;
}

function failure(text: string | Uint8Array): { code: string; message: string } {
  try {
    typeof text === 'string' ? parseJson(text) : readJson(text);
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  return { code: 'decoded', message: '' };
}

t.test('bare NaN and infinities are numbers', (t) => {
  t.same(parseJson('[NaN, Infinity ,-Infinity,1]'), [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1]);
  t.ok(Object.is(parseJson('NaN'), Number.NaN));
  t.end();
});

t.test('integers keep every digit, beyond 2^53 as bigint and up to it as number', (t) => {
  t.equal(parseJson('9007199254740991'), 9007199254740991);
  t.equal(parseJson('9007199254740992'), 9007199254740992n);
  t.equal(parseJson('-9007199254740993'), -9007199254740993n);
  t.same(parseJson('{"a":[4611686018427387904,-1]}'), { a: [4611686018427387904n, -1] });
  t.equal(parseJson('18446744073709551615'), 18446744073709551615n);
  t.end();
});

t.test('floats stay numbers however many digits they have', (t) => {
  for (const text of ['0.22348674026473703', '12345678901234567890.5', '12345678901234567890e2', '1e400', '-0', '1E-7']) {
    t.ok(Object.is(parseJson(text), Number(text)), text);
  }
  t.end();
});

t.test('an integer of thousands of digits becomes a number instead of slow arithmetic', (t) => {
  t.equal(parseJson('9'.repeat(50)), 1e50);
  t.equal(parseJson('9'.repeat(100_000)), Number.POSITIVE_INFINITY);
  t.end();
});

t.test('strings that look like the special tokens stay strings', (t) => {
  const text = '{"NaN":"NaN","a":"Infinity, 12345678901234567890","b":"\\"NaN\\\\","c":"[[["}';
  t.same(parseJson(text), JSON.parse(text));
  t.same(parseJson(`[NaN,${text}]`), [Number.NaN, JSON.parse(text)]);
  t.end();
});

t.test('a __proto__ key is a member and leaves the prototype alone, on the fast path and on the tolerant one', (t) => {
  for (const text of ['{"__proto__":{"admin":true},"x":1}', '{"__proto__":{"admin":true},"x":NaN}']) {
    const value = parseJson(text) as object;
    t.equal(Object.getPrototypeOf(value), Object.prototype);
    t.ok(Object.hasOwn(value, '__proto__'));
    t.equal('admin' in value, false);
  }
  t.end();
});

t.test('everything that JSON forbids is refused with the offset of the mistake', (t) => {
  const mistakes: readonly [text: string, offset: number][] = [
    ['{"instances": [', 15],
    ['[1,]', 3],
    ['{"a":1,}', 7],
    ['{a:1}', 1],
    ['{"a" 1}', 5],
    ['[1 2]', 3],
    ['[01]', 2],
    ['[+1]', 1],
    ['[.5]', 1],
    ['[1.]', 2],
    ['[-NaN]', 1],
    ['[nan]', 1],
    ['[infinity]', 1],
    ['NaNa', 3],
    ["['a']", 1],
    ['["a\nb"]', 1],
    ['["\\x41"]', 1],
    ['"open', 0],
    ['tru', 0],
    ['1 // one', 2],
    ['{}{}', 2],
    ['\u00a01', 0],
    ['   ', 3],
  ];
  for (const [text, offset] of mistakes) {
    const { code, message } = failure(text);
    t.equal(code, 'not-json', text);
    t.match(message, new RegExp(`offset ${offset}$`), text);
  }
  t.end();
});

t.test('nesting is refused beyond 100 levels, however long and whatever the strings hold', (t) => {
  t.equal(failure('['.repeat(100) + ']'.repeat(100)).code, 'decoded');
  t.equal(failure('['.repeat(101) + ']'.repeat(101)).code, 'too-deep');
  t.equal(failure('{"a":'.repeat(1_000_000)).code, 'too-deep');
  t.equal(failure(`["${']'.repeat(90)}",${'['.repeat(100)}NaN${']'.repeat(100)}]`).code, 'too-deep');
  t.equal(failure(JSON.stringify(['['.repeat(5000), '\\"', '{'.repeat(200)])).code, 'decoded');
  t.equal(failure(`[${'[],'.repeat(5000)}[]]`).code, 'decoded');
  t.end();
});

t.test('bytes that are no text are told apart from no bytes', (t) => {
  t.equal(failure(new Uint8Array()).code, 'empty-body');
  t.equal(failure(Uint8Array.of(0x22, 0xff, 0x22)).code, 'not-utf8');
  t.equal(failure(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)).code, 'not-utf8');
  t.equal(readJson(Buffer.from('\ufeff"größe"')), 'größe');
  t.end();
});

t.test('a mistake is reported without any of the text', (t) => {
  t.notMatch(failure('{"password": "hunter2" oops}').message, /hunter2|password|oops/);
  t.end();
});

t.test('whatever is written is read back the same', (t) => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const text = writeJson(value);
      if (describe(parseJson(text)) !== describe(value)) throw new Error(text);
    }),
    property,
  );
  t.end();
});

t.test('text of any kind is read as the strict parser reads it, or refused as it refuses', (t) => {
  const token = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '"a"',
    '1',
    '-',
    '0',
    '.5',
    'e1',
    'true',
    'null',
    ' ',
    '\\',
    '\\u00e9',
    'x',
  );
  const text = fc.oneof(
    fc.array(token, { maxLength: 12 }).map((parts) => parts.join('')),
    fc.json(),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (text) => {
      // Long integers are read differently on purpose.
      fc.pre(!/\d{16}/.test(text));
      let strict: unknown;
      let refused = false;
      try {
        strict = JSON.parse(text);
      } catch {
        refused = true;
      }
      if (refused) return failure(text).code === 'not-json';
      // A leading NaN sends the text through the tolerant reader as well.
      const plain = writeJson(parseJson(text));
      return plain === writeJson(strict as Value) && writeJson(parseJson(`[NaN,${text}]`)) === `[NaN,${plain}]`;
    }),
    { ...property, numRuns: 3000 },
  );
  t.end();
});
