/**
 * A backtest as one HTML file: no script, no other file, nothing loaded; plots as SVG.
 */
import { escapeHtml } from '../compare/escape-html.ts';
import { reportStyle } from '../compare/report-style.ts';
import { VERSION } from '../version.ts';
import type { Backtest, Injected, Judged } from './backtest.ts';
import { isMissed } from './trials.ts';
import { bounds, falseAlarmWords, headlineOf, leftOutWords, momentWords, nothingFits, percent, smallestWords } from './words.ts';

const WIDTH = 960;
/** The plot of a single share: as narrow as a telephone. */
const NARROW = 420;
/** Space for the names of lanes. */
const LEFT = 240;
const LANE = 26;
const MOST_LANES = 60;

const style = `
.plot{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;margin:.4rem 0 1rem;overflow-x:auto}
.plot svg{min-width:40rem}.narrow{max-width:34rem}.narrow svg{min-width:0}
.stable{fill:var(--ground)}.found{fill:var(--drift)}.thin{fill:var(--insufficient-wash);stroke:var(--insufficient)}
.fire{fill:none;stroke:var(--ink);stroke-width:1.5}
.range{stroke:var(--now);stroke-width:3;stroke-linecap:round}.point{fill:var(--now)}.over .range,.over .point{stroke:var(--drift);fill:var(--drift)}
`;

/** The page. */
export function reportOf(result: Backtest): string {
  const tone = result.fired.length > 0 ? 'drift' : 'same';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="driftline ${escapeHtml(VERSION)}">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(headlineOf(result))} · driftline backtest</title>
<style>${reportStyle}${style}</style>
</head>
<body>
<header>
<p class="mark">driftline backtest</p>
<h1 class="${tone}">${escapeHtml(capital(headlineOf(result)))}</h1>
<p class="quiet">Policy ${escapeHtml(result.policy)}, ${result.rows.toLocaleString('en-US')} rows, windows of ${result.windowRows.toLocaleString('en-US')}; seed ${result.seed}, ${result.runs} runs of each replay.</p>
</header>
${result.remarks.map((remark) => `<p class="note"><b>Note</b> ${escapeHtml(capital(remark))}.</p>`).join('\n')}
<main>
<section aria-labelledby="data"><h2 id="data">What would have fired</h2>
<p>A tall mark is a window in which drift was found, a ring the moment at which an alert began to fire. Drift that a breach of the schema explains fires no alert of its own.</p>
${timeline(result)}
${firedTable(result)}
</section>
<section aria-labelledby="false"><h2 id="false">False alarms on replays of the reference</h2>
<p>${escapeHtml(falseAlarmWords(result))}.</p>
${ratePlot(result)}
</section>
<section aria-labelledby="missed"><h2 id="missed">Changes missed within six windows</h2>
${result.smallest.length === 0 ? '' : `<p>${escapeHtml(capital(smallestWords(result)))}.</p>`}
${missPlot(result.injected)}
${result.injected.some(({ alreadyFiring }) => alreadyFiring > 0) ? `<p>${escapeHtml(capital(leftOutWords))}.</p>` : ''}
${injectedTable(result)}
</section>
</main>
<footer>Replays are drawn in blocks, whole rows at a time; changes begin at a window’s first row, in one column. Bounds are Wilson’s, 95 %; of false alarms they take windows of one replay, which share a reference, as fewer.</footer>
</body>
</html>
`;
}

/** One lane a signal and monitor, one mark a window; rings where alerts fired. */
function timeline({ windows, fired, rows }: Backtest): string {
  const lanes = [...new Set([...windows.map(laneOf), ...fired.map(laneOf)])].slice(0, MOST_LANES);
  if (lanes.length === 0) return '<p class="quiet">No window was closed.</p>';
  const x = (row: number) => LEFT + ((WIDTH - LEFT - 10) * row) / rows;
  const height = lanes.length * LANE + 30;
  const marks = windows
    .filter((finding) => lanes.includes(laneOf(finding)))
    .map((finding) => {
      const y = lanes.indexOf(laneOf(finding)) * LANE + 5;
      const kind = finding.level === 'drift' ? 'found' : finding.level === 'insufficient' ? 'thin' : 'stable';
      const width = Math.max(1, x(finding.toRow + 1) - x(finding.fromRow) - 1);
      const tall = finding.level === 'drift' ? 16 : 8;
      return `<rect class="${kind}" x="${x(finding.fromRow).toFixed(1)}" y="${y + (16 - tall) / 2}" width="${width.toFixed(1)}" height="${tall}"><title>${escapeHtml(titleOf(finding))}</title></rect>`;
    });
  const rings = fired
    .filter((alert) => lanes.includes(laneOf(alert)))
    .map(
      (alert) =>
        `<circle class="fire" cx="${x(alert.row).toFixed(1)}" cy="${lanes.indexOf(laneOf(alert)) * LANE + 13}" r="6"><title>fires at row ${alert.row}</title></circle>`,
    );
  const names = lanes.map((lane, index) => `<text class="label" x="0" y="${index * LANE + 17}">${escapeHtml(short(lane))}</text>`);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<text class="tick" x="${x(share * rows).toFixed(1)}" y="${height - 8}" text-anchor="${share === 1 ? 'end' : 'middle'}">${Math.round(share * rows)}</text>`,
  );
  return `<div class="plot"><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Windows by row: tall where drift was found, ringed where an alert fired">${names.join('')}${marks.join('')}${rings.join('')}${ticks.join('')}</svg></div>`;
}

function laneOf({ monitor, signal, slice }: { readonly monitor: string; readonly signal: string; readonly slice: string | null }): string {
  return `${signal}${slice === null ? '' : ` in ${slice}`} · ${monitor}`;
}

