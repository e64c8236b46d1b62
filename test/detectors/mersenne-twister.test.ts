/** Parity with CPython's generator (origin in test/golden/vectors/README.md). */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { MersenneTwister, RangeSampler } from '../../detectors/mersenne-twister.ts';
import { readJson } from '../support/golden-file.ts';

const { cases } = readJson(fileURLToPath(new URL('../golden/vectors/tests/python_random.json', import.meta.url))) as {
  cases: ({ seed: number; getrandbits32: number[] } & { [sample: string]: number[] })[];
};

t.test('outputs and samples are those of CPython, the second sample as well, for every seed', (t) => {
  let samples = 0;
  for (const one of cases) {
    const random = new MersenneTwister(one.seed);
    t.same(
      one.getrandbits32.map(() => random.bits(32)),
      one.getrandbits32,
      `seed ${one.seed}`,
    );
    for (const name of Object.keys(one)) {
      const [, population, size] = /^sample_(\d+)_(\d+)$/.exec(name) ?? [];
      if (population === undefined) continue;
      const sampler = new RangeSampler(new MersenneTwister(one.seed), Number(population), Number(size));
      const drawn = new Int32Array(Number(size));
      sampler.draw(drawn);
      t.same([...drawn], one[name], `${name} of seed ${one.seed}`);
      const second = one[`${name}_second`];
      if (second === undefined) continue;
      sampler.draw(drawn);
      t.same([...drawn], second, `${name} again`);
      samples++;
    }
  }
  t.ok(samples >= cases.length);
  t.end();
});

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
