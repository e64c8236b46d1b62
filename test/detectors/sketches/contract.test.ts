/** What every sketch promises: whatever is cut, merged or written down, the answer stays, and what is no value is counted as such. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { SnapshotError } from '../../../contracts/errors.ts';
import type { Json, JsonObject } from '../../../contracts/json.ts';
import { ColumnSketch } from '../../../detectors/sketches/column-sketch.ts';
import { Kll } from '../../../detectors/sketches/kll.ts';
import { Moments } from '../../../detectors/sketches/moments.ts';
import { ReferenceBins } from '../../../detectors/sketches/reference-bins.ts';
import { SpaceSaving } from '../../../detectors/sketches/space-saving.ts';
import { TableSketch } from '../../../detectors/sketches/table-sketch.ts';

interface Sketch {
  snapshot(): Json;
}

/** One kind of sketch, fed with whole numbers. */
interface Kind<S extends Sketch> {
  readonly name: string;
  readonly make: () => S;
  readonly feed: (sketch: S, value: number) => void;
  readonly restore: (state: Json) => S;
  readonly merge: (into: S, from: S) => void;
}

function kind<S extends Sketch>(one: Kind<S>): Kind<Sketch> {
  // Each kind is only ever given sketches of its own making.
  return one as unknown as Kind<Sketch>;
}

const EDGES = Array.from({ length: 300 }, (_, k) => (k * k) % 97);
const restoreColumn = (state: Json) => ColumnSketch.restore(state);
const columns = () =>
  new Map([
    ['a', ColumnSketch.ofNumbers(ReferenceBins.cutAt(EDGES))],
    ['b', ColumnSketch.ofCategories(5)],
  ]);

const kinds: readonly Kind<Sketch>[] = [
  kind<Moments>({
    name: 'moments',
    make: () => new Moments(),
    feed: (sketch, value) => sketch.update(value % 11 === 0 ? null : value),
    restore: (state) => Moments.restore(state),
    merge: (into, from) => into.merge(from),
  }),
  kind<Kll>({
    name: 'kll',
    make: () => new Kll(8, 3),
    feed: (sketch, value) => sketch.update(value),
    restore: (state) => Kll.restore(state),
    merge: (into, from) => into.merge(from),
  }),
  kind<SpaceSaving>({
    name: 'space-saving',
    make: () => new SpaceSaving(5),
    feed: (sketch, value) => sketch.update(`c${value % 13}`),
    restore: (state) => SpaceSaving.restore(state),
    merge: (into, from) => into.merge(from),
  }),
  kind<ReferenceBins>({
    name: 'reference-bins',
    make: () => ReferenceBins.cutAt(EDGES, 10),
    feed: (sketch, value) => sketch.update(value),
    restore: (state) => ReferenceBins.restore(state),
    merge: (into, from) => into.merge(from),
  }),
  kind<ColumnSketch>({
    name: 'column of numbers',
    make: () => ColumnSketch.ofNumbers(ReferenceBins.cutAt(EDGES)),
    feed: (sketch, value) => sketch.update(value % 11 === 0 ? null : value),
    restore: restoreColumn,
    merge: (into, from) => into.merge(from),
  }),
  kind<ColumnSketch>({
    name: 'column of numbers without edges',
    make: () => ColumnSketch.ofNumbers(),
    feed: (sketch, value) => sketch.update(value),
    restore: restoreColumn,
    merge: (into, from) => into.merge(from),
  }),
  kind<ColumnSketch>({
    name: 'column of categories',
    make: () => ColumnSketch.ofCategories(5),
    feed: (sketch, value) => sketch.update(value % 11 === 0 ? null : `c${value % 13}`),
    restore: restoreColumn,
    merge: (into, from) => into.merge(from),
  }),
  kind<TableSketch>({
    name: 'table',
    make: () => new TableSketch(columns()),
    feed: (sketch, value) => sketch.update((name) => (name === 'a' ? value : `c${value % 13}`)),
    restore: (state) => TableSketch.restore(state),
    merge: (into, from) => into.merge(from),
  }),
];

t.setTimeout(120_000);

const throughJson = (state: Json): Json => JSON.parse(JSON.stringify(state));
const values = fc.array(fc.integer({ min: -50, max: 200 }), { maxLength: 400 });

