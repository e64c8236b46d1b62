import t from 'tap';
import { Forest, unpackForest } from '../../../detectors/performance/forest.ts';
import { type ForestOptions, growForest, type Matrix } from '../../../detectors/performance/grow.ts';
import { Random } from '../../../detectors/performance/random.ts';

const base: ForestOptions = { trees: 20, criterion: 'absolute-error', cut: 'best', minLeaf: 1, featureFraction: 1, bootstrap: true };

/** Rows of four uniform numbers, of which two matter. */
function data(rows: number, seed: number): { matrix: Matrix; targets: Float64Array } {
  const random = new Random(seed);
  const values = Float64Array.from({ length: rows * 4 }, () => random.uniform());
  const targets = Float64Array.from({ length: rows }, (_, row) => (values[4 * row]! > 0.6 ? 0.9 : 0.4) + 0.3 * values[4 * row + 2]!);
  return { matrix: { rows, columns: 4, data: values }, targets };
}

function error(forest: Forest, { matrix, targets }: ReturnType<typeof data>): number {
  let sum = 0;
  for (let row = 0; row < matrix.rows; row++) sum += Math.abs(forest.predict(matrix.data, 4 * row).mean - targets[row]!);
  return sum / matrix.rows;
}

const training = data(300, 1);
const fresh = data(300, 2);
const CONSTANT_ERROR = 0.23;

for (const options of [
  base,
  { ...base, criterion: 'squared-error' },
  { ...base, cut: 'random', bootstrap: false, minLeaf: 2, featureFraction: 0.5 },
] as const) {
  t.test(`a forest (${options.criterion}, ${options.cut} cuts) finds a function again on fresh rows`, (t) => {
    const forest = growForest(training.matrix, training.targets, options, new Random(7));
    t.equal(forest.trees, 20);
    const reached = error(forest, fresh);
    t.ok(reached < CONSTANT_ERROR / 5, `${reached}`);
    t.end();
  });
}

t.test('one full tree on all rows repeats every target, whatever the criterion', (t) => {
  for (const criterion of ['absolute-error', 'squared-error'] as const) {
    const forest = growForest(training.matrix, training.targets, { ...base, criterion, trees: 1, bootstrap: false }, new Random(7));
    t.ok(error(forest, training) < 1e-12);
  }
  t.end();
});

t.test('a bootstrapped tree lacks some rows, and so does not repeat their targets', (t) => {
  const tree = growForest(training.matrix, training.targets, { ...base, trees: 1 }, new Random(7));
  const missed = Array.from(training.targets).filter((target, row) => tree.predict(training.matrix.data, 4 * row).mean !== target).length;
  // A row is left out with probability 1/e: 110 of 300.
  t.ok(missed > 80 && missed < 140, `${missed}`);
  t.end();
});

t.test('a node that looks at every feature cuts where all would; one that looks at a few cuts elsewhere now and then', (t) => {
  const stumps = (featureFraction: number) => {
    const options = { ...base, trees: 1, bootstrap: false, minLeaf: 120, featureFraction };
    const answers = Array.from({ length: 20 }, (_, seed) =>
      growForest(training.matrix, training.targets, options, new Random(seed)).pack(),
    );
    return new Set(answers.map(({ feature }) => feature)).size;
  };
  t.equal(stumps(1), 1);
  t.equal(stumps(0.25), 4);
  t.end();
});

