import fc from 'fast-check';
import t from 'tap';
import { type ClosedWindow, Windows, type WindowsOptions } from '../../agent/windows.ts';
import type { WindowPolicy } from '../../contracts/policy.ts';
import type { Cell, DriftlineRecord } from '../../contracts/record.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A multiple of every step used here. */
const NOON = 1_767_225_600_000;

/** A call of `rows` rows whose x are the rows' numbers. */
function recordOf(firstRow: number, rows: number, at: number, servedBy = 'primary'): DriftlineRecord {
  const x = Array.from({ length: rows }, (_, row) => firstRow + row);
  return { firstRow, rows, at, latencyMs: 0, servedBy, inputs: { x }, outputs: {} } as unknown as DriftlineRecord;
}

function windowsOf(policy: WindowPolicy, over: Partial<WindowsOptions> = {}): Windows {
  return new Windows({ policy, fromRow: 0, ...over });
}

/** First and last value of x of each window. */
function spans(closed: readonly ClosedWindow[]): [unknown, unknown][] {
  return closed.map(({ columns }) => [columns.get('inputs.x')![0], columns.get('inputs.x')!.at(-1)]);
}

t.test('by rows: each window has its rows, and a call that reaches over the end is divided', async (t) => {
  const windows = windowsOf({ rows: 10 });
  const closed = [recordOf(0, 7, 1), recordOf(7, 16, 2), recordOf(23, 7, 3)].flatMap((record) => windows.add(record));
  t.same(spans(closed), [
    [0, 9],
    [10, 19],
    [20, 29],
  ]);
  t.same(
    closed.map(({ range }) => range),
    [
      { fromRow: 0, toRow: 9, fromAt: 1, toAt: 2 },
      { fromRow: 10, toRow: 19, fromAt: 2, toAt: 2 },
      { fromRow: 20, toRow: 29, fromAt: 2, toAt: 3 },
    ],
  );
});

t.test('by rows or age, whichever is first: a short window says how few rows it has', async (t) => {
  const windows = windowsOf({ rows: 10, maxAgeMs: HOUR });
  for (let row = 0; row < 4; row++) t.same(windows.add(recordOf(row, 1, NOON + row * MINUTE)), []);
  t.same(windows.advance(NOON + 59 * MINUTE), []);
  const [short, ...more] = windows.advance(NOON + HOUR);
  t.same(more, []);
  t.match(short, { rows: 4, range: { fromRow: 0, toRow: 3 }, note: 'low power: 4 of 10 rows came within 1 h' });
  t.same(windows.advance(NOON + 9 * HOUR), [], 'without rows there is no window');
  const full = Array.from({ length: 10 }, (_, row) => windows.add(recordOf(4 + row, 1, NOON + 10 * HOUR))).flat();
  t.match(full, [{ rows: 10, note: null }]);
});

t.test('by time: windows end on the wall clock, with the next call or when time passes without any', async (t) => {
  const windows = windowsOf({ rows: 1_000_000, spanMs: 10 * MINUTE });
  t.same(windows.add(recordOf(0, 5, NOON + 9 * MINUTE)), []);
  const [first] = windows.add(recordOf(5, 5, NOON + 10 * MINUTE));
  t.match(first, { range: { fromRow: 0, toRow: 4 }, note: 'low power: covers the last 1 min of 10 min' });
  t.same(windows.advance(NOON + 19 * MINUTE), []);
  t.match(windows.advance(NOON + 20 * MINUTE), [{ range: { fromRow: 5, toRow: 9 }, note: null }]);
  t.same(windows.advance(NOON + 50 * MINUTE), []);
});

t.test('sliding by rows: from the first full window on, one every step', async (t) => {
  const windows = windowsOf({ rows: 30, stepRows: 10 });
  const closed = Array.from({ length: 50 }, (_, row) => windows.add(recordOf(row, 1, row))).flat();
  t.same(spans(closed), [
    [0, 29],
    [10, 39],
    [20, 49],
  ]);
  t.same(
    closed.map(({ freshFrom, rows }) => [freshFrom, rows]),
    [
      [20, 30],
      [20, 30],
      [20, 30],
    ],
  );
});

