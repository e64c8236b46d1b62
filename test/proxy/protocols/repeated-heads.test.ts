import { isDeepStrictEqual } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import t from 'tap';
import { DecodeError } from '../../../contracts/errors.ts';
import type { Message } from '../../../contracts/protocol.ts';
import { parseObject } from '../../../proxy/protocols/body.ts';
import { decodeMessage, kserveV2 } from '../../../proxy/protocols/kserve-v2.ts';
import { RepeatedHeads } from '../../../proxy/protocols/repeated-heads.ts';

const target = { model: 'm', version: '1' };

/** What the protocol says of a text, and what it would say if every message were read by the general reader. */
function both(text: string) {
  const told = (read: () => Message) => {
    try {
      const message = read();
      // What is read later is read now.
      return { ...message, tensors: message.tensors.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, data })) };
    } catch (error) {
      if (error instanceof DecodeError) return { code: error.code, message: error.message };
      throw error;
    }
  };
  return {
    read: told(() => kserveV2.decodeRequest({ bytes: Buffer.from(text), headers: [] }, target)),
    general: told(() => decodeMessage(parseObject(text), target, 'inputs', null)),
  };
}

const heads = new RepeatedHeads('inputs', ({ name, datatype, shape }) => ({
  name: String(name),
  datatype: String(datatype),
  shape: shape as number[],
}));

/** A message of one tensor with these elements as they are written. */
const around = (data: string, shape: string, rest = '') =>
  `{"inputs":[{"name":"x","datatype":"FP32","shape":${shape},"data":[${data}]}]${rest}}`;

const plain = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.integer().map(String),
  fc.string().map((text) => JSON.stringify(text)),
  fc.constantFrom('null', 'true', 'false', '-0', '1e999', '0.30000000000000004', '"é"'),
);
const odd = fc.oneof(
  fc
    .tuple(fc.constantFrom('', '-'), fc.stringMatching(/^\d{1,20}$/), fc.stringMatching(/^(\.\d{0,20})?([eE][+-]?\d{0,3})?$/))
    .map((parts) => parts.join('')),
  fc.constantFrom('NaN', '-Infinity', 'nul', '[]', '{}', '"a\u0001"', '"\\x"', '"', '01', '-', '1.', '9007199254740993'),
);
/** Mostly the first, now and then one of the others. */
const mostly = <T>(usual: fc.Arbitrary<T>, others: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 40, arbitrary: usual }, { weight: 1, arbitrary: others });
const blanks = fc.constantFrom('', '', '', ' ', '\n  ');
const tensors = fc
  .record({
    name: mostly(fc.constantFrom('a', 'b', 'é'), fc.constantFrom('data', 'inputs', 'a\\u0062', '')),
    elements: fc.array(mostly(plain, odd), { minLength: 1, maxLength: 6 }),
    many: mostly(fc.constant(''), fc.constantFrom('1', '-2.5e-3', '0.30000000000000004', '9007199254740993', '01', '"a"')),
    nested: fc.boolean(),
    off: mostly(fc.constant(0), fc.constantFrom(1, -1)),
    blank: blanks,
    extra: mostly(fc.constantFrom('', '"parameters":{"content_type":"np","d":[1]},'), fc.constantFrom('"data":[1],', '"d\\u0061ta":[],')),
  })
  .map(({ name, elements: few, many, nested, off, blank, extra }) => {
    const elements = many === '' ? few : [...new Array<string>(70).fill('0.5'), many, '2'];
    const data = nested ? elements.map((element) => `[${blank}${element}]`) : elements;
    const shape = `[${elements.length + off}${nested ? ',1' : ''}]`;
    return `{${blank}"name":"${name}",${blank}"datatype":"FP64","shape":${shape},${extra}"data":${blank}[${data.join(`${blank},${blank}`)}${blank}]${blank}}`;
  });
const messages = fc
  .record({
    tensors: fc.array(tensors, { minLength: 1, maxLength: 4 }),
    blank: blanks,
    before: mostly(fc.constantFrom('', '"id":"7",'), fc.constantFrom('"parameters":{"inputs":[1]},', '"inputs":[],', '"a\\"b":"inputs",')),
    behind: mostly(
      fc.constantFrom('', ',"id":"8"', ',"outputs":[{"name":"y","parameters":{"binary_data":true}}]'),
      fc.constantFrom(',"inputs":[]', ',"in\\u0070uts":[]', '}', ' x'),
    ),
  })
  .map(({ tensors, blank, before, behind }) => `{${before}"inputs"${blank}:${blank}[${tensors.join(`,${blank}`)}]${behind}}`);

