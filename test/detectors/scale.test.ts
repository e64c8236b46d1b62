import t from 'tap';
import { Scale } from '../../detectors/scale.ts';
import { normals } from '../support/random-streams.ts';

const learned = (values: readonly number[], reach = 5) => {
  const scale = new Scale(values.length, reach);
  for (const value of values) scale.learn(value);
  return scale;
};

t.test('values are placed in standard deviations of the first ones, up to the reach', (t) => {
  const scale = learned([1, 3, 5, 7]);
  const deviation = Math.sqrt(20 / 3);
  t.equal(scale.place(4), 0);
  t.ok(Math.abs(scale.place(4 + deviation) - 1) < 1e-15);
  t.same([scale.place(1e9), scale.place(-1e9)], [5, -5]);
  t.equal(scale.within, 5);
  t.end();
});

t.test('a size that is a power of two changes no place, from the smallest doubles to the largest', (t) => {
  const values = normals(200, 3).map((noise) => 3 + noise);
  const usual = learned(values);
  for (const size of [2 ** -1000, 2 ** -500, 2 ** 500, 2 ** 1019]) {
    const sized = learned(values.map((value) => size * value));
    for (const value of [-40, 2, 3, 3.7, 5, 40]) t.equal(sized.place(size * value), usual.place(value));
    t.equal(sized.distance(size), usual.distance(1));
  }
  t.end();
});

t.test('the largest doubles on both sides are placed, and a wild one among small ones makes these one', (t) => {
  const most = Number.MAX_VALUE;
  const wide = learned(Array.from({ length: 100 }, (_, k) => (k % 2 === 0 ? most : -most)));
  t.ok(Math.abs(wide.place(most) - 1) < 0.01 && Math.abs(wide.place(-most) + 1) < 0.01, `${wide.place(most)}`);
  const pair = learned([most, -most]);
  t.ok(pair.place(most) > 0 && pair.place(most) <= 1, 'whose deviation is beyond the doubles');
  const wild = learned([...normals(99, 5), 1e300]);
  // One of 100 lies 9.9 deviations off, and the mean a tenth of one.
  t.ok(Math.abs(wild.place(0) + 0.1) < 1e-12 && wild.place(0) === wild.place(1) && wild.place(2e300) === 5);
  t.end();
});

t.test('a stream of one value is constant, however large or small, and the first that differs lies ten deviations off', (t) => {
  for (const value of [1e200, 1e-200, 1e-300, Number.MAX_VALUE, -1e200]) {
    const scale = learned(Array.from({ length: 20 }, () => value));
    t.equal(scale.place(value), 0);
    t.equal(scale.place(value / 2), value > 0 ? -5 : 5);
    t.equal(scale.place(value), 0);
  }
  const least = learned([0, 5e-324, 0, 5e-324, 0, 1e-310]);
  t.same([least.place(0), least.place(1e-308)], [0, 0], 'below 1e-307 nothing differs');
  t.equal(least.place(1), 5);
  t.end();
});

t.test('what it forgets it learns anew', (t) => {
  const scale = learned(normals(50, 4));
  const place = scale.place(0.3);
  scale.forget();
  t.same([scale.known, scale.reciprocal, scale.within], [false, 0, 0]);
  for (const value of normals(50, 4)) scale.learn(value);
  t.equal(scale.place(0.3), place);
  t.end();
});