t.test('sliding by time: what is older than the span leaves, and a step without calls makes no window', async (t) => {
  const windows = windowsOf({ rows: 1_000_000, spanMs: HOUR, stepMs: 20 * MINUTE });
  const at = [0, 10, 20, 30, 70, 80].map((minute) => NOON + minute * MINUTE);
  const closed = at.flatMap((time, row) => windows.add(recordOf(row, 1, time)));
  t.same(spans(closed), [
    [0, 1],
    [0, 3],
    [2, 4],
  ]);
  t.same(windows.advance(NOON + 3 * HOUR).length, 1);
});

const kinds: readonly (readonly [string, WindowPolicy, string | null])[] = [
  ['tumbling by rows', { rows: 10 }, null],
  ['tumbling by rows or age', { rows: 10, maxAgeMs: 5 * MINUTE }, null],
  ['tumbling by time', { rows: 1_000_000, spanMs: 5 * MINUTE }, null],
  ['sliding by rows', { rows: 30, stepRows: 6 }, null],
  ['sliding by time', { rows: 1_000_000, spanMs: 6 * MINUTE, stepMs: 2 * MINUTE }, null],
  ['by time beside a control', { rows: 1_000_000, spanMs: 6 * MINUTE, stepMs: 2 * MINUTE }, 'stable'],
  ['by rows beside a control', { rows: 12, stepRows: 4 }, 'stable'],
];

const calls = fc.array(
  fc.record({
    rows: fc.integer({ min: 0, max: 9 }),
    // Mostly on, sometimes far, sometimes back.
    passed: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: MINUTE }) },
      { weight: 1, arbitrary: fc.constantFrom(-25 * HOUR, -HOUR, -MINUTE / 2, HOUR, 25 * HOUR) },
    ),
    tick: fc.boolean(),
    servedBy: fc.constantFrom('canary', 'stable'),
  }),
  { minLength: 20, maxLength: 60 },
);

for (const [name, policy, control] of kinds) {
  t.test(`${name}: restored at any cut equals uninterrupted`, async (t) => {
    let ended = 0;
    fc.assert(
      fc.property(calls, fc.nat(), (story, cutAt) => {
        const options = { control, mostCells: 40 };
        const whole = windowsOf(policy, options);
        let broken = windowsOf(policy, options);
        const cut = cutAt % story.length;
        const stored: DriftlineRecord[] = [];
        let now = NOON;
        let nextRow = 0;
        for (const [index, { rows, passed, tick, servedBy }] of story.entries()) {
          if (index === cut) {
            const state = JSON.parse(JSON.stringify(broken.snapshot()));
            broken = windowsOf(policy, { ...options, state, fromRow: nextRow });
            for (const record of stored) if (record.firstRow! + record.rows > broken.fromRow) broken.restore(record);
          }
          now += passed;
          const record = { ...recordOf(nextRow, rows, now, servedBy), firstRow: rows === 0 ? null : nextRow } as DriftlineRecord;
          nextRow += rows;
          stored.push(record);
          const [one, other] = [whole, broken].map((windows) => [
            ...windows.add(record),
            ...(tick ? windows.advance(now + MINUTE / 2) : []),
          ]);
          if (JSON.stringify(one!.map(plain)) !== JSON.stringify(other!.map(plain))) return false;
          ended += one!.length;
        }
        return JSON.stringify(whole.snapshot()) === JSON.stringify(broken.snapshot());
      }),
      { seed: 7, numRuns: 150 },
    );
    t.ok(ended > 300, `${ended} windows ended`);
  });
}

function plain(window: ClosedWindow): object {
  return { ...window, columns: [...window.columns], control: window.control === null ? null : [...window.control] };
}

for (const [name, policy] of kinds) {
  t.test(`${name}: a clock that is set ends one window at most, and what comes after has windows of its own`, async (t) => {
    for (const step of [HOUR, 24 * HOUR, -HOUR, -24 * HOUR]) {
      const told: string[] = [];
      const windows = windowsOf(policy, { count: (what) => told.push(what) });
      for (let row = 0; row < 25; row++) windows.add(recordOf(row, 1, NOON + row * 1_000));
      const atOnce = windows.add(recordOf(25, 1, NOON + step + 25_000));
      t.ok(atOnce.length <= 1, `${atOnce.length} windows end at ${step}`);
      const isTimed = (policy.spanMs ?? policy.maxAgeMs) !== undefined;
      t.same(told, isTimed && step < 0 ? ['clock-set-back'] : [], 'counted');
      const after = Array.from({ length: 90 }, (_, row) => windows.add(recordOf(26 + row, 1, NOON + step + 25_000 + row * 10_000))).flat();
      t.ok(after.length >= 2, `${after.length} windows in the quarter of an hour after ${step}`);
    }
  });
}

