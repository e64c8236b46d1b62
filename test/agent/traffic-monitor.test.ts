import t from 'tap';
import { judgeCount, keepCount, type Counted } from '../../agent/traffic-counts.ts';
import { TrafficMonitor } from '../../agent/traffic-monitor.ts';
import { watchList } from '../../agent/watch-list.ts';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import { detectorOf } from '../../detectors/catalogue.ts';
import { Random } from '../../detectors/performance/random.ts';
import { exchangeOf, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
/** A Monday, 00:00 UTC. */
const MONDAY = 1_767_571_200_000;

const spec = (quality: string, more = '') => `  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}], outputs: [{name: predictions, type: integer}]}
  monitors: [{name: coming, detectors: {quality: {type: data-quality, ${quality}}}${more}}]
`;

function monitorOf(quality: string): TrafficMonitor {
  const policy = policyOf(spec(quality));
  const [watch] = watchList(policy, policy.schema, detectorOf).filter((one) => one.kind === 'traffic');
  return new TrafficMonitor(watch!, undefined);
}

/** Passes time minute by minute, with so many rows in each. */
function pass(monitor: TrafficMonitor, from: number, minutes: number, rowsAt: (at: number) => number): Finding[] {
  const findings: Finding[] = [];
  for (let minute = 0; minute < minutes; minute++) {
    const at = from + minute * MINUTE;
    const rows = rowsAt(at);
    findings.push(...(rows > 0 ? monitor.record({ rows, firstRow: 0 }, at) : monitor.tick(at)));
  }
  return findings;
}

t.test('silence is found without a row, after the limit and once a limit, and ends with the next row', async (t) => {
  const monitor = monitorOf('checks: [freshness], freshness: {within: 10m}');
  t.same(
    pass(monitor, MONDAY, 60, () => 1).filter(({ level }) => level === 'drift'),
    [],
  );
  const silent = pass(monitor, MONDAY + HOUR, 25, () => 0);
  t.same(
    silent.map(({ level, statistic }) => [level, statistic]),
    [
      ['drift', 10 * MINUTE],
      ['drift', 20 * MINUTE],
    ],
  );
  t.match(silent[0], { signal: 'rows.freshness', kind: 'quality', note: 'no row for 10 min (the limit: 10 min)' });
  const back = pass(monitor, MONDAY + HOUR + 25 * MINUTE, 30, () => 1);
  t.same(
    back.map(({ level }) => level),
    ['stable', 'stable', 'stable'],
    'at once, then once a limit',
  );
});

t.test('traffic that never comes is silence where a limit was stated', async (t) => {
  const monitor = monitorOf('checks: [freshness], freshness: {within: 10m}');
  t.match(
    pass(monitor, MONDAY, 15, () => 0),
    [{ level: 'drift', observedRows: 0, window: { fromRow: 0, toRow: 0, fromAt: MONDAY } }],
  );
  t.same(
    pass(monitorOf('checks: [freshness]'), MONDAY, 15, () => 0),
    [],
  );
});

t.test('time in which the process did not run, and steps of the clock, are no silence', async (t) => {
  const monitor = monitorOf('checks: [freshness], freshness: {within: 10m}');
  pass(monitor, MONDAY, 5, () => 1);
  for (const jump of [HOUR, -24 * HOUR, 30 * 24 * HOUR, -HOUR]) t.same(monitor.tick(MONDAY + 5 * MINUTE + jump), []);
  const row = monitor.take()!;
  const restarted = new TrafficMonitor(monitor.watch, row);
  t.same(restarted.tick(MONDAY + 10 * HOUR), []);
});

t.test('without a limit a week of history sets it, nights and weekends included', async (t) => {
  const monitor = monitorOf('checks: [freshness]');
  const day = (at: number) => Math.floor((at - MONDAY) / (24 * HOUR)) % 7;
  const hour = (at: number) => Math.floor((at - MONDAY) / HOUR) % 24;
  const office = (at: number) => (day(at) < 5 && hour(at) >= 8 && hour(at) < 20 ? 1 : 0);
  const weeks = pass(monitor, MONDAY, 3 * 7 * 24 * 60, office);
  t.same(
    weeks.filter(({ level }) => level === 'drift'),
    [],
    'no false alarm in three weeks of office hours',
  );
  // From Friday evening to Monday morning are 60 hours: 180 are far beyond.
  const silent = pass(monitor, MONDAY + 21 * 24 * HOUR, 8 * 24 * 60, () => 0);
  t.equal(silent.length, 1);
  t.match(silent[0], { level: 'drift', note: /three times the longest silence of a week/ });
  const young = monitorOf('checks: [freshness]');
  pass(young, MONDAY, 60, () => 1);
  t.same(
    pass(young, MONDAY + HOUR, 24 * 60, () => 0),
    [],
  );
  t.match(young.take()?.shown, { level: 'insufficient', note: /no week of history yet/ });
});

t.test('a unit with far fewer or more rows than the like units is found, others are not', async (t) => {
  const monitor = monitorOf('checks: [rows]');
  const random = new Random(3);
  const hour = (at: number) => Math.floor(at / HOUR) % 24;
  const usual = (at: number) => (hour(at) < 6 ? 0 : Math.round(10 + 5 * Math.sin(hour(at)) + random.uniform() * 4));
  const healthy = pass(monitor, MONDAY, 5 * 7 * 24 * 60, usual);
  t.ok(healthy.length > 800, `${healthy.length} units judged`);
  t.same(
    healthy.filter(({ level }) => level === 'drift'),
    [],
    'no false alarm in five weeks of days and nights',
  );
  const start = MONDAY + 5 * 7 * 24 * HOUR;
  const faulty = pass(monitor, start, 24 * 60, (at) => (hour(at) === 10 ? 0 : hour(at) === 15 ? 10 * usual(at) : usual(at)));
  t.same(
    faulty.filter(({ level }) => level === 'drift').map(({ window }) => hour(window!.fromAt)),
    [10, 15],
  );
  t.match(
    faulty.find(({ level }) => level === 'drift'),
    { signal: 'rows.count', statistic: 0, note: /^0 rows in 1 h \(usual [\d,]+, the median of 4 at this time of the week\)$/ },
  );
  t.ok(JSON.stringify(monitor.take()).length < 30_000, 'its state is bounded');
});

t.test('stated bounds hold from the first unit; without them young history is insufficient', async (t) => {
  const bounded = monitorOf('checks: [rows], rows: {per: 1h, atLeast: 30, atMost: 100}');
  const findings = pass(bounded, MONDAY, 4 * 60, (at) =>
    at < MONDAY + HOUR ? 1 : at < MONDAY + 2 * HOUR ? 3 : at % (10 * MINUTE) === 0 ? 1 : 0,
  );
  t.same(
    findings.map(({ level, statistic, threshold }) => [level, statistic, threshold]),
    [
      ['stable', 60, 30],
      ['drift', 180, 100],
      ['drift', 6, 30],
    ],
  );
  const young = monitorOf('checks: [rows]');
  t.match(
    pass(young, MONDAY, 130, () => 1),
    [{ level: 'insufficient', note: '60 rows in 1 h, no like units yet' }, { level: 'insufficient' }],
  );
});

t.test('a unit that was not watched whole is not judged', async (t) => {
  const monitor = monitorOf('checks: [rows], rows: {per: 1h, atLeast: 30}');
  t.same(
    pass(monitor, MONDAY + 30 * MINUTE, 35, () => 0),
    [],
  );
});

t.test('a few rows a unit differ by chance, and that is none', async (t) => {
  const history: Counted[] = [4, 4, 4, 4].map((rows, week) => [week * 168, rows]);
  const choice = { perMs: HOUR, atLeast: null, atMost: null, factor: 3 };
  t.equal(judgeCount(history, [4 * 168, 0], choice).level, 'stable');
  t.equal(judgeCount(history, [4 * 168, 100], choice).level, 'drift');
  t.equal(keepCount(history, [5 * 168, 1], HOUR).length, 4, 'what is older than four weeks goes');
});

t.test('the analysis finds silence by its clock alone, the alert fires, and is over when rows come again', async (t) => {
  let now = MONDAY;
  const line = await openLine(policyOf(spec('checks: [freshness], freshness: {within: 5m}')), t.testdir(), () => now);
  const step = (minutes: number, rows: boolean) => {
    for (let i = 0; i < minutes; i++, now += MINUTE) {
      if (rows) line.analysis.observe(exchangeOf(`id-${now}`, now, [{ x: 1 }]));
      line.analysis.tick();
    }
    line.commit();
  };
  const alerts = () => line.reader.page<Alert>('alerts', 0, 100).items;
  step(10, true);
  t.same(alerts(), []);
  step(7, false);
  t.match(alerts(), [{ signal: 'rows.freshness', kind: 'quality', state: 'firing' }]);
  t.match(line.reader.page<Finding>('windows', 0, 100).items, [{ signal: 'rows.freshness', level: 'drift' }]);
  step(12, true);
  t.match(alerts(), [{ signal: 'rows.freshness', state: 'resolved' }]);
  t.equal(line.reader.count('events') > 0, true);
  line.crash();
});
