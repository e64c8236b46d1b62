/** What CPython has no answer to, and draws that are few; more of its own numbers are in vectors.test.ts. */
import t from 'tap';
import { MersenneTwister, RangeSampler } from '../../detectors/mersenne-twister.ts';

t.test('few draws of many are remembered instead of listed, each number once', (t) => {
  const sampler = new RangeSampler(new MersenneTwister(3), 5000, 40);
  const drawn = new Int32Array(40);
  for (let k = 0; k < 50; k++) {
    sampler.draw(drawn);
    t.equal(new Set(drawn).size, 40);
  }
  t.end();
});

// random.Random(42), then sample(range(population), size) again and again, in CPython 3.11.
t.test('some draws of some are listed or remembered as CPython does it, draw after draw', (t) => {
  const random = new MersenneTwister(42);
  for (const [population, draws] of [
    [50, ['40 7 1 17 15 14 8 6', '43 47 34 5 37 27 2 1', '5 13 14 32 38 1 35 12']],
    [40, ['34 26 14 28 37', '17 0 10 27 21', '17 9 13 21 6', '5 24 6 22 38']],
    [90, ['33 5 58 68 15 48 10 70', '37 80 79 46 73 24 8 5']],
  ] as const) {
    const drawn = new Int32Array(draws[0].split(' ').length);
    const sampler = new RangeSampler(random, population, drawn.length);
    for (const draw of draws) {
      sampler.draw(drawn);
      t.equal(drawn.join(' '), draw);
    }
  }
  t.end();
});

t.test('a state is continued, and what is none is refused', (t) => {
  const random = new MersenneTwister(12345678901);
  for (let k = 0; k < 1000; k++) random.bits(32);
  const other = new MersenneTwister(0);
  t.equal(other.restore(random.snapshot()), true);
  for (let k = 0; k < 1000; k++) if (other.bits(32) !== random.bits(32)) t.fail(`output ${k} differs`);
  const state = random.snapshot();
  for (const broken of [[], state.slice(1), [...state.slice(0, 624), 625], [...state.slice(1), 0.5]]) t.equal(other.restore(broken), false);
  t.end();
});
