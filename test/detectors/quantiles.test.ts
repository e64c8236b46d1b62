import t from 'tap';
import { chiSquaredUpperTail } from '../../detectors/chi-squared-tail.ts';
import { normalUpperTail } from '../../detectors/normal-tail.ts';
import { chiSquaredUpperQuantile, normalUpperQuantile } from '../../detectors/quantiles.ts';

t.test('the tail beyond a quantile is the probability asked for, from nearly 1 down to 1e-290', (t) => {
  for (const p of [0.999, 0.6, 0.5, 0.4, 0.05, 1e-8, 1e-100, 1e-290]) {
    t.ok(Math.abs(normalUpperTail(normalUpperQuantile(p)) / p - 1) < 1e-11, `normal ${p}`);
    for (const degrees of [1, 2, 7, 500]) {
      t.ok(Math.abs(chiSquaredUpperTail(chiSquaredUpperQuantile(p, degrees), degrees) / p - 1) < 1e-10, `${degrees} degrees, ${p}`);
    }
  }
  t.end();
});
