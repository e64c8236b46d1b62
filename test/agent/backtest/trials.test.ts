import t from 'tap';
import { summaryOf } from '../../../agent/calibration/cell-changes.ts';
import type { Rows } from '../../../agent/backtest/rows.ts';
import { smallestFound, trialsOf } from '../../../agent/backtest/trials.ts';
import type { Column } from '../../../contracts/policy.ts';
import type { Cell } from '../../../contracts/record.ts';
import { Random } from '../../../detectors/performance/random.ts';

/** Rows of two inputs, the second twice the first, and predictions of which one in ten is wrong. */
function healthy(count = 4_000): Rows {
  const random = new Random(3);
  const first = Array.from({ length: count }, () => random.normal());
  const labels = Array.from({ length: count }, (): Cell => random.pick([0, 1]));
  return {
    count,
    labels,
    columns: new Map<string, Cell[]>([
      ['inputs.first', first],
      ['inputs.second', first.map((value) => 2 * value)],
      ['outputs.answer', labels.map((label) => (random.uniform() < 0.1 ? 1 - Number(label) : label))],
    ]),
  };
}

function trials(rows: Rows, names = ['first', 'second'], prediction: string | null = 'outputs.answer') {
  // Of a column nothing else is asked.
  const columns = new Map(
    names.map((name) => [
      { name, type: 'number' } as Column,
      { signal: `inputs.${name}`, summary: summaryOf(rows.columns.get(`inputs.${name}`)!) },
    ]),
  );
  return trialsOf({ columns, rows, prediction });
}

const errorShare = ({ columns, labels, count }: Rows) =>
  columns.get('outputs.answer')!.filter((answer, row) => answer !== labels![row]).length / count;

t.test('the error rate rises by as many points as the size says, by labels that there are', async (t) => {
  const rows = healthy();
  const before = errorShare(rows);
  for (const points of [5, 10, 25]) {
    const { targets } = trials(rows).trials.find(({ size }) => size === `+${points} points`)!;
    t.same(
      targets.map(({ signal }) => signal),
      ['feedback.error'],
    );
    const changed = targets[0]!.apply(rows, new Random(9));
    t.ok(Math.abs(errorShare(changed) - before - points / 100) < 0.02, `${errorShare(changed)} after ${before}`);
    t.same([...new Set(changed.labels)].sort(), [0, 1]);
    t.equal(changed.columns, rows.columns, 'predictions stay');
  }
});

t.test('an error rate that cannot rise so far, or labels of one kind only, are left out', async (t) => {
  const rows = healthy();
  const bad: Rows = {
    ...rows,
    labels: rows.columns.get('outputs.answer')!.map((answer, row) => (row % 10 === 0 ? answer : 1 - Number(answer))),
  };
  const sizes = trials(bad).trials.filter(({ kind }) => kind === 'error rate');
  t.same(
    sizes.map(({ size }) => size),
    ['+5 points', '+10 points'],
    'one in ten is right: there are no 25 points',
  );
  t.match(trials({ ...rows, labels: rows.labels!.map(() => 1) }).leftOut, ['category mix', 'error rate']);
  t.notOk(trials(rows, ['first'], null).leftOut.includes('error rate'), 'no monitor judges labels: not a kind at all');
});

t.test('a relation is broken by shuffling one column: its values stay, what they went with does not', async (t) => {
  const rows = healthy();
  const { targets } = trials(rows).trials.find(({ kind }) => kind === 'relation')!;
  t.same(
    targets.map(({ signal }) => signal),
    ['inputs.first', 'inputs.second'],
  );
  const { columns } = targets[1]!.apply(rows, new Random(5));
  const ascending = (cells: readonly Cell[]) => cells.map(Number).sort((a, b) => a - b);
  t.same(ascending(columns.get('inputs.second')!), ascending(rows.columns.get('inputs.second')!));
  t.equal(columns.get('inputs.first'), rows.columns.get('inputs.first'));
  const together = columns.get('inputs.second')!.filter((value, row) => value === 2 * Number(columns.get('inputs.first')![row])).length;
  t.ok(together < 10, `${together} rows still go together`);
  t.ok(trials(rows, ['first']).leftOut.includes('relation'), 'one column has no relation');
});

t.test('a column that a change would leave as it is has no turn', async (t) => {
  const { count, columns, labels } = healthy();
  const rows: Rows = { count, labels, columns: new Map(columns).set('inputs.second', new Array<Cell>(count).fill(7)) };
  const targets = (kind: string, size: string) =>
    trials(rows)
      .trials.find((trial) => trial.kind === kind && trial.size === size)
      ?.targets.map(({ signal }) => signal);
  t.same(targets('mean', '+2 sd'), ['inputs.first']);
  t.same(targets('spread', '× 2'), ['inputs.first']);
  t.same(targets('missing', '5 %'), ['inputs.first', 'inputs.second'], 'a constant can be missing');
  t.same(targets('unit', '× 100'), ['inputs.first', 'inputs.second'], 'and be told in another unit');
  t.ok(trials(rows).leftOut.includes('relation'), 'and has no relation to anything');
});

t.test('the smallest change found is the one from which on all larger ones are found in four of five', async (t) => {
  const of = (kind: string, ...missed: number[]) => missed.map((share, index) => ({ kind, size: `${index}`, missed: { share } }));
  t.same(
    smallestFound([...of('mean', 0.1, 0.3, 0.2, 0), ...of('spread', 0, 1), ...of('missing', 0.2), ...of('unit', 0), ...of('relation', 0)]),
    [
      { kind: 'mean', size: '2' },
      { kind: 'spread', size: null },
      { kind: 'missing', size: '0' },
    ],
  );
});

t.test('a size that no run tells of is not taken for found, and a kind that none tells of for nothing', async (t) => {
  const of = (kind: string, ...missed: (number | null)[]) =>
    missed.map((share, index) => ({ kind, size: `${index}`, missed: share === null ? null : { share } }));
  t.same(smallestFound([...of('mean', 0.5, null, 0), ...of('spread', null, null), ...of('missing', 0, null)]), [
    { kind: 'mean', size: '2' },
    { kind: 'missing', size: null },
  ]);
});
