import t from 'tap';
import { adjustBenjaminiHochberg, adjustBonferroni } from '../../detectors/benjamini-hochberg.ts';

t.test('adjusted p-values come back in the order given', (t) => {
  t.same(adjustBenjaminiHochberg([0.5, 0.01, 0.25]), [0.5, 0.03, 0.375]);
  t.same(adjustBonferroni([0.5, 0.01, 0.25]), [1, 0.03, 0.75]);
  t.end();
});

t.test('a larger p-value never has a smaller adjusted one', (t) => {
  t.same(adjustBenjaminiHochberg([0.04, 0.03]), [0.04, 0.04]);
  t.end();
});

t.test('no tests, nothing to adjust; the smallest numbers stay above 0', (t) => {
  t.same(adjustBenjaminiHochberg([]), []);
  t.same(adjustBonferroni([]), []);
  t.same(adjustBenjaminiHochberg([1e-300, 1]), [2e-300, 1]);
  t.end();
});
