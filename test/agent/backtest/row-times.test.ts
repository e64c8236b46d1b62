import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { lookMsFor } from '../../../agent/backtest/line.ts';
import { readRows } from '../../../agent/backtest/rows.ts';
import { rowTimes } from '../../../agent/backtest/row-times.ts';
import { backtestCommand } from '../../../agent/commands/backtest.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { policyOf } from '../../support/policies.ts';
import { runCommand } from '../../support/run-command.ts';

const MINUTE = 60_000;
/** A Monday, 00:00 UTC. */
const MONDAY = 1_767_571_200_000;

const policyText = `apiVersion: driftline/v1
kind: Policy
metadata: {name: timed}
spec:
  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: a, type: number}]}
  reference: {source: file, path: reference.csv}
  window: {span: 1h}
  monitors:
    - {name: drift, detectors: {numeric: {type: ks}}}
    - {name: coming, detectors: {quality: {type: data-quality, checks: [freshness], freshness: {within: 10m}}}}
`;

t.test('a time is a date, ISO 8601, or seconds or milliseconds since 1970', async (t) => {
  const at = Date.UTC(2026, 0, 5, 7, 30);
  const ways = [
    new Date(at),
    '2026-01-05T07:30:00Z',
    ' 2026-01-05 08:30+01:00 ',
    '2026-01-05 07:30',
    at / 1_000,
    at,
    BigInt(at),
    `${at / 1_000}`,
    `${at}`,
  ];
  t.same(rowTimes('at', ways), new Array(ways.length).fill(at));
  t.same(rowTimes('at', ['1970-01-01', 0.0015, '1973-01-01']), [0, 2, Date.UTC(1973, 0, 1)]);
});

t.test('what is no time, or out of order, is refused with its row', async (t) => {
  for (const value of [
    '',
    null,
    undefined,
    'soon',
    'NA',
    true,
    {},
    Number.NaN,
    Infinity,
    '05.01.2026',
    '2026-13-01',
    1_767_571_200_000_000,
    '1767571200000000',
    new Date(Number.NaN),
    1e300,
  ])
    t.throws(
      () => rowTimes('at', [0, value]),
      { code: 'row-time', message: /^--time at: row 1 \(from 0\) has .*; give each row an ISO 8601 time/ },
      String(value),
    );
  t.throws(() => rowTimes('at', ['2026-01-05', '2026-01-06', '2026-01-05']), {
    message:
      '--time at: row 2 (from 0) came at 2026-01-05T00:00:00.000Z, before the one above it at 2026-01-06T00:00:00.000Z; sort the rows by at',
  });
});

t.test('the clock is looked at every second of some hours, and every minute of a year', async (t) => {
  const day = 24 * 60 * MINUTE;
  t.same(
    [0, 0.25, 2.5, 100, 365, 3_650].map((days) => lookMsFor(days * day)),
    [1_000, 1_000, 1_080, 43_200, 60_000, 60_000],
  );
});

t.test('a window that no replay can hold is refused, and its rate told', async (t) => {
  const ofADay = policyText.replace('span: 1h', 'span: 1d');
  const folder = t.testdir({
    'p.yaml': ofADay,
    'expected.yaml': ofADay.replace('traffic: {', 'traffic: {expectedRows: {count: 100, per: 1s}, '),
    'reference.csv': 'a\n1\n2\n3\n',
    'live.csv': `at,a\n${Array.from({ length: 500 }, (_, k) => `${MONDAY + 10 * k},1`).join('\n')}\n`,
  });
  for (const [policy, told] of [
    ['p.yaml', /at the rate of the data: .*; take a shorter window, or say traffic\.expectedRows$/],
    ['expected.yaml', /at the rate that traffic\.expectedRows tells: .*; take a shorter window, or correct it$/],
  ] as const) {
    const { thrown } = await runCommand(t, backtestCommand(), [path.join(folder, policy), path.join(folder, 'live.csv'), '--time', 'at']);
    t.match(thrown, { code: 'too-many-rows', message: /^a window has 8,640,000 rows / });
    t.match(thrown, { message: told });
  }
});

t.test('windows by time and silence are judged by the rows’ own times', async (t) => {
  const random = new Random(5);
  const values = (count: number) => Array.from({ length: count }, () => random.normal());
  // One row a minute for six hours; nothing from 03:00 to 03:45.
  const minutes = Array.from({ length: 360 }, (_, minute) => minute).filter((minute) => minute < 180 || minute >= 225);
  const live = values(minutes.length).map((value, row) => `${new Date(MONDAY + minutes[row]! * MINUTE).toISOString()},${value}`);
  const folder = t.testdir({
    'p.yaml': policyText,
    'reference.csv': `a\n${values(1_000).join('\n')}\n`,
    'live.csv': `at,a\n${live.join('\n')}\n`,
  });
  const run = async (...more: string[]) => {
    const files = [path.join(folder, 'p.yaml'), path.join(folder, 'live.csv')];
    return runCommand(t, backtestCommand(), [...files, '--runs', '1', ...more]);
  };
  const timed = await run('--time', 'at', '--json', '--html', path.join(folder, 'report.html'));
  t.equal(timed.thrown, null);
  const { fired, windows, windowRows } = JSON.parse(timed.stdout);
  t.match(fired, [{ signal: 'rows.freshness', row: 179, at: MONDAY + 189 * MINUTE }]);
  const hours = windows.filter(({ signal }: { signal: string }) => signal === 'inputs.a');
  t.same(
    hours.map(({ fromRow, toRow }: { fromRow: number; toRow: number }) => [fromRow, toRow]),
    [
      [0, 59],
      [60, 119],
      [120, 179],
      [180, 194],
      [195, 254],
    ],
    'whole hours; the last is not over',
  );
  t.equal(windowRows, 52, '315 rows in 359 minutes');
  const words = await run('--time', 'at');
  t.match(words.stdout, /^ {2}row {6}179 {2}2026-01-05 03:09:00Z {2}warning {3}coming on rows\.freshness/m);

  const evenly = JSON.parse((await run('--json')).stdout);
  t.same(evenly.fired, [], 'without times a second is between them');
  t.equal(evenly.windows.length, 0);

  t.match((await run('--time', 'when')).thrown, { message: '--time when: the data has no such column (at, a)' });
  writeFileSync(path.join(folder, 'live.csv'), `at,a\n${[live[1], live[0]].join('\n')}\n`);
  t.match((await run('--time', 'at')).thrown, { code: 'row-time' });
});

t.test('without a schema the column of times is no input', async (t) => {
  const file = path.join(t.testdir({ 'live.csv': 'at,a\n2026-01-05,1\n2026-01-06,2\n' }), 'live.csv');
  const { columns, times } = await readRows(
    policyOf('  model: {name: m}\n  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}\n'),
    [file],
    { time: 'at' },
  );
  t.same([...columns.keys()], ['inputs.a']);
  t.same(times, [MONDAY, MONDAY + 24 * 60 * MINUTE]);
});
