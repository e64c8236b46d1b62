/** A backtest as lines for a terminal. */
import type { Backtest, Counted, Delay, Injected } from './backtest.ts';

/** Alerts shown before the rest is summed up. */
const MOST_FIRED = 20;

/** The table, without the headline. */
export function linesOf(result: Backtest): string[] {
  const { fired, falseAlarms, injected } = result;
  const lines = [
    `on the data: ${fired.length === 0 ? 'nothing would have fired' : `${fired.length} alert${fired.length === 1 ? '' : 's'} would have fired`} in ${result.rows} rows`,
  ];
  for (const { row, at, monitor, signal, slice, detector, severity, note } of fired.slice(0, MOST_FIRED)) {
    lines.push(
      `  row ${String(row).padStart(8)}  ${at === null ? '' : `${momentWords(at)}  `}${severity.padEnd(8)}  ${monitor} on ${signal}${slice === null ? '' : ` in ${slice}`} (${detector})${note === null ? '' : `: ${note}`}`,
    );
  }
  if (fired.length > MOST_FIRED) lines.push(`  … and ${fired.length - MOST_FIRED} more`);
  lines.push('', `false alarms on replays of the reference: ${falseAlarmWords(result)}`);
  if (falseAlarms.count === 0 && injected.length > 0 && injected.every(({ missed }) => missed?.share === 1)) {
    lines.push(`  nothing was found either: see ${result.remarks.length > 0 ? 'the remarks, or ' : ''}\`driftline check\``);
  }
  lines.push('', `changes from one window to the next (${result.runs} each)`);
  lines.push(
    `  ${'change'.padEnd(14)}${'size'.padEnd(20)}${'missed'.padStart(8)}   ${'95 % bounds'.padEnd(16)}${'windows until found'.padEnd(22)}rows until found (median, most)`,
  );
  for (const change of injected) lines.push(`  ${rowOf(change, result.runs)}`);
  for (const kind of result.leftOut) lines.push(`  ${kind.padEnd(14)}${nothingFits(kind)}`);
  if (injected.some(({ alreadyFiring }) => alreadyFiring > 0)) lines.push('', leftOutWords);
  if (result.smallest.length > 0) lines.push('', smallestWords(result));
  return lines;
}

/** `2026-01-31 07:30:00Z`. */
export function momentWords(at: number): string {
  return new Date(at).toISOString().replace('T', ' ').replace(/\.\d+/, '');
}

function rowOf({ kind, size, alreadyFiring, missed, delayWindows, delayRows }: Injected, runs: number): string {
  const delay = (of: Delay | null) => (of === null ? '–' : `${of.median}, ${of.most}`);
  const [share, between] = missed === null ? ['–', '–'] : [percent(missed.share), bounds(missed)];
  const leftOut = alreadyFiring === 0 ? '' : `; ${alreadyFiring} of ${runs} left out`;
  return `${kind.padEnd(14)}${size.padEnd(20)}${share.padStart(8)}   ${between.padEnd(16)}${delay(delayWindows).padEnd(22)}${delay(delayRows)}${leftOut}`;
}

/** Why some runs of a change are not counted. */
export const leftOutWords = 'left out: an alert on the column fired before the change was made, so that the run tells nothing of it';

/** Why a kind was not tried. */
export function nothingFits(kind: string): string {
  const why: { readonly [kind: string]: string } = {
    'error rate': 'the labels do not allow it',
    relation: 'there is one column only that varies',
  };
  return why[kind] ?? 'no column that it would change';
}

/** `smallest found in 4 of 5: mean +0.5 sd, spread × 1.5; category mix: none of these sizes`. */
export function smallestWords({ smallest }: Backtest): string {
  const found = smallest.filter(({ size }) => size !== null).map(({ kind, size }) => `${kind} ${size}`);
  const none = smallest.filter(({ size }) => size === null).map(({ kind }) => kind);
  return [
    ...(found.length === 0 ? [] : [`smallest changes found in 4 of 5: ${found.join(', ')}`]),
    ...(none.length === 0 ? [] : [`not found in any of these sizes: ${none.join(', ')}`]),
  ].join('; ');
}

/** `3 of 1000 windows, 0.3 % (95 %: 0.1 to 0.9 %); 1 % are allowed`. */
export function falseAlarmWords({ falseAlarms, allowed, blockRows, referenceRows }: Backtest): string {
  const { count, of, share } = falseAlarms;
  const of1 = allowed === null ? 'the policy states no budget for a window' : `${percent(allowed)} of windows are allowed`;
  const blocks = blockRows === 1 ? 'single rows' : `blocks of ${blockRows} rows`;
  return `${count} of ${of} windows, ${percent(share)} (95 %: ${bounds(falseAlarms)}); ${of1}; drawn in ${blocks} from ${referenceRows}`;
}

/** `0.1 to 0.9 %`. */
export function bounds({ low, high }: Counted): string {
  return `${percent(low).replace(' %', '')} to ${percent(high)}`;
}

/** Two digits, since more would be chance. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}

/** One sentence for all. */
export function headlineOf({ fired, allowed, falseAlarms }: Backtest): string {
  const on = fired.length === 0 ? 'nothing fired on the data' : `${fired.length} alert${fired.length === 1 ? '' : 's'} fired on the data`;
  if (allowed === null) return `${on}; ${percent(falseAlarms.share)} of healthy windows alarm`;
  const verdict =
    falseAlarms.low > allowed
      ? 'more false alarms than allowed'
      : falseAlarms.high <= allowed
        ? 'false alarms within the budget'
        : `no more false alarms than allowed, as far as ${falseAlarms.of} windows can tell`;
  return `${on}; ${verdict}`;
}
