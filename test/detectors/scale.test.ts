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

t.test('values beyond ±1e140 are placed where ±1e140 is, as they were learned', (t) => {
  for (const sign of [1, -1]) {
    const scale = learned(normals(100, 3).map((noise) => sign * (1e140 + 1e139 * noise)));
    const largest = scale.place(sign * 1e140);
    t.ok(sign * largest > 0 && sign * largest < 2, `${largest}`);
    for (const value of [1.000001e140, 1.3e140, 1e200, Number.MAX_VALUE]) t.equal(scale.place(sign * value), largest);
    t.equal(scale.within, Math.abs(largest), 'and no farther on the other side without a look');
    t.equal(scale.place(-sign * Number.MAX_VALUE), -sign * 5);
  }
  t.end();
});

t.test('a stream of one value beyond that is constant', (t) => {
  const scale = learned(Array.from({ length: 20 }, () => 1e200));
  t.equal(scale.place(1e200), 0);
  t.equal(scale.place(1.5e200), 0);
  t.equal(scale.place(0.5e140), -5, 'the first that differs lies ten deviations off');
  t.equal(scale.place(1e200), 0);
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
