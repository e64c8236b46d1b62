/** The tests of all columns together: maximum mean discrepancy and the domain classifier. */
import t from 'tap';
import type { Row } from '../../contracts/detector.ts';
import { domainClassifier, domainTest, mannWhitney } from '../../detectors/domain-classifier.ts';
import { mmd, mmdTest } from '../../detectors/mmd.ts';
import { withDefaults } from '../../contracts/options.ts';
import { Random } from '../../detectors/performance/random.ts';
import { RowEncoder, type Rows } from '../../detectors/row-encoder.ts';

function rows(count: number, row: (random: Random) => readonly number[], seed: number): Rows {
  const random = new Random(seed);
  const data = Array.from({ length: count }, () => row(random)).flat();
  return { rows: count, columns: data.length / Math.max(1, count), data: Float64Array.from(data) };
}

/** As rows of cells. */
const listed = ({ rows: count, columns, data }: Rows): Row[] =>
  Array.from({ length: count }, (_, row) => [...data.subarray(row * columns, (row + 1) * columns)]);

const apart = (random: Random) => [random.normal(), random.normal()];
/** Each column alone is as above. */
const together = (random: Random) => {
  const shared = random.normal();
  return [shared, Math.sqrt(0.19) * random.normal() + 0.9 * shared];
};
const QUICK = { permutations: 199, seed: 1 };
const SMALL = { trees: 15, minLeaf: 5, seed: 1 };

t.test('a change between the columns is seen, though each alone stays as it is', (t) => {
  const [reference, window] = [rows(400, apart, 1), rows(300, together, 2)];
  const kernel = mmdTest(window, reference, QUICK)!;
  t.ok(kernel.pValue <= 0.01, `p ${kernel.pValue}`);
  t.match(kernel, { n: 300, referenceN: 400 });
  const domain = domainTest(window, reference, SMALL)!;
  t.ok(domain.pValue < 1e-3 && domain.auc > 0.6, JSON.stringify(domain));
  t.match(domain, { n: 300, referenceN: 400 });
  t.end();
});

t.test('without a change neither sees one more often than it says', (t) => {
  const runs = Array.from({ length: 60 }, (_, run) => {
    const [reference, window] = [rows(60, apart, 2 * run + 10), rows(40, apart, 2 * run + 11)];
    return [
      mmdTest(window, reference, { ...QUICK, seed: run })!.pValue,
      domainTest(window, reference, { ...SMALL, trees: 5, seed: run })!.pValue,
    ];
  });
  t.ok(runs.flat().every((pValue) => pValue > 0 && pValue <= 1));
  for (const side of [0, 1]) {
    const alarms = runs.filter((run) => run[side]! <= 0.1).length;
    // Of 60 at 0.1: six, and four standard deviations more.
    t.ok(alarms <= 15, `${alarms}`);
  }
  t.end();
});

t.test('a column’s unit does not count', (t) => {
  const [reference, window] = [listed(rows(100, apart, 1)), listed(rows(100, together, 2))];
  const scale = (list: readonly Row[]) => list.map(([a, b]) => [(a as number) * 1e12 + 5, b!]);
  for (const definition of [mmd, domainClassifier]) {
    const prepare = (list: readonly Row[]) => definition.prepare(withDefaults(definition.options, {}) as never, list);
    const [plain, scaled] = [prepare(reference).test(window)!, prepare(scale(reference)).test(scale(window))!];
    t.ok(Math.abs(plain.statistic - scaled.statistic) < 1e-6, definition.type);
    t.ok(Math.abs(plain.pValue - scaled.pValue) < 0.01);
  }
  t.end();
});

t.test('the note names the columns that changed, be they numbers or categories', (t) => {
  const draw = (seed: number, change: 'none' | 'number' | 'category' | 'missing' | 'unseen'): Row[] => {
    const random = new Random(seed);
    return Array.from({ length: 300 }, () => {
      const category = random.pick(['a', 'b', 'c']);
      return [
        change === 'missing' && random.uniform() < 0.5 ? null : random.normal(),
        random.normal() + (change === 'number' ? 1.5 : 0),
        change === 'category' && random.uniform() < 0.6 ? 'a' : change === 'unseen' && random.uniform() < 0.4 ? 'z' : category,
        random.normal(),
      ];
    });
  };
  const named = { none: null, number: 'second', category: 'third', missing: 'first', unseen: 'third' } as const;
  for (const definition of [mmd, domainClassifier]) {
    const test = definition.prepare(withDefaults(definition.options, { permutations: 199 }) as never, draw(1, 'none'), [
      'first',
      'second',
      'third',
      'fourth',
    ]);
    for (const [change, name] of Object.entries(named)) {
      const result = test.test(draw(2, change as keyof typeof named))!;
      if (name === null) t.ok(result.pValue > 0.05 && result.note === null, `${definition.type}: ${result.pValue}`);
      else
        t.ok(
          result.pValue <= 0.005 && result.note === `mostly in ${name}`,
          `${definition.type}, ${change}: ${result.pValue} ${result.note}`,
        );
    }
  }
  t.end();
});

