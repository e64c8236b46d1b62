import fc from 'fast-check';
import t from 'tap';
import { CORRECTIONS } from '../../contracts/policy.ts';
import { adjustBenjaminiHochberg, adjustBonferroni } from '../../detectors/benjamini-hochberg.ts';
import {
  adjust,
  adjustBenjaminiYekutieli,
  adjustHochberg,
  adjustHolm,
  adjustHolmSidak,
  adjustHommel,
} from '../../detectors/multiple-testing.ts';

t.test('adjusted p-values come back in the order given', (t) => {
  t.same(adjustHolm([0.5, 0.01, 0.25]), [0.5, 0.03, 0.5]);
  t.same(adjustHommel([0.5, 0.01, 0.25]), [0.5, 0.03, 0.5]);
  t.same(adjustBenjaminiYekutieli([0.5, 0.01]), [0.75, 0.03]);
  t.same(adjustHochberg([0.5, 0.01, 0.25]), [0.5, 0.03, 0.5]);
  // By hand: from the largest, 0.05·1, 0.04·2, 0.03·3.
  t.same(adjustHochberg([0.03, 0.05, 0.04]), [0.05, 0.05, 0.05]);
  t.end();
});

t.test('Hommel’s values are those of closed testing with Simes’ test', (t) => {
  const simes = (set: readonly number[]) => Math.min(...set.toSorted((a, b) => a - b).map((p, place) => (p * set.length) / (place + 1)));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 7 }), (thousandths) => {
      const pValues = thousandths.map((value) => value / 1000);
      const adjusted = adjustHommel(pValues);
      return pValues.every((_, tested) => {
        let largest = 0;
        for (let set = 0; set < 2 ** pValues.length; set++) {
          if (((set >> tested) & 1) === 0) continue;
          largest = Math.max(largest, simes(pValues.filter((_, k) => ((set >> k) & 1) === 1)));
        }
        return Math.abs(adjusted[tested]! - Math.min(1, largest)) < 1e-12;
      });
    }),
    { seed: 2, numRuns: 200 },
  );
  t.end();
});

t.test('the corrections stand in the order of their power, and keep the order of the p-values', (t) => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }), (pValues) => {
      const [bonferroni, holm, sidak, hochberg, hommel, bh, by] = [
        adjustBonferroni,
        adjustHolm,
        adjustHolmSidak,
        adjustHochberg,
        adjustHommel,
        adjustBenjaminiHochberg,
        adjustBenjaminiYekutieli,
      ].map((adjust) => adjust(pValues)) as [number[], number[], number[], number[], number[], number[], number[]];
      const slack = 1 + 1e-12;
      return pValues.every(
        (p, k) =>
          bonferroni[k]! * slack >= holm[k]! &&
          holm[k]! * slack >= sidak[k]! &&
          holm[k]! * slack >= hochberg[k]! &&
          hochberg[k]! * slack >= hommel[k]! &&
          hommel[k]! * slack >= bh[k]! &&
          by[k]! >= bh[k]! &&
          sidak[k]! * slack >= p &&
          pValues.every((other, j) => other < p || hommel[j]! * slack >= hommel[k]!),
      );
    }),
    { seed: 3, numRuns: 200 },
  );
  t.end();
});

t.test('no tests, nothing to adjust; the smallest numbers stay above 0', (t) => {
  for (const correct of [adjustHolm, adjustHolmSidak, adjustHochberg, adjustHommel, adjustBenjaminiYekutieli]) {
    t.same(correct([]), []);
    const [small, one] = correct([1e-300, 1]);
    t.ok(small! >= 1e-300 && small! < 1e-299);
    t.equal(one, 1);
  }
  t.end();
});

t.test('a correction by its name leaves out what was not tested, and `none` changes nothing', (t) => {
  for (const method of CORRECTIONS) {
    const adjusted = adjust(method, [null, 0.01, 1, null]);
    t.same([adjusted[0], adjusted[3]], [null, null], method);
    t.ok(adjusted[1]! >= (method === 'none' ? 0.01 : 0.0198) && adjusted[1]! <= 0.03, `${method}: ${adjusted[1]}`);
  }
  t.same(adjust('none', [0.3, null, 0.2]), [0.3, null, 0.2]);
  t.equal(adjust('bonferroni', [0.3, null, 0.2])[2], 0.4);
  t.end();
});
