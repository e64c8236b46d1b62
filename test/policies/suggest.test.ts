import t from 'tap';
import { enumerate, remedyFor, suggest } from '../../policies/suggest.ts';

t.test('the nearest word is suggested', async (t) => {
  const words = ['severity', 'features', 'needs', 'for', 'maxPerDay', 'chi-squared'];
  const cases: [string, string | null][] = [
    ['severty', 'severity'],
    ['sevreity', 'severity'],
    ['feature', 'features'],
    ['fro', 'for'],
    ['max_per_day', 'maxPerDay'],
    ['ChiSquared', 'chi-squared'],
    ['banana', null],
    ['', null],
  ];
  for (const [word, nearest] of cases) t.equal(suggest(word, words), nearest, word);
});

t.test('where nothing is near, the words there are stand in for it', async (t) => {
  t.equal(remedyFor('typo', ['type', 'url'], 'remove it'), 'did you mean type?');
  t.equal(remedyFor('banana', ['type', 'url'], 'remove it'), 'use type or url');
  t.equal(remedyFor('banana', [], 'remove it'), 'remove it');
  t.match(
    remedyFor(
      'banana',
      Array.from({ length: 20 }, (_, index) => `w${index}`),
      '',
    ),
    /^use one of w0, .*w11 …$/,
  );
});

t.test('words are enumerated as people do', async (t) => {
  t.equal(enumerate([]), '');
  t.equal(enumerate(['a']), 'a');
  t.equal(enumerate(['a', 'b']), 'a or b');
  t.equal(enumerate(['a', 'b', 'c']), 'a, b or c');
});
