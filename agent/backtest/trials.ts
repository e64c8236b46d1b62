/**
 * What a backtest tries: each change in each size, and all that it can be made to: the columns that fit, or the labels.
 */
import type { Column } from '../../contracts/policy.ts';
import type { Cell } from '../../contracts/record.ts';
import { type Random, upTo } from '../../detectors/performance/random.ts';
import type { Summary } from '../calibration/cell-changes.ts';
import { sameLabel, signalType } from '../signals.ts';
import { injectedChanges } from './changes.ts';
import type { Rows } from './rows.ts';

/** One change in one size. */
export interface Trial {
  readonly kind: string;
  /** For people: `+0.5 sd`. */
  readonly size: string;
  /** Never empty; taken in turn. */
  readonly targets: readonly Target[];
}

/** What is changed, and how. */
interface Target {
  /** The signal on which an alert counts as the change found. */
  readonly signal: string;
  readonly apply: (rows: Rows, random: Random) => Rows;
}

/** Healthy rows by column, and whose labels tell of errors. */
interface Changeable {
  readonly columns: ReadonlyMap<Column, { readonly signal: string; readonly summary: Summary }>;
  readonly rows: Rows;
  /** Signal of the prediction that labels are compared with; null where labels are not judged. */
  readonly prediction: string | null;
}

/** Points by which the share of wrong predictions rises. */
const ERROR_POINTS = [5, 10, 25];

/** The trials that can be made, and the kinds that fit nothing. */
export function trialsOf({ columns, rows, prediction }: Changeable): { trials: Trial[]; leftOut: string[] } {
  const all: Trial[] = injectedChanges.map(({ kind, size, fits, apply }) => ({
    kind,
    size,
    targets: [...columns]
      .filter(([column, { summary }]) => fits(column, summary))
      .map(([, { signal, summary }]) => ({
        signal,
        apply: (drawn, random) => {
          const changed = new Map(drawn.columns);
          changed.set(signal, apply(changed.get(signal)!, summary, random));
          return { ...drawn, columns: changed };
        },
      })),
  }));
  all.push(relationTrial(columns));
  if (prediction !== null) all.push(...errorTrials(rows, prediction));
  const trials = all.filter(({ targets }) => targets.length > 0);
  const kinds = new Set(trials.map(({ kind }) => kind));
  return { trials, leftOut: [...new Set(all.map(({ kind }) => kind))].filter((kind) => !kinds.has(kind)) };
}

/** Values of one column change places among the rows of a window: each column looks as before, and what lies between them is gone. */
function relationTrial(columns: Changeable['columns']): Trial {
  const signals = [...columns]
    .filter(([{ type }, { summary }]) => signalType(type) !== 'unwatched' && summary.frequent.length > 1)
    .map(([, { signal }]) => signal);
  const targets = signals.map(
    (signal): Target => ({
      signal,
      apply: (drawn, random) => {
        const cells = drawn.columns.get(signal)!;
        const shuffled = Array.from(random.shuffle(upTo(cells.length)), (row) => cells[row]!);
        return { ...drawn, columns: new Map(drawn.columns).set(signal, shuffled) };
      },
    }),
  );
  return { kind: 'relation', size: 'shuffled', targets: signals.length > 1 ? targets : [] };
}

/** Right predictions become wrong, by another label that there is. */
function errorTrials({ columns, labels }: Rows, prediction: string): Trial[] {
  const predicted = columns.get(prediction) ?? [];
  const isRight = (label: Cell, row: number, of: readonly Cell[]) =>
    label !== null && of[row] !== null && of[row] !== undefined && sameLabel(of[row], label);
  const known = [...new Set(labels ?? [])].filter((label) => label !== null);
  const judged = (labels ?? []).filter((label, row) => label !== null && (predicted[row] ?? null) !== null).length;
  const right = (labels ?? []).filter((label, row) => isRight(label, row, predicted)).length;
  return ERROR_POINTS.map((points) => {
    const part = (points / 100) * (judged / Math.max(1, right));
    const apply: Target['apply'] = (drawn, random) => {
      const of = drawn.columns.get(prediction) ?? [];
      const wrong = (label: Cell) => random.pick(known.filter((other) => !sameLabel(other, label)));
      const changed =
        drawn.labels?.map((label, row) => (isRight(label, row, of) && random.uniform() < part ? wrong(label) : label)) ?? null;
      return { ...drawn, labels: changed };
    };
    // Where more is asked for than there are right predictions, or where there is no other label, the size cannot be made.
    const isPossible = judged > 0 && part <= 1 && known.length > 1;
    return { kind: 'error rate', size: `+${points} points`, targets: isPossible ? [{ signal: 'feedback.error', apply }] : [] };
  });
}

/**
 * The smallest size of each kind from which on four in five changes were found; null where no size was. Units and relations
 * have no order, and of a kind that no run tells of nothing is said.
 */
export function smallestFound(
  injected: readonly { readonly kind: string; readonly size: string; readonly missed: { readonly share: number } | null }[],
): { readonly kind: string; readonly size: string | null }[] {
  const byKind = Map.groupBy(
    injected.filter(
      ({ kind }) => kind !== 'unit' && kind !== 'relation' && injected.some((one) => one.kind === kind && one.missed !== null),
    ),
    ({ kind }) => kind,
  );
  return [...byKind].map(([kind, sizes]) => {
    const lastMissed = sizes.findLastIndex(({ missed }) => isMissed(missed));
    return { kind, size: sizes[lastMissed + 1]?.size ?? null };
  });
}

/** Whether more is missed than of a change that counts as found; also where no run could tell. */
export function isMissed(missed: { readonly share: number } | null): boolean {
  return missed === null || missed.share > MOST_MISSED;
}

const MOST_MISSED = 0.2;