function titleOf({ fromRow, toRow, level, adjustedP, effect }: Judged): string {
  const p = adjustedP === null ? '' : `, adjusted p ${adjustedP.toPrecision(2)}`;
  return `rows ${fromRow} to ${toRow}: ${level}${p}${effect === null ? '' : `, effect ${effect.toPrecision(2)}`}`;
}

/** The rate between its bounds, and the budget as a line, on a logarithmic scale. */
function ratePlot({ falseAlarms, allowed }: Backtest): string {
  const { low, high, share, of } = falseAlarms;
  const least = Math.min(1 / of / 2, allowed ?? 1) / 2;
  const x = (value: number) => 20 + ((NARROW - 40) * Math.log(Math.max(least, value) / least)) / Math.log(1 / least);
  const ticks = Array.from({ length: Math.ceil(-Math.log10(least)) }, (_, power) => 10 ** -power).map(
    (value) =>
      `<line class="grid" x1="${x(value).toFixed(1)}" x2="${x(value).toFixed(1)}" y1="8" y2="46"/><text class="tick" x="${x(value).toFixed(1)}" y="62" text-anchor="${value === 1 ? 'end' : 'middle'}">${percent(value)}</text>`,
  );
  const limit =
    allowed === null
      ? ''
      : `<line class="limit" x1="${x(allowed).toFixed(1)}" x2="${x(allowed).toFixed(1)}" y1="4" y2="46"/><text class="limit-label" x="${(x(allowed) + 5).toFixed(1)}" y="13">allowed</text>`;
  const over = allowed !== null && low > allowed ? 'over' : 'within';
  return `<div class="plot narrow"><svg viewBox="0 0 ${NARROW} 70" role="img" aria-label="Share of healthy windows that alarm: ${percent(share)}, between ${bounds(falseAlarms)}">${ticks.join('')}${limit}<g class="${over}"><line class="range" x1="${x(low).toFixed(1)}" x2="${x(high).toFixed(1)}" y1="28" y2="28"/><circle class="point" cx="${x(share).toFixed(1)}" cy="28" r="5"/></g></svg></div>`;
}

/** One lane a change and size: what is missed, with its bounds. */
function missPlot(injected: readonly Injected[]): string {
  const height = injected.length * LANE + 26;
  const x = (share: number) => LEFT + (WIDTH - LEFT - 30) * share;
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line class="grid" x1="${x(share)}" x2="${x(share)}" y1="0" y2="${height - 22}"/><text class="tick" x="${x(share)}" y="${height - 6}" text-anchor="middle">${percent(share)}</text>`,
  );
  const lanes = injected.map(({ kind, size, missed }, index) => {
    const y = index * LANE + 13;
    const name = `<text class="label" x="0" y="${y + 4}">${escapeHtml(`${kind} ${size}`)}</text>`;
    if (missed === null) return name;
    return `${name}<g class="${isMissed(missed) ? 'over' : 'within'}"><line class="range" x1="${x(missed.low).toFixed(1)}" x2="${x(missed.high).toFixed(1)}" y1="${y}" y2="${y}"/><circle class="point" cx="${x(missed.share).toFixed(1)}" cy="${y}" r="5"/></g>`;
  });
  return `<div class="plot"><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Share of changes missed, by kind and size">${grid.join('')}${lanes.join('')}</svg></div>`;
}

function firedTable({ fired }: Backtest): string {
  if (fired.length === 0) return '<p class="quiet">Nothing.</p>';
  const rows = fired.map(
    ({ row, at, monitor, signal, slice, detector, severity, sinceRow, note }) =>
      `<tr><td class="n">${row}</td><td>${at === null ? '' : momentWords(at)}</td><td>${escapeHtml(severity)}</td><td>${escapeHtml(monitor)}</td><td>${escapeHtml(slice === null ? signal : `${signal} in ${slice}`)}</td><td>${escapeHtml(detector)}</td><td class="n">${sinceRow ?? ''}</td><td>${escapeHtml(note ?? '')}</td></tr>`,
  );
  return `<div class="scroll"><table><thead><tr><th class="n">Row</th><th>At</th><th>Severity</th><th>Monitor</th><th>Signal</th><th>Detector</th><th class="n">Since row</th><th>Note</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function injectedTable({ injected, leftOut }: Backtest): string {
  const rows = injected.map(
    ({ kind, size, alreadyFiring, missed, delayWindows, delayRows }) =>
      `<tr><th class="name">${escapeHtml(kind)}</th><td>${escapeHtml(size)}</td><td class="n">${missed === null ? '–' : percent(missed.share)}</td><td class="n">${missed === null ? '–' : bounds(missed)}</td><td class="n">${alreadyFiring === 0 ? '' : alreadyFiring}</td><td class="n">${delayWindows?.median ?? '–'}</td><td class="n">${delayWindows?.most ?? '–'}</td><td class="n">${delayRows?.median ?? '–'}</td><td class="n">${delayRows?.most ?? '–'}</td></tr>`,
  );
  const none = leftOut.map((kind) => `<tr><th class="name">${escapeHtml(kind)}</th><td colspan="8">${nothingFits(kind)}</td></tr>`);
  return `<div class="scroll"><table><thead><tr><th>Change</th><th>Size</th><th class="n">Missed</th><th class="n">95 % bounds</th><th class="n">Left out</th><th class="n">Windows until found, median</th><th class="n">Most</th><th class="n">Rows, median</th><th class="n">Most</th></tr></thead><tbody>${[...rows, ...none].join('\n')}</tbody></table></div>`;
}

function short(text: string): string {
  return text.length > 30 ? `${text.slice(0, 29)}…` : text;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
