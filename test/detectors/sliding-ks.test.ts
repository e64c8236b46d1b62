import t from 'tap';
import { ksGaps } from '../../detectors/ks.ts';
import { SlidingKs } from '../../detectors/sliding-ks.ts';
import { SlidingKsPair } from '../../detectors/sliding-ks-pair.ts';

const gapsOf = (window: readonly number[], reference: readonly number[]) =>
  ksGaps(Float64Array.from(window).sort(), Float64Array.from(reference).sort());

function stream(length: number, seed: number, value: (u: number, k: number) => number): number[] {
  let state = seed;
  return Array.from({ length }, (_, k) => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return value(state / 2 ** 32, k);
  });
}

const STREAMS: { readonly [name: string]: readonly number[] } = {
  reals: stream(700, 1, (u, k) => u + (k > 400 ? 0.4 : 0)),
  ties: stream(700, 2, (u, k) => Math.floor(u * 4) + (k > 400 ? 1 : 0)),
  'both zeros': stream(300, 3, (u) => (u < 0.5 ? -0 : u < 0.8 ? 0 : 1)),
  constant: new Array<number>(200).fill(2.5),
  extremes: stream(300, 4, (u) => (u < 0.3 ? 1e300 : u < 0.6 ? -1e300 : 1e-300 * u)),
};

for (const [name, values] of Object.entries(STREAMS)) {
  for (const [window, reference] of [
    [1, 1],
    [7, 20],
    [50, 13],
  ] as const) {
    t.test(`${name}: at every value the gaps are those of window ${window} and reference ${reference} computed afresh`, (t) => {
      const first = values.slice(0, reference);
      const fixed = new SlidingKs(first, window);
      const pair = new SlidingKsPair(window, reference);
      const wrong: number[] = [];
      for (const [index, value] of values.entries()) {
        fixed.update(value);
        pair.update(value);
        const from = index + 1 - window;
        const newest = values.slice(Math.max(0, from), index + 1);
        if (from < 0 ? fixed.gaps !== null || fixed.statistic !== null : !same(fixed.gaps, gapsOf(newest, first))) wrong.push(index);
        const before = from - reference;
        if (before < 0 ? pair.gaps !== null || pair.statistic !== null : !same(pair.gaps, gapsOf(newest, values.slice(before, from))))
          wrong.push(index);
      }
      t.same(wrong, []);
      t.end();
    });
  }
}

t.test('D is the larger gap as a share', (t) => {
  const sliding = new SlidingKs([1, 2, 3, 4], 2);
  sliding.update(9);
  sliding.update(3.5);
  t.equal(sliding.statistic, 0.75);
  t.same(sliding.gaps, { above: 0, below: 6 });
  t.end();
});

function same(
  ours: { readonly above: number; readonly below: number } | null,
  theirs: { readonly above: number; readonly below: number },
): boolean {
  return ours !== null && ours.above === theirs.above && ours.below === theirs.below;
}