for (const { name, make, feed, restore, merge } of kinds) {
  t.test(`${name}: restored from a snapshot at any cut it goes on as if never interrupted`, (t) => {
    fc.assert(
      fc.property(values, fc.nat(400), (list, cut) => {
        const whole = make();
        let resumed = make();
        for (const [index, value] of list.entries()) {
          if (index === cut) resumed = restore(throughJson(resumed.snapshot()));
          feed(whole, value);
          feed(resumed, value);
        }
        assert.deepEqual(resumed.snapshot(), whole.snapshot());
        assert.deepEqual(throughJson(whole.snapshot()), whole.snapshot());
      }),
      { seed: 17, numRuns: 80 },
    );
    t.end();
  });

  t.test(`${name}: merging leaves the other as it was, and nothing changes by merging nothing`, (t) => {
    const [one, other, empty] = [make(), make(), make()];
    for (let k = 0; k < 150; k++) feed(k % 2 === 0 ? one : other, (k * 37) % 101);
    const before = throughJson(other.snapshot());
    merge(one, other);
    t.same(other.snapshot(), before);
    const { coin: _, ...sum } = throughJson(one.snapshot()) as { readonly [field: string]: Json };
    merge(one, empty);
    const { coin: __, ...after } = one.snapshot() as { readonly [field: string]: Json };
    // The coin that the columns hold inside may turn; what was counted may not.
    if (!name.startsWith('column of numbers') && name !== 'table') t.same(after, sum);
    t.end();
  });

  t.test(`${name}: a state that is not its own is refused`, (t) => {
    const good = make();
    for (let k = 0; k < 100; k++) feed(good, k);
    const state = good.snapshot() as { readonly [field: string]: Json };
    const foreign: Json[] = [null, 3, [], {}, 'x', { ...state, detector: 'other' }];
    for (const field of Object.keys(state)) {
      const { [field]: _, ...rest } = state;
      foreign.push(rest, { ...state, [field]: 'x' }, { ...state, [field]: [['x']] });
    }
    for (const field of ['count', 'missing', 'k', 'capacity', 'rows']) if (field in state) foreign.push({ ...state, [field]: -1 });
    for (const one of foreign) t.throws(() => restore(one), SnapshotError, JSON.stringify(one).slice(0, 80));
    t.end();
  });
}

t.test('what does not add up in a stored sketch is refused', (t) => {
  const column = ColumnSketch.ofNumbers(ReferenceBins.cutAt([1, 2, 3]));
  for (const value of [1, 2, 2, 3]) column.update(value);
  const state = column.snapshot() as { readonly [part: string]: { readonly [field: string]: Json } };
  const wrong: Json[] = [
    { ...state, bins: { ...state.bins!, counts: [[...(state.bins!.counts as number[][])[0]!].map(() => 1)] } },
    { ...state, bins: { ...state.bins!, edgesId: '0123456789abcdef' } },
    { ...state, bins: { ...state.bins!, uppers: [[3, 2, 1]] } },
    { ...state, bins: { ...state.bins!, counts: [[1]] } },
    { ...state, bins: { ...state.bins!, counts: [] } },
    { ...state, bins: { ...state.bins!, counts: [...(state.bins!.counts as number[][]), [1]] } },
    { ...state, kll: { ...state.kll!, count: 5 } },
    { ...state, kll: { ...state.kll!, k: 1 } },
    { ...state, kll: { ...state.kll!, coin: 0 } },
    { ...state, moments: { ...state.moments!, count: 5 } },
    { ...state, moments: { ...state.moments!, root: -1 } },
    { ...state, moments: { ...state.moments!, min: 9 } },
    { ...state, moments: { ...state.moments!, max: null } },
  ];
  for (const one of wrong) t.throws(() => ColumnSketch.restore(one), SnapshotError);
  const counters = (list: Json[], over: { readonly [field: string]: Json } = {}): Json => ({
    detector: 'space-saving',
    capacity: 3,
    count: 4,
    exact: true,
    counters: list,
    ...over,
  });
  t.equal(SpaceSaving.restore(counters([['a', 4, 0]])).count, 4);
  const broken = [
    counters([['a', 3, 0]]),
    counters([['a', 5, 0]]),
    counters([['a', 4, 1]]),
    counters([['a', 4, 4]], { capacity: 1, exact: false }),
    counters([['a', 4, 1]], { exact: false }),
    counters([
      ['a', 2, 0],
      ['a', 2, 0],
    ]),
    counters([
      ['a', 1, 0],
      ['b', 1, 0],
      ['c', 1, 0],
      ['d', 1, 0],
    ]),
    counters([['a', 4]]),
    counters([['a', 4, 0]], { capacity: 0 }),
  ];
  for (const one of broken) t.throws(() => SpaceSaving.restore(one), SnapshotError);
  const table = new TableSketch(columns());
  table.update(() => 1);
  const rows = table.snapshot() as { readonly [field: string]: Json };
  t.throws(() => TableSketch.restore({ ...rows, rows: 2 }), SnapshotError);
  const [first, second] = rows.columns as [Json[], Json[]];
  for (const entry of [null, first[0]!, [], [first[0]!], [...first, 0], [1, first[1]!]])
    t.throws(() => TableSketch.restore({ ...rows, columns: [entry, second] }), SnapshotError, JSON.stringify(entry)?.slice(0, 40));
  t.end();
});

