import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { ConfigError } from '../../contracts/errors.ts';
import { BoundedReference, boundedReferenceOptions, checkBounds } from '../../detectors/bounded-reference.ts';

const create = (given: { readonly [option: string]: number }) => new BoundedReference(withDefaults(boundedReferenceOptions, given));

t.test('values are placed between the written bounds, and those outside on them', (t) => {
  const reference = create({ low: 10, high: 50, mean: 20, margin: 4 });
  t.same(
    [10, 20, 50, 9, 51, -1e308, 1e308].map((value) => reference.place(value)),
    [0, 0.25, 1, 0, 1, 0, 1],
  );
  t.same(reference.interval, { lower: 0.15, upper: 0.35 });
  t.end();
});

t.test('so they are where no double holds the distance of the bounds', (t) => {
  const most = Number.MAX_VALUE;
  const reference = create({ low: -most, high: most, mean: 0, margin: most / 2 });
  t.same(
    [-most, -most / 2, 0, most / 2, most].map((value) => reference.place(value)),
    [0, 0.25, 0.5, 0.75, 1],
  );
  t.same(reference.interval, { lower: 0.25, upper: 0.75 });
  t.end();
});

t.test('a stream that turns out not to be of zeros and ones is placed by its scale, and what it was placed by before is forgotten', (t) => {
  const reference = create({ warmUp: 40 });
  for (let k = 0; k < 40; k++) reference.take(k === 3 ? 5 : k % 2);
  t.not(reference.interval, null);
  // The first half has a mean of (10 + 4)/20 and lies within five deviations of it.
  t.ok(reference.place(0.7) > 0.45 && reference.place(0.7) < 0.55, `${reference.place(0.7)}`);
  t.equal(reference.place(1e6), 1);
  const bits = create({ warmUp: 40 });
  for (let k = 0; k < 40; k++) bits.take(k % 2);
  t.equal(bits.place(0.7), 0.7, 'zeros and ones are taken as they are');
  t.end();
});

t.test('after a warm-up that was all alike the margin counts from the first value that differs on', (t) => {
  const reference = create({ warmUp: 40, mean: 5, margin: 0.1 });
  for (let k = 0; k < 60; k++) reference.take(5);
  t.same(reference.interval, { lower: 0.5, upper: 0.5 }, 'no scale yet');
  // Ten deviations of the scale that it sets; the margin is one of them, of the ten between the bounds.
  t.equal(reference.take(6), 1);
  const { lower, upper } = reference.interval!;
  t.ok(Math.abs(lower - 0.4) < 1e-12 && Math.abs(upper - 0.6) < 1e-12, `${lower} to ${upper}`);
  reference.forget();
  t.equal(reference.interval, null);
  t.end();
});

t.test('bounds are both given or neither, the lower one first', (t) => {
  t.doesNotThrow(() => checkBounds('x', { low: undefined, high: undefined }));
  t.doesNotThrow(() => checkBounds('x', { low: 1, high: 1.5 }));
  for (const [low, high] of [
    [1, undefined],
    [undefined, 1],
    [2, 1],
    [1, 1],
    [0, 5e-324],
  ] as const)
    t.throws(() => checkBounds('x', { low, high }), ConfigError, `${low}, ${high}`);
  t.end();
});
