import t from 'tap';
import { UnitScale } from '../../detectors/unit-scale.ts';
import { normals } from '../support/random-streams.ts';

t.test('a stream that begins with zeros and ones only is taken as it is to the end', (t) => {
  const scale = new UnitScale(4, 0.5);
  for (const value of [0, 1, 1, 0]) t.equal(scale.see(value), 'as-is');
  t.equal(scale.idle, true);
  t.equal(scale.places, false);
  scale.forget();
  t.equal(scale.idle, false, 'and decides anew when it forgets');
  t.end();
});

t.test('one other value among the first makes what was taken unfit, and all of the first the scale', (t) => {
  const scale = new UnitScale(4, 0.5);
  t.same(
    [0, 1, 2, 5].map((value) => scale.see(value)),
    ['as-is', 'as-is', 'unfit', 'learned'],
  );
  t.equal(scale.places, true);
  t.equal(scale.place(2), 0, 'their mean');
  const deviation = Math.sqrt((4 + 1 + 0 + 9) / 3);
  t.ok(Math.abs(scale.place(2 + deviation) - 0.5) < 1e-15);
  t.end();
});

t.test('a wild value counts as eight deviations', (t) => {
  const scale = new UnitScale(100, 0.25);
  for (const value of normals(100, 1)) scale.see(value);
  for (const value of [50, 1e300, Number.MAX_VALUE]) t.same([scale.place(value), scale.place(-value)], [2, -2]);
  t.end();
});

t.test('where the first values are all alike, the first that differs sets the scale', (t) => {
  const scale = new UnitScale(10, 0.5);
  for (let k = 0; k < 10; k++) scale.see(7);
  t.equal(scale.place(7), 0);
  t.equal(scale.place(7 + 1e-13), 0, 'rounding is no difference');
  t.equal(scale.place(9), 4, 'ten deviations, counted as eight');
  t.ok(Math.abs(scale.place(7.2) - 0.5) < 1e-12);
  t.end();
});
