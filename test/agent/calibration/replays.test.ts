import t from 'tap';
import { clusteredInterval, proportionInterval } from '../../../agent/calibration/intervals.ts';
import { drawRows, replayTests } from '../../../agent/calibration/replays.ts';
import type { WindowedWatch } from '../../../agent/watch-list.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { policyOf } from '../../support/policies.ts';

const [monitor] = policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}]}
  monitors: [{name: d, detectors: {numeric: {type: ks}}}]
`).monitors;

/** A test that says nothing and remembers what it was given, as `reference` or `window`. */
function spy(signal: string, seen: { kind: string; signal: string; values: readonly unknown[] }[]): WindowedWatch {
  return {
    kind: 'windowed',
    monitor: monitor!,
    signal,
    slice: null,
    finds: 'drift',
    choice: monitor!.numeric!,
    definition: {
      kind: 'windowed',
      type: 'ks',
      summary: '',
      observes: 'number',
      effect: 'D',
      options: {},
      prepare: (_, values) => {
        seen.push({ kind: 'reference', signal, values });
        return {
          test: (window) => {
            seen.push({ kind: 'window', signal, values: window });
            return null;
          },
        };
      },
    },
  };
}

t.test('rows come in blocks that go on past the end at the beginning; the last one is cut', async (t) => {
  const rows = [...drawRows(new Random(1), 50, 8, 100)];
  t.equal(rows.length, 100);
  for (const [place, row] of rows.entries()) if (place % 8 !== 0) t.equal(row, (rows[place - 1]! + 1) % 50);
  t.ok(new Set(rows.filter((_, place) => place % 8 === 0)).size > 6, 'blocks begin anywhere');
});

t.test('reference and windows are both drawn anew, and rows stay whole across columns', async (t) => {
  const seen: { kind: string; signal: string; values: readonly unknown[] }[] = [];
  const cells = Array.from({ length: 40 }, (_, row) => row);
  const watched = ['inputs.x', 'inputs.y'].map((signal) => ({ watch: spy(signal, seen), cells, rows: null }));
  const short = { watch: spy('outputs.z', seen), cells: cells.slice(0, 10), rows: null };
  replayTests(
    [...watched, short],
    { blockRows: 4, windowRows: 12, minSamples: () => 1, size: { references: 2, windows: 3 } },
    new Random(1),
  );
  const of = (kind: string, signal: string) => seen.filter((one) => one.kind === kind && one.signal === signal).map(({ values }) => values);
  t.same(
    ['inputs.x', 'outputs.z'].map((signal) => of('reference', signal).map(({ length }) => length)),
    [
      [40, 40],
      [10, 10],
    ],
  );
  t.same(
    of('window', 'inputs.x').map(({ length }) => length),
    new Array(6).fill(12),
  );
  t.same(of('reference', 'inputs.x'), of('reference', 'inputs.y'));
  t.same(of('window', 'inputs.x'), of('window', 'inputs.y'));
  t.notSame(of('reference', 'inputs.x')[0], cells, 'not the rows as they are');
  t.equal(new Set([...of('reference', 'inputs.x'), ...of('window', 'inputs.x')].map(String)).size, 8, 'no two are the same');
});

t.test('windows with too few values are not judged', async (t) => {
  const seen: { kind: string; signal: string; values: readonly unknown[] }[] = [];
  const cells = Array.from({ length: 40 }, (_, row) => (row % 4 === 0 ? 1 : null));
  const size = { references: 1, windows: 5 };
  replayTests(
    [{ watch: spy('inputs.x', seen), cells, rows: null }],
    { blockRows: 4, windowRows: 12, minSamples: () => 4, size },
    new Random(1),
  );
  t.notOk(seen.some(({ kind }) => kind === 'window'));
});

t.test('the bounds of a share are those of Wilson’s interval', async (t) => {
  const rounded = (count: number, of: number) => proportionInterval(count, of).map((bound) => Number(bound.toFixed(4)));
  t.same(rounded(5, 10), [0.2366, 0.7634]);
  t.same(rounded(0, 10), [0, 0.2775]);
  t.same(rounded(10, 10), [0.7225, 1]);
  t.same(rounded(0, 0), [0, 1]);
});

t.test('counts of sequences that differ no more than by chance have about Wilson’s bounds', async (t) => {
  const counts = Array.from({ length: 60 }, (_, sequence) => sequence % 3);
  t.same(clusteredInterval(counts, 20), proportionInterval(60, 1_200));
  t.same(clusteredInterval([0, 0, 0], 20), proportionInterval(0, 60));
  t.same(clusteredInterval([20, 20], 20), proportionInterval(40, 40));
  t.same(clusteredInterval([7], 20), proportionInterval(7, 20), 'of one sequence nothing more is known');
});

t.test('windows that share a reference or rows count as fewer, so that the upper bound is seldom too low', async (t) => {
  const random = new Random(3);
  const runs = 400;
  const missed = (draw: () => (window: number) => boolean) => {
    let plain = 0;
    let clustered = 0;
    for (let run = 0; run < runs; run++) {
      const counts = Array.from({ length: 60 }, () => {
        const alarms = draw();
        return Array.from({ length: 20 }, (_, window) => alarms(window)).filter(Boolean).length;
      });
      const count = counts.reduce((sum, one) => sum + one, 0);
      if (proportionInterval(count, 1_200)[1] < 0.05) plain++;
      if (clusteredInterval(counts, 20)[1] < 0.05) clustered++;
    }
    return [plain / runs, clustered / runs] as const;
  };
  // A mean against that of a reference as long as the window; a mean over windows of which each shares nine tenths with the next.
  const shared = missed(() => {
    const reference = random.normal();
    return () => Math.abs(reference + random.normal()) / Math.SQRT2 > 1.959964;
  });
  const overlapping = missed(() => {
    const tenths = Array.from({ length: 30 }, () => random.normal());
    return (window) => Math.abs(tenths.slice(window, window + 10).reduce((sum, one) => sum + one, 0)) / Math.sqrt(10) > 1.959964;
  });
  for (const [plain, clustered] of [shared, overlapping])
    t.ok(clustered < 0.07 && plain > 0.1, `${clustered}, and ${plain} if taken as independent`);
});
