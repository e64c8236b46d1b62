import t from 'tap';
import { Random } from '../../../detectors/performance/random.ts';

function draw<T>(count: number, next: () => T): T[] {
  return Array.from({ length: count }, next);
}

t.test('a seed fixes every number, and neighbouring seeds share none of the first', (t) => {
  const [one, same, next] = [new Random(1), new Random(1), new Random(2)];
  const first = draw(100, () => one.bits());
  t.same(
    draw(100, () => same.bits()),
    first,
  );
  t.equal(draw(100, () => next.bits()).filter((bits) => first.includes(bits)).length, 0);
  t.not(new Random(2 ** 32).bits(), new Random(0).bits(), 'the upper half of a seed counts');
  t.end();
});

t.test('uniform and normal numbers have their mean and variance', (t) => {
  const random = new Random(3);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const uniform = draw(20_000, () => random.uniform(2, 4));
  t.ok(uniform.every((value) => value >= 2 && value < 4));
  t.ok(Math.abs(mean(uniform) - 3) < 0.02);
  const normal = draw(20_000, () => random.normal());
  t.ok(Math.abs(mean(normal)) < 0.03);
  t.ok(Math.abs(mean(normal.map((value) => value ** 2)) - 1) < 0.05);
  t.end();
});

t.test('every integer below the count comes about equally often', (t) => {
  const random = new Random(4);
  const counts = new Map<number, number>();
  for (const value of draw(6000, () => random.below(6))) counts.set(value, (counts.get(value) ?? 0) + 1);
  t.same([...counts.keys()].sort(), [0, 1, 2, 3, 4, 5]);
  t.ok([...counts.values()].every((count) => Math.abs(count - 1000) < 120));
  t.end();
});

t.test('a shuffle loses nothing, and its first places are a fair draw', (t) => {
  const random = new Random(5);
  const hits = new Int32Array(10);
  let lost = 0;
  for (let round = 0; round < 5000; round++) {
    const values = random.shuffle(
      Int32Array.from({ length: 10 }, (_, place) => place),
      3,
    );
    if (new Set(values).size !== 10) lost++;
    for (const value of values.subarray(0, 3)) hits[value]!++;
  }
  t.equal(lost, 0);
  t.ok(
    hits.every((count) => Math.abs(count - 1500) < 150),
    hits.join(' '),
  );
  t.end();
});
