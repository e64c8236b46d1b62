import t from 'tap';
import { parseDuration, parseSize, parseSpan } from '../../policies/durations.ts';

t.test('durations are milliseconds', async (t) => {
  const cases: [string, number][] = [
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['6h', 21_600_000],
    ['7d', 604_800_000],
  ];
  for (const [text, ms] of cases) t.equal(parseDuration(text), ms, text);
});

t.test('sizes are bytes, with or without a unit', async (t) => {
  const cases: [string | number, number][] = [
    [0, 0],
    [1000, 1000],
    ['0B', 0],
    ['256KiB', 262_144],
    ['1MiB', 1_048_576],
    ['2GiB', 2_147_483_648],
  ];
  for (const [text, bytes] of cases) t.equal(parseSize(text), bytes, String(text));
});

t.test('spans count windows or milliseconds', async (t) => {
  t.same(parseSpan('1 window'), { unit: 'windows', count: 1 });
  t.same(parseSpan('3 windows'), { unit: 'windows', count: 3 });
  t.same(parseSpan('30m'), { unit: 'ms', count: 1_800_000 });
});

t.test('what is no amount is refused', async (t) => {
  for (const text of ['', '5', 'm', '5 m', '0s', '-5m', '1.5h', '5M', '5minutes', '99999999d', '5m\n']) {
    t.throws(() => parseDuration(text), RangeError, JSON.stringify(text));
    t.throws(() => parseSpan(text), RangeError, JSON.stringify(text));
  }
  for (const text of ['256', '256KB', '1e3B', '-1B', ' 1B']) t.throws(() => parseSize(text), RangeError, text);
});
