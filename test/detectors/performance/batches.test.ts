import t from 'tap';
import { ScorerError } from '../../../contracts/errors.ts';
import { accuracyOf, type LabelledRows, makeBatches } from '../../../detectors/performance/batches.ts';
import { Random } from '../../../detectors/performance/random.ts';
import type { Table } from '../../../detectors/performance/table.ts';

const rows = Int32Array.from({ length: 100 }, (_, row) => row);
const values = Float64Array.from(rows, (row) => row + 1);
const labelled: LabelledRows = {
  table: { rows: 100, columns: [{ kind: 'number', name: 'x', values }] },
  labels: rows.map((row) => row % 2),
  classes: 2,
  // Knows the row from its value, and is at a loss where that is damaged.
  score: async (table) =>
    Float64Array.from({ length: 2 * table.rows }, (_, place) => {
      const x = Number(table.columns[0]!.values[place >> 1]);
      const truth = Number.isInteger(x) && x <= 100 ? (x - 1) % 2 : 0;
      return place % 2 === truth ? 0.9 : 0.1;
    }),
};

t.test('of ten batches one is clean, five have one corruption and four a mixture', async (t) => {
  const { batches, refused } = await makeBatches(labelled, rows, 20, 50, new Random(1), () => {});
  t.same(
    batches.map(({ kinds }) => Math.min(2, kinds.length)),
    [0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2],
  );
  t.equal(refused, 0);
  const singles = batches.filter(({ kinds }) => kinds.length === 1).flatMap(({ kinds }) => kinds);
  t.same([...new Set(singles)].sort(), ['missing', 'outliers', 'scaling']);
  for (const batch of batches) t.ok(batch.kinds.length === 0 ? batch.accuracy === 1 : batch.accuracy <= 1);
  t.ok(batches.some(({ accuracy }) => accuracy < 0.8));
});

t.test('a batch takes all rows where there are fewer than it wants', async (t) => {
  const sizes: number[] = [];
  const score = (table: Table) => {
    sizes.push(table.rows);
    return labelled.score(table);
  };
  await makeBatches({ ...labelled, score }, rows.subarray(0, 30), 1, 50, new Random(1), () => {});
  t.same(sizes, [30]);
});

t.test('damaged rows that the model refuses are counted, clean ones end the training', async (t) => {
  const picky = async (table: Table) => {
    if (table.columns[0]!.values.some((value) => Number.isNaN(value as number))) throw new ScorerError('bad-input', 'no');
    return labelled.score(table);
  };
  const { batches, refused } = await makeBatches({ ...labelled, score: picky }, rows, 20, 50, new Random(1), () => {});
  t.ok(refused > 0);
  t.equal(batches.length + refused, 20);
  t.ok(batches.every(({ kinds }) => !kinds.includes('missing')));
  const never = { ...labelled, score: () => Promise.reject(new ScorerError('run-failed', 'no')) };
  await t.rejects(
    makeBatches(never, rows, 5, 50, new Random(1), () => {}),
    { name: 'ScorerError' },
  );
});

t.test('an error of the scorer that is a bug stays loud', async (t) => {
  let calls = 0;
  const buggy = { ...labelled, score: (table: Table) => (calls++ > 0 ? Promise.reject(new TypeError('bug')) : labelled.score(table)) };
  await t.rejects(
    makeBatches(buggy, rows, 5, 50, new Random(1), () => {}),
    { name: 'TypeError' },
  );
});

t.test('rows that the model does not answer count neither as right nor as wrong', async (t) => {
  // Right in all that it answers.
  const silent = async (table: Table) => {
    const probabilities = await labelled.score(table);
    for (let row = 0; row < table.rows; row++) if (!(Number(table.columns[0]!.values[row]) <= 100)) probabilities[2 * row] = Number.NaN;
    return probabilities;
  };
  const { batches } = await makeBatches({ ...labelled, score: silent }, rows, 40, 50, new Random(1), () => {});
  const missing = batches.filter(({ kinds }) => kinds.length === 1 && kinds[0] === 'missing');
  t.ok(missing.length > 2);
  for (const { accuracy } of missing) t.equal(accuracy, 1);
});

t.test('a damaged batch without any answer counts as refused, a clean one ends the training', async (t) => {
  const nothing = (table: Table) => new Float64Array(2 * table.rows).fill(Number.NaN);
  const isDamaged = (table: Table) => table.columns[0]!.values.some((value) => !(Number.isInteger(value) && (value as number) <= 100));
  const score = async (table: Table) => (isDamaged(table) ? nothing(table) : labelled.score(table));
  const { batches, refused } = await makeBatches({ ...labelled, score }, rows, 20, 50, new Random(1), () => {});
  t.ok(refused > 10);
  t.equal(batches.length + refused, 20);
  t.ok(batches.every(({ accuracy }) => accuracy === 1));
  const never = { ...labelled, score: async (table: Table) => nothing(table) };
  await t.rejects(
    makeBatches(never, rows, 5, 50, new Random(1), () => {}),
    { name: 'ConfigError', code: 'predictor-unanswered' },
  );
});

t.test('accuracy counts the most probable class of the answered rows; equals go to the first', (t) => {
  const labels = Int32Array.of(0, 1, 2);
  const probabilities = Float64Array.of(0.5, 0.5, 0, 0.1, 0.2, 0.7, Number.NaN, 0.1, 0.9);
  t.equal(accuracyOf(probabilities, 3, Int32Array.of(0, 2, 2), labels), 1);
  t.equal(accuracyOf(probabilities, 3, Int32Array.of(0, 1, 2), labels), 1 / 2);
  t.equal(accuracyOf(probabilities.subarray(0, 3), 3, Int32Array.of(1), labels), 0);
  t.equal(accuracyOf(probabilities.subarray(6), 3, Int32Array.of(2), labels), null);
  t.end();
});