t.test('after a clock was set back, nothing of before is in what comes after', async (t) => {
  const windows = windowsOf({ rows: 1_000_000, spanMs: 6 * MINUTE, stepMs: 2 * MINUTE });
  for (let row = 0; row < 8; row++) windows.add(recordOf(row, 1, NOON + row * MINUTE));
  windows.add(recordOf(8, 1, NOON - HOUR));
  t.same(spans(windows.advance(NOON - HOUR + 2 * MINUTE)), [[8, 8]]);
});

t.test('after a clock was set back, a window ages from then on', async (t) => {
  const windows = windowsOf({ rows: 1_000, maxAgeMs: 5 * MINUTE });
  windows.add(recordOf(0, 1, NOON));
  t.same(windows.advance(NOON - HOUR), []);
  t.same(windows.advance(NOON - HOUR + 4 * MINUTE), []);
  t.match(windows.advance(NOON - HOUR + 5 * MINUTE), [{ rows: 1 }]);
});

t.test('a call that comes a little late counts in the window that is open', async (t) => {
  const windows = windowsOf({ rows: 1_000_000, spanMs: MINUTE });
  windows.add(recordOf(0, 1, NOON + MINUTE + 5_000));
  t.same(windows.add(recordOf(1, 1, NOON + 30_000)), []);
  t.match(windows.advance(NOON + 2 * MINUTE), [{ rows: 2 }]);
});

t.test('more rows than there is memory for are thinned evenly, said and counted', async (t) => {
  const told: string[] = [];
  const windows = windowsOf({ rows: 1_000_000, spanMs: HOUR }, { mostCells: 1_000, count: (what) => told.push(what) });
  for (let call = 0; call < 100; call++) windows.add(recordOf(call * 200, 200, NOON));
  const [closed] = windows.advance(NOON + HOUR);
  const values = closed!.columns.get('inputs.x')!.map(Number);
  t.ok(values.length > 400 && values.length <= 1_000, `${values.length} rows stay`);
  t.equal(closed!.rows, 20_000);
  t.match(closed!.note, /an even sample of \d+ of 20000 rows/);
  t.ok(told.length >= 4 && told.every((what) => what === 'thinned'));
  const halves = [0, 1].map((half) => values.filter((value) => Math.floor(value / 10_000) === half).length / values.length);
  const odd = values.filter((value) => value % 2 === 1).length / values.length;
  for (const share of [...halves, odd]) t.ok(Math.abs(share - 0.5) < 0.08, `neither begin nor end nor every second row: ${share}`);
});

t.test('what the control serves between two windows of the others belongs to the one that is open', async (t) => {
  const windows = windowsOf({ rows: 4 }, { control: 'stable' });
  const served = ['stable', 'canary', 'stable', 'stable', 'canary', 'canary', 'stable', 'canary', 'stable', 'canary'];
  const closed = served.flatMap((by, row) => windows.add(recordOf(row, 1, row, by)));
  t.equal(closed.length, 1);
  t.same(closed[0]!.columns.get('inputs.x'), [1, 4, 5, 7]);
  t.same(closed[0]!.control!.get('inputs.x'), [2, 3, 6], 'not what it served before there was anything to compare');
});

t.test('a column is empty in the rows that lack it, whichever columns come by turns, later, or on the other side', async (t) => {
  const windows = windowsOf({ rows: 6 });
  const sides: [inputs: { [name: string]: Cell[] }, outputs: { [name: string]: Cell[] }][] = [
    [{ a: [1], b: [2] }, { p: [3] }],
    [{ a: [4], b: [5] }, { p: [6] }],
    [{ b: [7], a: [8] }, {}],
    [{ a: [9] }, { b: [10], p: [11] }],
    [{ c: [12] }, {}],
    [{ a: [13], b: [14] }, { p: [15] }],
  ];
  const [window] = sides.flatMap(([inputs, outputs], row) => windows.add({ ...recordOf(row, 1, row), inputs, outputs }));
  t.same(Object.fromEntries(window!.columns), {
    'inputs.a': [1, 4, 8, 9, null, 13],
    'inputs.b': [2, 5, 7, null, null, 14],
    'outputs.p': [3, 6, null, 11, null, 15],
    'outputs.b': [null, null, null, 10, null, null],
    'inputs.c': [null, null, null, null, 12, null],
  });
});