t.test('the first cut is the cheapest of all, found by trying each', (t) => {
  const { matrix, targets } = data(40, 3);
  const costOf = (values: readonly number[]) => {
    const median = values.toSorted((one, other) => one - other)[values.length >> 1]!;
    return values.reduce((sum, value) => sum + Math.abs(value - median), 0);
  };
  let least = Number.POSITIVE_INFINITY;
  let left: number[] = [];
  for (let column = 0; column < 4; column++) {
    for (let at = 0; at < 40; at++) {
      const threshold = matrix.data[4 * at + column]!;
      const sides: [number[], number[]] = [[], []];
      for (let row = 0; row < 40; row++) sides[matrix.data[4 * row + column]! <= threshold ? 0 : 1].push(row);
      // As the tree may: at least 15 on each side, so that it cuts once.
      if (sides[0].length < 15 || sides[1].length < 15) continue;
      const cost = costOf(sides[0].map((row) => targets[row]!)) + costOf(sides[1].map((row) => targets[row]!));
      if (cost < least) [least, left] = [cost, sides[0]];
    }
  }
  const tree = growForest(matrix, targets, { ...base, trees: 1, bootstrap: false, minLeaf: 15 }, new Random(1));
  const answers = Array.from({ length: 40 }, (_, row) => tree.predict(matrix.data, 4 * row).mean);
  t.equal(new Set(answers).size, 2);
  const together = left.map((row) => answers[row]);
  t.equal(new Set(together).size, 1);
  t.equal(answers.filter((answer) => answer === together[0]).length, left.length);
  t.end();
});

t.test('equal inputs share a leaf, which answers their median', (t) => {
  const matrix = { rows: 3, columns: 1, data: Float64Array.of(1, 1, 1) };
  const forest = growForest(matrix, Float64Array.of(0.1, 0.2, 0.9), { ...base, bootstrap: false }, new Random(1));
  t.same(forest.predict(Float64Array.of(5)), { mean: 0.2, spread: 0 });
  t.end();
});

t.test('trees that disagree have a spread; asking the first alone has none', (t) => {
  const forest = growForest(training.matrix, training.targets, base, new Random(7));
  t.ok(forest.predict(fresh.matrix.data).spread > 0);
  t.equal(forest.predict(fresh.matrix.data, 0, 1).spread, 0);
  t.end();
});

t.test('a forest that went through JSON answers to the bit as before', (t) => {
  const forest = growForest(training.matrix, training.targets, base, new Random(7));
  const restored = unpackForest(JSON.parse(JSON.stringify(forest.pack())));
  for (let row = 0; row < 300; row++) t.same(restored.predict(fresh.matrix.data, 4 * row), forest.predict(fresh.matrix.data, 4 * row));
  t.end();
});

t.test('a damaged forest is refused, whichever part is damaged', (t) => {
  const sound = growForest(training.matrix, training.targets, { ...base, trees: 2 }, new Random(7)).pack();
  const base64 = (values: Int16Array | Int32Array | Float64Array) => Buffer.from(values.buffer).toString('base64');
  const nodes = Buffer.from(sound.feature, 'base64').length / 2;
  const damaged = {
    'a node short': { ...sound, feature: sound.feature.slice(0, -4) },
    'no trees': { ...sound, roots: '', trees: 0 },
    'a root outside': { ...sound, roots: base64(Int32Array.of(0, nodes)) },
    'a feature outside': { ...sound, features: 1 },
    'a child before its parent': { ...sound, right: base64(new Int32Array(nodes)) },
    'no leaf at the end': { ...sound, feature: base64(new Int16Array(nodes)), right: base64(new Int32Array(nodes).fill(nodes - 1)) },
    'not a number': { ...sound, number: base64(new Float64Array(nodes).fill(Number.NaN)) },
    'bytes missing': { ...sound, number: sound.number.slice(0, -4) },
  };
  for (const [name, packed] of Object.entries(damaged)) {
    t.throws(() => unpackForest(packed), { name: 'SnapshotError', code: 'predictor-forest' }, name);
  }
  t.end();
});

t.test('a threshold itself goes left', (t) => {
  const forest = new Forest(1, Int32Array.of(0), Int16Array.of(0, -1, -1), Int32Array.of(2, 0, 0), Float64Array.of(0.5, 1, 2));
  t.same([forest.predict(Float64Array.of(0.5)).mean, forest.predict(Float64Array.of(0.5000001)).mean], [1, 2]);
  t.end();
});
