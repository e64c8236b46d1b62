/** What CPython has no answer to; its own numbers are in vectors.test.ts. */
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