t.test('rows beyond the most are sampled, and the answer still says how many there were', (t) => {
  const [reference, window] = [listed(rows(3_000, apart, 1)), listed(rows(2_500, together, 2))];
  for (const definition of [mmd, domainClassifier]) {
    const result = definition.prepare(withDefaults(definition.options, { mostRows: 200 }) as never, reference).test(window)!;
    t.match(result, { n: 2_500, referenceN: 3_000 });
    t.ok(result.pValue < 0.01, `${definition.type}: ${result.pValue}`);
  }
  t.end();
});

t.test('rows are encoded on the reference’s scale, with a place for what is missing and one for what is rare or unseen', (t) => {
  const reference: Row[] = [
    [1, 'a'],
    [2, 'a'],
    [3, 'b'],
    [null, null],
  ];
  const encoder = new RowEncoder(reference);
  t.same([...encoder.owners], [0, 0, 1, 1, 1, 1]);
  const deviation = Math.sqrt(2 / 3);
  const { data } = encoder.encode([
    [3, 'b'],
    [null, null],
    ['text', 'z'],
    [2, 7],
  ]);
  const expected = [
    [1 / deviation, 0, 0, 1, 0, 0],
    [0, 1, 0, 0, 0, 1],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 0, 0, 1, 0],
  ].flat();
  for (const [k, value] of expected.entries()) t.ok(Math.abs(value - data[k]!) < 1e-9, `place ${k}: ${data[k]}`);
  const many = new RowEncoder(Array.from({ length: 1_000 }, (_, k) => [`c${k}`]));
  t.equal(many.owners.length, 12);
  t.same([...new RowEncoder([[1, 'a']]).owners], [0, 0, 1, 1, 1], 'one row is enough');
  t.end();
});

t.test('the same data give the same answers', (t) => {
  const [reference, window] = [rows(50, apart, 1), rows(50, apart, 2)];
  t.same(mmdTest(window, reference, QUICK), mmdTest(window, reference, QUICK));
  const [one, again] = [domainTest(window, reference, SMALL)!, domainTest(window, reference, SMALL)!];
  t.same([one.auc, one.pValue], [again.auc, again.pValue]);
  t.end();
});

t.test('too few rows, no columns, constants and extremes have defined results', (t) => {
  const some = rows(20, apart, 1);
  for (const empty of [rows(0, apart, 1), rows(1, apart, 1)]) {
    t.equal(mmdTest(empty, some, QUICK), null);
    t.equal(mmdTest(some, empty, QUICK), null);
    t.equal(domainTest(empty, some, SMALL), null);
  }
  const none = { rows: 5, columns: 0, data: new Float64Array(0) };
  t.same([mmdTest(none, none, QUICK), domainTest(none, none, SMALL)], [null, null]);
  const constant = rows(20, () => [1, 1], 1);
  t.match(mmdTest(constant, constant, QUICK), { statistic: 0, pValue: 1 });
  t.match(domainTest(constant, constant, SMALL), { auc: 0.5, pValue: 1 });
  const extreme = rows(20, (random) => [random.pick([1e300, -1e300, 1e-300]), random.normal()], 3);
  for (const [a, b] of [
    [extreme, some],
    [some, extreme],
    [constant, some],
  ] as const) {
    const result = mmdTest(a, b, QUICK)!;
    t.ok([result.statistic, result.biased, result.sigma, result.pValue].every(Number.isFinite));
    const domain = domainTest(a, b, SMALL)!;
    t.ok(Number.isFinite(domain.auc) && domain.pValue >= 0 && domain.pValue <= 1);
  }
  t.end();
});

t.test('Mann and Whitney’s wins are counted by pairs, with the variance of random labels', (t) => {
  const [first, second] = [
    [1, 2, 2, 5],
    [2, 0, 5, 7, 2],
  ];
  const wins = first!.flatMap((a) => second!.map((b) => (a > b ? 1 : a === b ? 0.5 : 0)) as number[]).reduce((sum, win) => sum + win, 0);
  const judged = mannWhitney(first!, second!);
  t.equal(judged.wins, wins);
  // All 126 splits of the pooled values.
  const pooled = [...first!, ...second!];
  const all: number[] = [];
  for (let set = 0; set < 2 ** 9; set++) {
    const ours = pooled.filter((_, k) => (set >> k) & 1);
    if (ours.length === 4)
      all.push(
        mannWhitney(
          ours,
          pooled.filter((_, k) => !((set >> k) & 1)),
        ).wins,
      );
  }
  t.equal(all.length, 126);
  t.ok(Math.abs(all.reduce((sum, win) => sum + (win - 10) ** 2, 0) / 126 - judged.variance) < 1e-12);
  t.end();
});
