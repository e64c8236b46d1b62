import t from 'tap';
import { middleOf } from '../../detectors/middle-of.ts';

t.test('as many values are below the median as above it', (t) => {
  t.equal(middleOf(Float64Array.of(7)), 7);
  t.equal(middleOf(Float64Array.of(1, 4)), 2.5);
  t.equal(middleOf(Float64Array.of(1, 4, 100)), 4);
  t.equal(middleOf(Float64Array.of(1, 4, 10, 100)), 7);
  t.equal(middleOf(Float64Array.of(-5, 1, 4, 10, 100)), 4);
  t.end();
});
