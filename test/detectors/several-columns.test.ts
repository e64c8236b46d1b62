/** The tests of all columns together: maximum mean discrepancy and the domain classifier. */
import t from 'tap';
import { domainClassifier, mannWhitney } from '../../detectors/domain-classifier.ts';
import { MMD_DEFAULTS, mmdTest, type Rows } from '../../detectors/maximum-mean-discrepancy.ts';
import { Random } from '../../detectors/performance/random.ts';

function rows(count: number, row: (random: Random) => readonly number[], seed: number): Rows {
  const random = new Random(seed);
  const data = Array.from({ length: count }, () => row(random)).flat();
  return { rows: count, columns: data.length / Math.max(1, count), data: Float64Array.from(data) };
}

const apart = (random: Random) => [random.normal(), random.normal()];
/** Each column alone is as above. */
const together = (random: Random) => {
  const shared = random.normal();
  return [shared, Math.sqrt(0.19) * random.normal() + 0.9 * shared];
};
const QUICK = { mostRows: 200, permutations: 199, seed: 1 };
const SMALL = { trees: 15, minLeaf: 5, mostRows: 400, seed: 1 };

t.test('a change between the columns is seen, though each alone stays as it is', (t) => {
  const [reference, window] = [rows(400, apart, 1), rows(300, together, 2)];
  const mmd = mmdTest(window, reference, QUICK)!;
  t.ok(mmd.pValue <= 0.01, `p ${mmd.pValue}`);
  t.match(mmd, { n: 200, referenceN: 200 });
  const domain = domainClassifier(window, reference, SMALL)!;
  t.ok(domain.pValue < 1e-3 && domain.auc > 0.6, JSON.stringify(domain));
  t.match(domain, { n: 300, referenceN: 400 });
  t.end();
});

t.test('without a change neither sees one more often than it says', (t) => {
  const runs = Array.from({ length: 60 }, (_, run) => {
    const [reference, window] = [rows(60, apart, 2 * run + 10), rows(40, apart, 2 * run + 11)];
    return [
      mmdTest(window, reference, { ...QUICK, seed: run })!.pValue,
      domainClassifier(window, reference, { ...SMALL, trees: 5, seed: run })!.pValue,
    ];
  });
  for (const side of [0, 1]) {
    const alarms = runs.filter((run) => run[side]! <= 0.1).length;
    // Of 60 at 0.1: six, and four standard deviations more.
    t.ok(alarms <= 15, `${alarms}`);
  }
  t.end();
});

t.test('a column’s unit does not count', (t) => {
  const [reference, window] = [rows(100, apart, 1), rows(100, together, 2)];
  const scale = ({ rows: count, columns, data }: Rows): Rows => ({
    rows: count,
    columns,
    data: data.map((value, k) => (k % 2 === 0 ? value * 1e12 + 5 : value)),
  });
  const [plain, scaled] = [mmdTest(window, reference, QUICK)!, mmdTest(scale(window), scale(reference), QUICK)!];
  t.ok(Math.abs(plain.statistic - scaled.statistic) < 1e-9);
  t.equal(plain.pValue, scaled.pValue);
  t.end();
});

t.test('the same data give the same answers', (t) => {
  const [reference, window] = [rows(50, apart, 1), rows(50, apart, 2)];
  t.same(mmdTest(window, reference), mmdTest(window, reference, MMD_DEFAULTS));
  t.same(domainClassifier(window, reference, SMALL), domainClassifier(window, reference, SMALL));
  t.end();
});

t.test('too few rows, no columns, constants and extremes have defined results', (t) => {
  const some = rows(20, apart, 1);
  for (const empty of [rows(0, apart, 1), rows(1, apart, 1)]) {
    t.equal(mmdTest(empty, some), null);
    t.equal(mmdTest(some, empty), null);
    t.equal(domainClassifier(empty, some), null);
  }
  const none = { rows: 5, columns: 0, data: new Float64Array(0) };
  t.same([mmdTest(none, none), domainClassifier(none, none)], [null, null]);
  const constant = rows(20, () => [1, 1], 1);
  t.match(mmdTest(constant, constant), { statistic: 0, pValue: 1 });
  t.match(domainClassifier(constant, constant), { auc: 0.5, pValue: 1 });
  const extreme = rows(20, (random) => [random.pick([1e300, -1e300, 1e-300]), random.normal()], 3);
  for (const [a, b] of [
    [extreme, some],
    [some, extreme],
    [constant, some],
  ] as const) {
    const result = mmdTest(a, b)!;
    t.ok([result.statistic, result.biased, result.sigma, result.pValue].every(Number.isFinite));
    const domain = domainClassifier(a, b, SMALL)!;
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
