/** Windows compared with the same hour of the week, on a stream whose hours and weekdays differ. */
import t from 'tap';
import type { Finding } from '../../contracts/finding.ts';
import { Random } from '../../detectors/performance/random.ts';
import { exchangeOf, type Line, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

t.setTimeout(120_000);

const HOUR = 3_600_000;
const HOURS_OF_WEEK = 168;
/** A week's begin, as weeks are counted. */
const BEGINNING = 2_922 * HOURS_OF_WEEK * HOUR;
const ROWS = 120;

const spec = (seasonality: string) => `  model: {name: m, version: "header:x-version"}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema:
    inputs: [{name: x, type: number, max: 100}]
    outputs: [{name: p, type: number, tensor: predictions}]
    onViolation: {minFraction: 0.1}
  reference: {source: traffic, learn: {rows: 1000}}
  window: {span: 1h}
  minSamples: 50
${seasonality}  monitors:
    - {name: tests, features: [x, p], detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.2}}}, correction: {q: 0.001}}
  actions: [{name: console, type: console}]
`;
const seasonal = policyOf(spec('  seasonality: {compareTo: same-hour-of-week, when: historyWeeks >= 2}\n'));

/** The line, and its clock. */
interface Run {
  line: Line;
  readonly open: () => Promise<void>;
  now: number;
}

async function begin(policy: typeof seasonal, directory: string): Promise<Run> {
  const run: Run = {
    now: BEGINNING,
    line: undefined as unknown as Line, // opened below
    open: async () => {
      run.line = await openLine(policy, directory, () => run.now);
    },
  };
  await run.open();
  return run;
}

/** Hours of traffic in two calls each: nights low, weekends high. */
function live(
  run: Run,
  from: number,
  to: number,
  { shift = 0, version = '7', level = 0 }: { shift?: number; version?: string; level?: number } = {},
): void {
  for (let hour = from; hour < to; hour++) {
    const random = new Random(hour + 1);
    const usual = 10 * Math.sin((2 * Math.PI * (hour % 24)) / 24) + (hour % HOURS_OF_WEEK >= 120 ? 15 : 0);
    for (const part of [0, 1]) {
      const rows = Array.from({ length: ROWS / 2 }, () => ({ x: usual + shift + random.uniform() }));
      const at = BEGINNING + hour * HOUR + part * (HOUR / 2);
      run.now = at + 5;
      const answers = rows.map(({ x }) => x / 10 + level);
      run.line.analysis.observe(exchangeOf(`id-${hour}-${part}`, at, rows, answers, { responseHeaders: [['x-version', version]] }));
    }
    run.now = BEGINNING + (hour + 1) * HOUR + 2_000;
    run.line.analysis.tick();
    run.line.commit();
  }
}

function windowsOf(run: Run, signal = 'inputs.x'): Finding[] {
  return run.line.reader.page<Finding>('windows', 0, 100_000).items.filter((one) => one.signal === signal);
}

const drifting = (windows: readonly Finding[]) => windows.filter(({ level }) => level === 'drift').length;
const WEEK = HOURS_OF_WEEK;

t.test('the plain reference alarms hour by hour, the same hour of the week does not, and a real shift still does', async (t) => {
  const plain = await begin(policyOf(spec('')), t.testdir({ plain: {} }));
  live(plain, 0, WEEK);
  t.ok(drifting(windowsOf(plain)) > WEEK / 2, `${drifting(windowsOf(plain))} of ${WEEK} windows drift from the first ones`);
  plain.line.crash();

  const run = await begin(seasonal, t.testdir({ seasonal: {} }));
  live(run, 0, 3 * WEEK);
  const learning = windowsOf(run);
  t.ok(drifting(learning.slice(0, 2 * WEEK)) > WEEK, 'meanwhile the reference serves');
  t.match(learning[WEEK + 5], { reference: 'traffic', note: /compared with the whole reference: 1 of 2 weeks of this hour are known/ });
  const known = learning.slice(2 * WEEK);
  t.equal(known.length, WEEK);
  t.equal(drifting(known), 0, 'and then its season');
  for (const one of known)
    t.match(one, { reference: 'same-hour-of-week', note: /compared with the same hour of 2 weeks/, referenceN: 2 * ROWS });

  live(run, 3 * WEEK, 3 * WEEK + 30, { shift: 2 });
  t.equal(drifting(windowsOf(run).slice(3 * WEEK)), 30, 'a shift within what the reference as a whole has seen');
  run.line.crash();
});

t.test('a drifted window does not become normal, however many weeks it lasts', async (t) => {
  const run = await begin(seasonal, t.testdir());
  live(run, 0, 10);
  live(run, WEEK, WEEK + 10);
  for (let week = 2; week < 9; week++) live(run, week * WEEK, week * WEEK + 10, { shift: 3 });
  const later = windowsOf(run).slice(20);
  t.equal(later.length, 70);
  t.equal(drifting(later), 70);
  run.line.crash();
});

t.test('the history is bounded, and goes on after a restart', async (t) => {
  const run = await begin(seasonal, t.testdir());
  for (let week = 0; week < 8; week++) {
    live(run, week * WEEK, week * WEEK + 3);
    run.line.crash();
    await run.open();
  }
  const slots = Array.from({ length: WEEK }, (_, hour) => run.line.reader.state(`season/${hour}`)).filter((slot) => slot !== undefined);
  t.equal(slots.length, 3);
  for (const slot of slots as { week: number }[][]) t.equal(slot.length, 4, 'two weeks that are needed and two to spare');
  t.same(
    windowsOf(run)
      .slice(6)
      .map(({ level, reference }) => [level, reference]),
    Array(18).fill(['stable', 'same-hour-of-week']),
  );
  run.line.crash();
});

t.test('outputs have a history for each version, inputs one for all', async (t) => {
  const run = await begin(seasonal, t.testdir());
  for (let week = 0; week < 3; week++) live(run, week * WEEK, week * WEEK + 3);
  for (let week = 3; week < 6; week++) live(run, week * WEEK, week * WEEK + 3, { version: '8', level: 50 });
  const sources = (signal: string) =>
    windowsOf(run, signal)
      .slice(9)
      .map(({ reference }) => reference);
  t.same(sources('inputs.x'), Array(9).fill('same-hour-of-week'));
  t.same(sources('outputs.p'), [...Array(6).fill('traffic'), ...Array(3).fill('same-hour-of-week')]);
  t.equal(drifting(windowsOf(run, 'outputs.p').slice(15)), 0);
  run.line.crash();
});

t.test('what comes while a schema alert fires does not become normal', async (t) => {
  const run = await begin(seasonal, t.testdir());
  live(run, 0, 2);
  live(run, 2, 4, { shift: 1_000 });
  const known = Array.from({ length: 4 }, (_, hour) => run.line.reader.state(`season/${hour}`) !== undefined);
  t.same(known, [true, true, false, false]);
  run.line.crash();
});

t.test('a window is not compared with what came earlier in its own hour', async (t) => {
  const halves = policyOf(
    spec('  seasonality: {when: historyWeeks >= 2}\n')
      .replace('span: 1h', 'span: 30m')
      .replace('learn: {rows: 1000}', 'learn: {rows: 100}'),
  );
  const run = await begin(halves, t.testdir());
  for (let week = 0; week < 4; week++) live(run, week * WEEK, week * WEEK + 2);
  const known = windowsOf(run).slice(8);
  t.same(
    known.map(({ n, referenceN }) => [n, referenceN]),
    [...Array(4).fill([ROWS / 2, 2 * ROWS]), ...Array(4).fill([ROWS / 2, 3 * ROWS])],
  );
  run.line.crash();
});
