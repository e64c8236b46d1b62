import fc from 'fast-check';
import t from 'tap';
import { formatMistake } from '../../policies/mistakes.ts';
import { readYaml } from '../../policies/yaml.ts';

const told = (text: string) => readYaml(text, 'p.yaml').mistakes.map(formatMistake);

t.test('plain YAML of the core schema becomes data', async (t) => {
  const { value, mistakes } = readYaml('a: 1\nb: [x, "2", true, null, 1.5]\nc: {d: no, e: 0x10}\n', 'p.yaml');
  t.same(mistakes, []);
  t.same(value, { a: 1, b: ['x', '2', true, null, 1.5], c: { d: 'no', e: 16 } });
});

const refused: [string, string, string[]][] = [
  ['an empty file', '', ['p.yaml:1:1 the policy is empty — begin with `apiVersion: driftline/v1`']],
  ['a file of comments', '# later\n', ['p.yaml:1:1 the policy is empty — begin with `apiVersion: driftline/v1`']],
  ['a list', '- a\n', ['p.yaml:1:1 a policy is a map of keys — begin with `apiVersion: driftline/v1`']],
  ['a text', 'hello\n', ['p.yaml:1:1 a policy is a map of keys — begin with `apiVersion: driftline/v1`']],
  ['a key twice', 'a: 1\nb: {c: 1, c: 2}\n', ['p.yaml:2:11 the key is written twice in one map — keep one']],
  ['two documents', 'a: 1\n---\nb: 1\n', ['p.yaml:2:1 the file holds more than one document — one policy a file']],
  ['a tab', 'a:\n\tb: 1\n', ['p.yaml:2:1 a tab indents this line — use spaces']],
  ['a tag of one’s own', 'a: !env HOME\n', ['p.yaml:1:9 tag !env is not allowed — write plain values']],
  [
    'a tag outside the core schema',
    'a: 1\nb: !!binary aGk=\n',
    ['p.yaml:2:13 tag tag:yaml.org,2002:binary is not allowed — write plain values'],
  ],
  ['a key that is a list', '? [a, b]\n: 1\n', ['p.yaml:1:3 not valid YAML: With stringKeys, all keys must be strings']],
  [
    'an alias without its anchor',
    'a: *b\n',
    ['p.yaml:1:4 Unresolved alias (the anchor must be set before the alias): b — write the values out'],
  ],
];
for (const [name, text, expected] of refused) t.test(`${name} is refused, with its place`, async (t) => t.same(told(text), expected));

t.test('a half-written file is refused where it breaks off', async (t) => {
  t.match(told('spec:\n  model: {name: a, ver'), [/^p\.yaml:2:23 not valid YAML: /]);
  t.match(told('a: "b\n'), [/^p\.yaml:\d+:\d+ not valid YAML: Missing closing/]);
});

t.test('a file beyond 1 MiB is refused unread', async (t) => {
  t.same(told(`a: ${'x'.repeat(1024 * 1024)}`), ['p.yaml:1:1 the file is larger than 1 MiB — split data from policy']);
});

t.test('deep nesting is refused before the parser sees it', async (t) => {
  const deep = /nested more than 40 levels deep/;
  t.match(told(`a: ${'['.repeat(400_000)}`), [deep]);
  t.match(told(`a: ${'{b: '.repeat(50)}`), [deep]);
  t.match(told(`${'- '.repeat(200_000)}x`), [deep]);
  t.match(told(Array.from({ length: 60 }, (_, level) => `${' '.repeat(level)}k:\n`).join('')), [deep]);
  t.equal(told(`a: ${'['.repeat(41)}`)[0], 'p.yaml:1:43 nested more than 40 levels deep — a policy needs a dozen');
});

t.test('brackets in quotes, comments and text are no nesting, nor are siblings', async (t) => {
  t.same(told(`a: "${'['.repeat(100)}"\nb: x # ${'{'.repeat(100)}\n`), []);
  t.same(told(Array.from({ length: 500 }, (_, index) => `k${index}:\n  - {a: [1]}\n  - b: 2\n`).join('')), []);
});

t.test('an alias bomb is refused', async (t) => {
  const bomb = [
    'a0: &a0 [x, x]',
    ...Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`),
  ].join('\n');
  t.match(told(bomb), [/^p\.yaml:2:10 Excessive alias count/]);
});

t.test('anchors are read, merge keys are only keys', async (t) => {
  const { value } = readYaml('a: &x {b: 1}\nc: *x\nd: {<<: *x}\n', 'p.yaml');
  t.same(value, { a: { b: 1 }, c: { b: 1 }, d: { '<<': { b: 1 } } });
});

t.test('a key named __proto__ stays a key', async (t) => {
  const { value } = readYaml('__proto__: {polluted: true}\n', 'p.yaml');
  t.same(Object.keys(value as object), ['__proto__']);
  t.equal(({} as { polluted?: boolean }).polluted, undefined);
});

t.test('a part’s place is found through lists and aliases', async (t) => {
  const file = readYaml('a: &x\n  - {b: 1}\nc: *x\nd:\n', 'p.yaml');
  const place = (...[path, part]: [(string | number)[], ('key' | 'value')?]) => {
    const { line, column } = file.mistake(path, '', part);
    return [line, column];
  };
  t.same(place(['a', 0, 'b']), [2, 9]);
  t.same(place(['a', 0, 'b'], 'key'), [2, 6]);
  t.same(place(['c', 0, 'b']), [2, 9]);
  t.same(place(['d']), [4, 1], 'an empty value stands at its key');
  t.same(place(['a', 0, 'zzz']), [2, 5], 'a part that is not there stands at the part around it');
});

t.test('any text is read or refused, never thrown at', async (t) => {
  const piece = fc.constantFrom(
    'a',
    ':',
    ' ',
    '\n',
    '-',
    '[',
    ']',
    '{',
    '}',
    '&x',
    '*x',
    '!t ',
    '"',
    "'",
    '|',
    '>',
    '#',
    '%',
    '?',
    ',',
    '\t',
    '---',
    '<<',
    '\u0000',
    '0',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const { value, mistakes } = readYaml(pieces.join(''), 'p.yaml');
      return mistakes.length > 0 ? mistakes.every(({ line, column }) => line >= 1 && column >= 1) : typeof value === 'object';
    }),
    { seed: 7, numRuns: 500 },
  );
  t.pass('500 texts');
});
