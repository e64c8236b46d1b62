/** Windows by time and a clock that is set, on the analysis line. */
import t from 'tap';
import { EventClock } from '../../agent/event-clock.ts';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import { exchangeOf, type Line, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

t.setTimeout(120_000);

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const NOON = 1_767_225_600_000;

const spec = (window: string) => `  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}], outputs: [{name: predictions, type: number}]}
  reference: {source: traffic, learn: {rows: 300}}
  window: ${window}
  minSamples: 50
  monitors:
    - name: tests
      features: [x]
      detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.2}}}
      correction: {q: 0.001}
      for: 30m
`;

/** A line with a wall clock that can be set and one that cannot. */
class Machine {
  wall = NOON;
  monotonic = 0;
  line!: Line;
  #calls = 0;
  readonly #directory: string;
  readonly #window: string;

  constructor(directory: string, window: string) {
    this.#directory = directory;
    this.#window = window;
  }

  async start(): Promise<void> {
    this.line = await openLine(policyOf(spec(this.#window)), this.#directory, () => this.wall, { monotonic: () => this.monotonic });
  }

  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }

  /** A second with a call of five rows in it, or none. */
  second({ shifted = false, call = true } = {}): void {
    const i = this.#calls++;
    const rows = Array.from({ length: 5 }, (_, row) => ({ x: (((5 * i + row) * 2654435761) % 1000) / 1000 + (shifted ? 0.7 : 0) }));
    this.pass(SECOND);
    if (call) this.line.analysis.observe(exchangeOf(`id-${i}`, this.wall - 10, rows));
    this.line.analysis.tick();
    if (i % 5 === 4) this.line.commit();
  }

  minutes(count: number, how: { shifted?: boolean; call?: boolean } = {}): void {
    for (let second = 0; second < 60 * count; second++) this.second(how);
  }

  get windows(): Finding[] {
    this.line.commit();
    return [...this.line.reader.page<Finding>('windows', 0, 10_000).items];
  }

  get alerts(): string[] {
    this.line.commit();
    return this.line.reader.page<Alert>('alerts', 0, 1_000).items.map(({ state, signal }) => `${signal} ${state}`);
  }
}

for (const step of [HOUR, 24 * HOUR, -HOUR, -24 * HOUR]) {
  t.test(`the clock is set by ${step / HOUR} h: no flood of windows, no alert from it, and windows go on`, async (t) => {
    const machine = new Machine(t.testdir(), '{span: 2m}');
    await machine.start();
    machine.minutes(6);
    const before = machine.windows.length;
    t.equal(before, 2, 'the third ends when calls of its last moments have come through');
    machine.wall += step;
    machine.second();
    t.ok(machine.windows.length - before <= 1);
    machine.minutes(6);
    const after = machine.windows.slice(before);
    t.ok(after.length >= 3 && after.length <= 5, `${after.length} windows in six minutes`);
    t.same(machine.alerts, []);
    const { irregular } = machine.line.reader.state('accounting') as { irregular: { [what: string]: number } };
    t.match(irregular, { 'clock-set': 1, ...(step < 0 ? { 'clock-set-back': 1 } : {}) });
    machine.line.crash();
  });
}

for (const step of [24 * HOUR, -HOUR]) {
  t.test(`the clock is set by ${step / HOUR} h while an alert is pending: it fires after the same half hour`, async (t) => {
    const machine = new Machine(t.testdir(), '{span: 2m}');
    await machine.start();
    machine.minutes(4);
    machine.minutes(4, { shifted: true });
    t.same(machine.alerts, ['inputs.x pending']);
    machine.wall += step;
    machine.minutes(20, { shifted: true });
    t.same(machine.alerts, ['inputs.x pending'], 'not by the clock alone');
    machine.minutes(12, { shifted: true });
    t.same(machine.alerts, ['inputs.x firing']);
    machine.line.crash();
  });
}

t.test('a window by time ends though no call comes any more, and is not judged twice', async (t) => {
  const machine = new Machine(t.testdir(), '{span: 2m}');
  await machine.start();
  machine.minutes(3);
  t.equal(machine.windows.length, 1);
  machine.minutes(2, { call: false });
  t.equal(machine.windows.length, 2);
  machine.minutes(10, { call: false });
  t.equal(machine.windows.length, 2);
  machine.line.crash();
});

t.test('a window by rows ends at its age, marked, and below the least samples says nothing', async (t) => {
  const machine = new Machine(t.testdir(), '{rows: 1000, maxAge: 2m}');
  await machine.start();
  machine.minutes(3);
  t.match(machine.windows, [{ level: 'stable', n: 600, note: /low power: 600 of 1000 rows came within 2 min/ }]);
  machine.minutes(1, { call: false });
  for (let second = 0; second < 5; second++) machine.second();
  machine.minutes(2, { call: false });
  t.match(machine.windows.at(-1), { level: 'insufficient', n: 25, note: /^25 values, 50 are needed; low power: 25 of 1000 rows/ });
  machine.line.crash();
});

for (const window of [
  '{span: 2m}',
  '{type: sliding, span: 4m, step: 1m}',
  '{rows: 500, maxAge: 2m}',
  '{type: sliding, rows: 600, step: 200}',
]) {
  t.test(`window: ${window}: restored equals uninterrupted, over silence and a clock that is set`, async (t) => {
    const play = async (machine: Machine, cuts: readonly number[]) => {
      await machine.start();
      for (let second = 0; second < 900; second++) {
        if (cuts.includes(second)) {
          machine.line.crash();
          await machine.start();
        }
        if (second === 600) machine.wall -= HOUR;
        machine.second({ shifted: second > 500, call: second < 350 || second > 450 });
      }
      const state = (key: string) => machine.line.reader.state(key);
      const outcome = { windows: machine.windows, alerts: machine.alerts, progress: state('progress'), accounting: state('accounting') };
      machine.line.crash();
      return outcome;
    };
    const expected = await play(new Machine(t.testdir({ whole: {} }), window), []);
    t.ok(expected.windows.length >= 5);
    t.same(await play(new Machine(t.testdir({ broken: {} }), window), [100, 130, 335, 470, 600, 610, 775]), expected);
  });
}

t.test('clocks that go the same way, however late one looks, were not set', async (t) => {
  let [wall, monotonic] = [NOON, 5];
  const watch = new EventClock(
    () => wall,
    () => monotonic,
  );
  const pass = (byWall: number, byMonotonic: number) => {
    wall += byWall;
    monotonic += byMonotonic;
    return watch.step();
  };
  t.same([pass(HOUR, HOUR), pass(1_900, 0), pass(HOUR, 0), pass(SECOND, SECOND), pass(-HOUR, 10)], [0, 0, HOUR, 0, -HOUR - 10]);
});