t.test('sketches of other kinds, edges or columns do not add, and refusing changes nothing', (t) => {
  const numbers = (reference: readonly number[] | null) =>
    ColumnSketch.ofNumbers(reference === null ? null : ReferenceBins.cutAt(reference));
  const one = numbers([1, 2, 3]);
  one.update(2);
  const before = throughJson(one.snapshot());
  const { kll, ...rest } = numbers([1, 2, 3]).snapshot() as { readonly kll: JsonObject };
  const coarser = ColumnSketch.restore({ ...rest, kll: { ...kll, k: 50 } });
  for (const other of [numbers([1, 2, 4]), numbers(null), ColumnSketch.ofCategories(), coarser]) {
    other.update(1);
    t.throws(() => one.merge(other), SnapshotError);
  }
  t.same(one.snapshot(), before);
  const words = ColumnSketch.ofCategories(3);
  const roomier = ColumnSketch.ofCategories(4);
  for (const cell of ['a', null]) for (const column of [words, roomier]) column.update(cell);
  t.throws(() => words.merge(roomier), SnapshotError);
  t.same([words.reference().n, words.reference().missing], [1, 1]);
  const table = new TableSketch(columns());
  table.update(() => 1);
  const kept = throughJson(table.snapshot());
  const wrongSecond = new Map([...columns(), ['b', ColumnSketch.ofNumbers()]]);
  for (const other of [new Map(), new Map([['a', numbers(null)]]), new Map([...columns(), ['c', numbers(null)]]), wrongSecond])
    t.throws(() => table.merge(new TableSketch(other)), SnapshotError);
  t.throws(
    () =>
      table.merge(
        new TableSketch(
          new Map([
            ['a', numbers(null)],
            ['c', numbers(null)],
          ]),
        ),
      ),
    SnapshotError,
  );
  t.same(table.snapshot(), kept);
  t.end();
});

t.test('NaN, infinities, null and words among numbers are missing; numbers among categories are their text', (t) => {
  const column = ColumnSketch.ofNumbers(ReferenceBins.cutAt([1, 2, 3]));
  for (const cell of [Number.NaN, Infinity, -Infinity, null, 'north', 2]) column.update(cell);
  const { n, missing, numbers } = column.reference();
  t.same({ n, missing, mean: numbers!.mean, deviation: numbers!.deviation }, { n: 1, missing: 5, mean: 2, deviation: 0 });
  t.equal(
    numbers!.bins!.counts.reduce((sum, count) => sum + count, 0),
    1,
  );
  t.same(numbers!.quantiles, { values: [2], weights: [1], rankError: 0 });
  const words = ColumnSketch.ofCategories();
  for (const cell of [null, 'north', 2, 2]) words.update(cell);
  t.same(
    [...words.reference().categories!.counts],
    [
      ['north', 1],
      ['2', 2],
    ],
  );
  t.equal(words.reference().missing, 1);
  t.end();
});

t.test('an empty column has figures, not NaN', (t) => {
  const { n, missing, numbers } = ColumnSketch.ofNumbers(ReferenceBins.cutAt([])).reference();
  t.same({ n, missing, mean: numbers!.mean, deviation: numbers!.deviation }, { n: 0, missing: 0, mean: 0, deviation: 0 });
  t.same(new Kll().weighted(), { values: [], weights: [], rankError: 0 });
  t.same(new Moments().min, null);
  t.end();
});