t.test('whatever repeats or does not, a message is read as the general reader would read it', (t) => {
  let apart = 0;
  fc.assert(
    fc.property(fc.array(messages, { minLength: 1, maxLength: 4 }), (texts) => {
      // Each twice, so that the second meets what the first has left behind.
      for (const text of [...texts, ...texts]) {
        const { read, general } = both(text);
        // Not tap's own comparison, to which a hole is like any number.
        if (!isDeepStrictEqual(read, general)) return t.fail(text, { read, general });
        if (heads.read(text) !== null) apart++;
      }
      return true;
    }),
    { seed: 11, numRuns: 1_500, endOnFailure: true },
  );
  t.ok(apart > 1_000, `the short way was taken ${apart} times`);
  t.comment(`the short way was taken ${apart} times`);
  t.end();
});

t.test('a message with any character changed is read, or refused, as by the general reader', (t) => {
  const text =
    '{"id":"1","inputs":[{"name":"a","datatype":"FP32","shape":[2],"data":[0.25,-1e-3]},{"name":"b","datatype":"BYTES","shape":[1,1],"data":[["\\"x"]]}]}';
  t.not(new RepeatedHeads('inputs', (members) => members as never).read(text), null);
  for (let at = 0; at < text.length; at++) {
    for (const other of ['', '"', ',', ']', '}', '[', '{', '0', '\\', ' ', '.', 'e', '-', ':', '\u0000', 'é']) {
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      const { read, general } = both(changed);
      if (!isDeepStrictEqual(read, general)) t.fail(changed, { read, general });
    }
  }
  t.end();
});

t.test('many numbers, which are read when they are asked for, are those that the general reader would read', (t) => {
  const list = ['-1', '0.5', ' 2e3 ', '123456789012345.5', ...new Array<string>(65).fill('7'), '0.30000000000000004'];
  const wide = heads.read(around(list.join(','), '[70]'))?.tensors[0];
  t.notOk(Object.hasOwn(wide ?? {}, 'data'), 'they are read later');
  t.ok(isDeepStrictEqual(wide?.data, list.map(Number)));
  t.equal(wide?.data, wide?.data);
  const exact = around(['9007199254740993', ...list.slice(1)].join(','), '[70]');
  t.ok(isDeepStrictEqual(both(exact).read, both(exact).general), 'an integer beyond 2^53 is left to it');
  const text = around(list.join(','), '[70]');
  for (let at = text.indexOf('[-1'); at < text.length; at++) {
    for (const other of ['', ',', ']', '[', '0', ' ', '.', 'e', '-', '"', '7,7']) {
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      const { read, general } = both(changed);
      if (!isDeepStrictEqual(read, general)) t.fail(changed, { read, general });
    }
  }
  t.end();
});

t.test('every number is the one that its text reads as', (t) => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: 0, max: 20 }), (value, digits) => {
      for (const text of [JSON.stringify(value), value.toExponential(), Math.abs(value) < 1e15 ? value.toFixed(digits) : '1']) {
        const read = heads.read(around(text, '[1]'));
        if (read !== null && !Object.is(read.tensors[0]?.data[0], JSON.parse(text))) return t.fail(text);
      }
      return true;
    }),
    { seed: 3, numRuns: 20_000 },
  );
  for (const text of ['-0', '-0.0', '0.1', '9007199254740993.0', '123456789012345', '0.000000000000001', '1e400', '5e-324', '2.5E+3'])
    t.ok(Object.is(heads.read(around(text, '[1]'))?.tensors[0]?.data[0], JSON.parse(text)), text);
  t.equal(heads.read(around('1234567890123456', '[1]')), null, 'an integer that a double may not hold is left to the general reader');
  t.end();
});

t.test('a shape that asks for more than there is takes no memory', (t) => {
  t.equal(heads.read(around('1', '[1000000000]')), null);
  const { read, general } = both(around('1', '[1000000000]'));
  t.ok(isDeepStrictEqual(read, general));
  t.end();
});

t.test('elements are no part of the text that they came in', (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const kept: unknown[] = [];
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 10; n++)
    kept.push(heads.read(`${around('"a category of some length"', '[1]')}${' '.repeat(4_000_000)}`)?.tensors[0]?.data[0]);
  collect();
  // A slice would keep the whole text; that of the newest message is kept to compare the next with.
  t.ok(process.memoryUsage().heapUsed - before < 12_000_000);
  t.same(new Set(kept), new Set(['a category of some length']));
  t.end();
});
