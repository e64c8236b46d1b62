import t from 'tap';
import { conformalQuantile, halfWidth } from '../../../detectors/performance/interval.ts';
import { Random } from '../../../detectors/performance/random.ts';

t.test('the conformal quantile is the ninth of nine scores, and the greatest of fewer', (t) => {
  t.equal(conformalQuantile([9, 1, 8, 2, 7, 3, 6, 4, 5]), 9);
  t.equal(conformalQuantile([3, 1, 2]), 3);
  t.equal(
    conformalQuantile(
      Array.from({ length: 99 }, (_, place) => place + 1),
      0.9,
    ),
    90,
  );
  t.end();
});

t.test('a quantile of past scores covers nine of ten new ones', (t) => {
  const random = new Random(1);
  let covered = 0;
  for (let round = 0; round < 2000; round++) {
    const quantile = conformalQuantile(Array.from({ length: 50 }, () => Math.abs(random.normal())));
    if (Math.abs(random.normal()) <= quantile) covered++;
  }
  // 46 of 51 is the exact share; four standard deviations of counting 2000.
  t.ok(Math.abs(covered / 2000 - 46 / 51) < 0.027, `${covered}`);
  t.end();
});

// So many training rows that their own number says nothing.
const calibration = { quantile: 2, spreadFloor: 0.01, batchRows: 1000, trainingRows: 1e12 };

t.test('at the size of the calibration the half-width is the quantile times sigma', (t) => {
  t.ok(Math.abs(halfWidth(0.8, 0.02, 1000, calibration) - 0.06) < 1e-9);
  t.end();
});

t.test('smaller batches have wider intervals, larger ones narrower, and none below what counting rows leaves open', (t) => {
  const widths = [50, 200, 1000, 5000, 1e9].map((rows) => halfWidth(0.8, 0.02, rows, calibration));
  t.same(
    widths,
    widths.toSorted((one, other) => other - one),
  );
  t.equal(new Set(widths).size, 5);
  const exact = { ...calibration, quantile: 0 };
  t.ok(Math.abs(halfWidth(0.8, 0.02, 100, exact) - 1.6448536 * Math.sqrt(0.16 / 100)) < 1e-6);
  t.end();
});

t.test('few training rows widen every interval, by what counting them leaves open', (t) => {
  const few = halfWidth(0.8, 0.02, 1000, { ...calibration, trainingRows: 200 });
  t.ok(Math.abs(few ** 2 - 0.06 ** 2 - (1.6448536 ** 2 * 0.16) / 200) < 1e-9);
  t.end();
});
