/** Tails of the laws far out; the values are those of scipy 1.17.1 (`chi2.sf`, `kstwo.sf`), to 1e-10 relative. */
import t from 'tap';
import { chiSquaredUpperTail } from '../../detectors/chi-squared-tail.ts';
import { kolmogorovUpperTail } from '../../detectors/kolmogorov-tail.ts';

t.test('the chi-squared tail keeps its digits down to 1e-300', (t) => {
  for (const [statistic, degrees, expected] of [
    [1370, 1, 6.942937364643681e-300],
    [1374, 2, 4.36205294383553e-299],
    [1400, 10, 9.92039147980046e-295],
    [1600, 100, 1.145859576908415e-268],
    [2900, 1000, 3.9007176832172075e-184],
  ] as const) {
    t.ok(Math.abs(chiSquaredUpperTail(statistic, degrees) / expected - 1) < 1e-10, `${statistic} on ${degrees}`);
  }
  t.end();
});

t.test('the chi-squared tail is defined at its ends', (t) => {
  t.equal(chiSquaredUpperTail(0, 3), 1);
  t.equal(chiSquaredUpperTail(Infinity, 3), 0);
  t.equal(chiSquaredUpperTail(1e6, 1), 0);
  t.equal(chiSquaredUpperTail(5, 0), 1);
  t.ok(Math.abs(chiSquaredUpperTail(7, 2) - Math.exp(-3.5)) < 1e-16, 'two degrees: an exponential');
  t.end();
});

t.test('Kolmogorov’s tail keeps its digits down to 1e-300', (t) => {
  for (const [x, n, expected] of [
    [0.37, 2000, 3.784435833899706e-246],
    [0.83, 400, 3.221574720359325e-306],
    [0.018, 30_000, 7.1217673197373776e-9],
  ] as const) {
    t.ok(Math.abs(kolmogorovUpperTail(n, x) / expected - 1) < 1e-10, `${x} of ${n}`);
  }
  t.end();
});

t.test('Kolmogorov’s tail never rises, whatever zone it is computed in', (t) => {
  for (const n of [1, 2, 7, 60, 140, 141, 2000, 100_001]) {
    const tail = Array.from({ length: 100 }, (_, k) => kolmogorovUpperTail(n, (3 * (k + 1)) / 100 / Math.sqrt(n)));
    // The zones meet to 1e-5 relative, the accuracy of the expansions.
    const risen = tail.filter((p, k) => !(p >= 0 && p <= (tail[k - 1] ?? 1) * (1 + 1e-5)));
    t.same(risen, [], `n ${n}`);
  }
  t.end();
});
