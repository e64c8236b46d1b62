/** The samples of the two-sample vectors, inline or by a recipe that any language can repeat exactly. */

interface Recipe {
  readonly data?: readonly number[];
  readonly f?: 'uniform' | 'sum4' | 'floor' | 'pareto' | 'grid' | 'cauchyish';
  readonly seed?: number;
  readonly n?: number;
  readonly k?: number;
  readonly mul?: number;
  readonly add?: number;
}

/** The values that a recipe of test/golden/vectors/README.md describes. @throws on a recipe that is not known. */
export function sampleOf(recipe: unknown): number[] {
  const { data, f, seed = 0, n = 0, k = 1, mul = 1, add = 0 } = recipe as Recipe;
  if (data !== undefined) return [...data];
  let state = seed;
  const step = (): number => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state;
  };
  const uniform = (): number => step() / 2 ** 32;
  const draw = (): number => {
    switch (f) {
      case 'uniform':
        return uniform();
      case 'sum4':
        return uniform() + uniform() + uniform() + uniform();
      case 'floor':
        return Math.floor(uniform() * k);
      case 'pareto':
        return 1 / (1 - uniform());
      case 'grid':
        return Math.floor(uniform() * 1000) / 1000;
      case 'cauchyish': {
        const w = (step() + 0.5) / 2 ** 32;
        return (w - 0.5) / (w * (1 - w));
      }
      default:
        throw new Error(`no recipe ${f}`);
    }
  };
  return Array.from({ length: n }, () => draw() * mul + add);
}
