import t from 'tap';
import { calibrate } from '../../../agent/calibration/calibrate.ts';
import { countAlarms } from '../../../agent/calibration/alarms.ts';
import { replaysOf } from '../../../agent/calibration/families.ts';
import { calibrationFingerprint, windowsInPeriod } from '../../../agent/calibration/calibration.ts';
import { inRows, windowInWords } from '../../../agent/calibration/window-rows.ts';
import { watchList } from '../../../agent/watch-list.ts';
import { MOST_WINDOW_CELLS } from '../../../agent/windows.ts';
import { detectorOf } from '../../../detectors/catalogue.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { policyOf } from '../../support/policies.ts';

const HOUR = 3_600_000;

const policyWith = (window: string, { rows = '', q = '', per = '30d' } = {}) =>
  policyOf(`  falseAlarms: {atMost: 1, per: ${per}}
  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}${rows === '' ? '' : `, expectedRows: {count: ${rows}, per: 1h}`}}
  schema: {inputs: [{name: x, type: number}]}
  window: ${window}
  monitors: [{name: d, detectors: {numeric: {type: ks}}${q === '' ? '' : `, correction: {q: ${q}}`}, for: 2 windows}]
`);

t.test('a window by time has the rows that come in it, once the rate is known', async (t) => {
  const policy = policyWith('{type: sliding, span: 1h, step: 10m}');
  t.equal(inRows(policy, null, 1), null);
  t.same(inRows(policy, 600 / HOUR, 1)!.window, { rows: 600, stepRows: 100 });
  t.same(inRows(policyWith('{span: 1h}', { rows: '5000' }), null, 1)!.window, { rows: 5000, stepRows: 5000 });
  t.equal(
    inRows(policyWith('{span: 1h}', { rows: '100000000' }), null, 20)!.window.rows,
    MOST_WINDOW_CELLS / 20,
    'what is thinned is not tested',
  );
});

t.test('a window by rows or age has as many as come before it ages', async (t) => {
  const policy = policyWith('{rows: 5000, maxAge: 6h}');
  t.equal(inRows(policy, null, 1)!.window.rows, 5000);
  t.equal(inRows(policy, 100 / HOUR, 1)!.window.rows, 600);
  t.equal(inRows(policy, 10_000 / HOUR, 1)!.window.rows, 5000);
});

t.test('windows of a period are counted by rows, by time and by step', async (t) => {
  const count = (window: string, rows = '1000') => windowsInPeriod(policyWith(window, { rows }), null).windowsInPeriod;
  t.equal(count('{rows: 500}'), 1_440);
  t.equal(count('{span: 1h}'), 720);
  t.equal(count('{type: sliding, span: 1h, step: 10m}', '1200'), 6 * 720, 'each step counts');
  t.equal(count('{type: sliding, rows: 500, step: 100}'), 5 * 1_440);
  t.equal(count('{rows: 500, maxAge: 6m}'), 10 * 24 * 30, 'age before rows');
  t.same(windowsInPeriod(policyWith('{span: 1h}'), null), { windowsInPeriod: null, rate: 'unknown' });
  t.same(windowsInPeriod(policyWith('{span: 1h}'), 1 / HOUR), { windowsInPeriod: 720, rate: 'measured' });
  const perWindows = policyWith('{span: 1h}', { per: '100 windows' });
  t.same(windowsInPeriod(perWindows, null), { windowsInPeriod: null, rate: 'unknown' }, 'replays need rows');
  t.same(windowsInPeriod(perWindows, 1 / HOUR), { windowsInPeriod: 100, rate: 'measured' });
});

const random = new Random(3);
const cells = new Map([['inputs.x', Array.from({ length: 2_000 }, () => random.uniform())]]);
const task = (policy: ReturnType<typeof policyWith>, rowsPerMs: number | null = null) => ({
  policy,
  columns: policy.schema,
  cells,
  slices: [],
  rowsPerMs,
  seed: 1,
});

t.test('overlapping windows get the share that each step may cost, and the rate is no part of what a level depends on', async (t) => {
  const qOf = (window: string, rowsPerMs: number | null = null) =>
    calibrate(task(policyWith(window, rowsPerMs === null ? { rows: '1000' } : {}), rowsPerMs)).levels[0]!.value!;
  const tumbling = qOf('{rows: 500}');
  t.equal(tumbling, 1 / 1_440);
  t.equal(qOf('{type: sliding, rows: 500, step: 100}'), tumbling / 5);
  t.equal(qOf('{type: sliding, span: 30m, step: 6m}'), tumbling / 5);
  const policy = policyWith('{span: 30m}');
  const measured = calibrate(task(policy, 1_000 / HOUR));
  t.equal(measured.levels[0]!.value, tumbling);
  t.equal(measured.fingerprint, calibrationFingerprint(task(policy)), 'so that a restart finds it');
  t.same(calibrate(task(policy)).levels, []);
});

t.test('alarms of a level that is written out are counted on windows that overlap as they will', async (t) => {
  const policy = inRows(policyWith('{type: sliding, rows: 200, step: 20}', { q: '0.05' }), null, 1)!;
  const [watch] = watchList(policy, policy.schema, detectorOf);
  if (watch?.kind !== 'windowed') throw new Error('a windowed test is watched');
  const watched = [{ watch, cells: cells.get('inputs.x')!, rows: null }];
  const share = (stepRows: number) => {
    const replays = replaysOf(task(policy), watched, 1, stepRows);
    const alarms = countAlarms(policy.monitors[0]!, watched, replays).reduce((sum, count) => sum + count, 0);
    const windows = replays.flat().length;
    return alarms / windows;
  };
  // Two in a row: what alarms once mostly does so again where most rows are the same.
  const [apart, overlapping] = [share(200), share(20)];
  t.ok(overlapping > 2 * apart, `${overlapping} against ${apart} a window`);
});

t.test('windows in words', async (t) => {
  t.equal(windowInWords(policyWith('{rows: 500}')), '500 rows');
  t.equal(windowInWords(policyWith('{rows: 5000, maxAge: 6h}')), '5000 rows or 6 h');
  t.equal(windowInWords(policyWith('{type: sliding, span: 1h, step: 10m}')), '1 h, every 10 min');
  t.equal(windowInWords(policyWith('{type: sliding, rows: 500, step: 100}')), '500 rows, every 100 rows');
});
