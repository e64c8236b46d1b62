import t from 'tap';
import { UnitScale } from '../../detectors/unit-scale.ts';
import { normals } from '../support/random-streams.ts';

const create = (warmUp: number, unit: number) => new UnitScale({ warmUp, semantics: 'safe' }, unit);

t.test('a stream that begins with zeros and ones only is taken as it is to the end', (t) => {
  const scale = create(4, 0.5);
  for (const value of [0, 1, 1, 0, 7, -3.5]) t.equal(scale.take(value), value);
  scale.forget();
  t.same(scale.take(7), Number.NaN, 'and decides anew when it forgets');
  t.end();
});

t.test('one other value among the first makes what was taken unfit, and all of the first the scale', (t) => {
  const scale = create(4, 0.5);
  t.same([scale.take(0), scale.take(1)], [0, 1]);
  t.same([scale.take(2), scale.unfit], [Number.NaN, true]);
  t.same([scale.take(5), scale.unfit], [Number.NaN, false]);
  t.equal(scale.take(2), 0, 'their mean');
  const deviation = Math.sqrt((4 + 1 + 0 + 9) / 3);
  t.ok(Math.abs(scale.take(2 + deviation) - 0.5) < 1e-15);
  t.end();
});

t.test('a wild value counts as eight deviations', (t) => {
  const scale = create(100, 0.25);
  for (const value of normals(100, 1)) scale.take(value);
  for (const value of [50, 1e300, Number.MAX_VALUE]) t.same([scale.take(value), scale.take(-value)], [2, -2]);
  t.end();
});

t.test('where the first values are all alike, the first that differs sets the scale', (t) => {
  const scale = create(10, 0.5);
  for (let k = 0; k < 10; k++) scale.take(7);
  t.equal(scale.take(7), 0);
  t.equal(scale.take(7 + 1e-13), 0, 'rounding is no difference');
  t.equal(scale.take(9), 4, 'ten deviations, counted as eight');
  t.ok(Math.abs(scale.take(7.2) - 0.5) < 1e-12);
  t.end();
});

t.test('under river’s semantics every value is taken as it is, but for those whose squares a double cannot hold', (t) => {
  const scale = new UnitScale({ warmUp: 4, semantics: 'river' }, 0.5);
  for (const value of [5, -1e140, 0.1]) t.equal(scale.take(value), value);
  t.same([scale.take(1e300), scale.take(-1e300)], [1e140, -1e140]);
  t.same(scale.snapshot(), {});
  t.end();
});

t.test('a stream of zeros and ones that is wild later is so up to ±1e140', (t) => {
  const scale = create(2, 0.5);
  t.same(
    [0, 1, 1e139, 1e300, -1e300].map((value) => scale.take(value)),
    [0, 1, 1e139, 1e140, -1e140],
  );
  t.end();
});

t.test('values of any size are placed alike, by the short way as well', (t) => {
  const values = normals(600, 7);
  for (const size of [2 ** -1000, 2 ** 1000]) {
    const [usual, sized] = [create(100, 0.25), create(100, 0.25)];
    for (const [k, value] of values.entries()) {
      // Now and then one far out.
      const one = k % 50 === 49 ? value * 100 : value;
      t.same(sized.take(size * one), usual.take(one));
      t.same(sized.place(size * one), usual.place(one));
    }
  }
  const alike = create(10, 0.5);
  for (let k = 0; k < 30; k++) t.same(alike.take(1e200), k < 10 ? Number.NaN : 0, 'a constant stream is none that changes');
  t.end();
});

t.test('what is not finite is no observation, at any time: nothing is learned from it', (t) => {
  const scale = create(2, 0.5);
  const plain = create(2, 0.5);
  for (let k = 0; k < 4; k++) {
    for (const value of [Number.NaN, Infinity, -Infinity]) t.same([scale.take(value), scale.unfit], [Number.NaN, false]);
    t.same(scale.take(k), plain.take(k));
    t.same(scale.snapshot(), plain.snapshot());
  }
  t.end();
});
