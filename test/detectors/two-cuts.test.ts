import t from 'tap';
import { nearerCut } from '../../detectors/two-cuts.ts';

t.test('the nearer cut is the one whose difference is the larger part of its bound, not the larger difference', (t) => {
  const near = { difference: 0.02, bound: 0.025, count: 10 };
  const far = { difference: 0.1, bound: 0.5, count: 20 };
  t.equal(nearerCut(near, far), near);
  t.equal(nearerCut(far, near), near);
  const alike = { ...near, count: 30 };
  t.equal(nearerCut(near, alike), near, 'the low one of two alike');
  t.end();
});

t.test('a cut is nearer than none', (t) => {
  const only = { difference: -1, bound: 0.5, count: 3 };
  t.equal(nearerCut(only, null), only);
  t.equal(nearerCut(null, only), only);
  t.equal(nearerCut(null, null), null);
  t.end();
});
