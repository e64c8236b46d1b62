/**
 * Pictures of a comparison as inline SVG: the reference as a grey ground, the current values as a coloured outline over it.
 */
import type { ColumnComparison } from './columns.ts';
import { escapeHtml } from './escape-html.ts';
import type { Bar, Bin, Picture } from './picture.ts';
import { figure, percent } from './words.ts';

const HEIGHT = 150;
const TOP = 8;
const BOTTOM = 122;
const BAR_ROW = 24;
/** Room right of the bars, for their figures. */
const BAR_FIGURES = 102;
/** A bin this many times higher than the next one is drawn cut off, so that the others can be seen. */
const SPIKE = 4;

/** The picture of one column, `width` units of about a pixel wide. */
export function pictureOf(picture: Picture, name: string, width: number): string {
  return picture.kind === 'histogram' ? histogram(picture, name, width) : bars(picture, name, width);
}

/** All columns with a test on one axis of effects, and the threshold across them. */
export function effectsChart(columns: readonly ColumnComparison[], threshold: number): string {
  const drawnOnCards = columns.filter(({ verdict, picture }) => verdict !== 'skipped' && picture !== null);
  const tested = columns.filter(({ test }) => test !== null);
  if (tested.length === 0) return '<p class="quiet">No column could be tested.</p>';
  const [row, left, right, top] = [22, 190, 860, 22];
  const height = top + tested.length * row + 22;
  const largest = Math.max(threshold * 1.5, ...tested.map(({ test }) => test?.effect ?? 0));
  const most = largest > 0.5 ? 1 : largest > 0.25 ? 0.5 : 0.25;
  const x = (effect: number) => left + (effect / most) * (right - left);
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => share * most);
  const grid = ticks
    .map(
      (tick) =>
        `<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${top}" y2="${height - 20}"/><text class="tick" x="${x(tick)}" y="${height - 6}" text-anchor="middle">${Number(tick.toFixed(2))}</text>`,
    )
    .join('');
  const rows = tested.map(({ name, verdict, test }, index) => {
    const y = top + index * row + row / 2;
    const effect = test?.effect ?? 0;
    const card = drawnOnCards.findIndex((column) => column.name === name);
    const mark = `<text class="label" x="${left - 12}" y="${y + 4}" text-anchor="end">${escapeHtml(clipped(name, 26))}<title>${escapeHtml(name)}</title></text>
<line class="stem ${verdict}" x1="${left}" x2="${x(effect).toFixed(1)}" y1="${y}" y2="${y}"/><circle class="dot ${verdict}" cx="${x(effect).toFixed(1)}" cy="${y}" r="5"><title>${escapeHtml(name)}: ${test?.effectName === 'D' ? 'D' : 'V'} ${effect.toFixed(3)}, ${verdict}</title></circle>`;
    return card === -1 ? mark : `<a href="#c${card}">${mark}</a>`;
  });
  const limit = `<line class="limit" x1="${x(threshold)}" x2="${x(threshold)}" y1="${top - 4}" y2="${height - 20}"/><text class="limit-label" x="${x(threshold) + 5}" y="${top - 8}">threshold ${threshold}</text>`;
  return `<div class="scroll"><svg class="effects" viewBox="0 0 900 ${height}" role="img" aria-label="Effect of each column; the threshold is ${threshold}">${grid}${limit}${rows.join('\n')}</svg></div>`;
}

function histogram({ bins, log, outside }: Picture & { kind: 'histogram' }, name: string, width: number): string {
  const first = bins[0]!;
  const last = bins.at(-1)!;
  const scale = (value: number) => (log ? Math.log10(value) : value);
  const [low, high] = [scale(first.from), scale(last.to)];
  const x = (value: number) => ((scale(value) - low) / (high - low)) * width;
  const heights = bins.map((bin) => Math.max(bin.reference, bin.current)).sort((one, other) => other - one);
  const [highest = 0, second = 0] = heights;
  const cut = second > 0 && highest > SPIKE * second;
  const most = Math.max(cut ? 2 * second : highest, 1e-12);
  const y = (share: number) => BOTTOM - Math.min(1, share / most) * (BOTTOM - TOP);
  const ground = outline(bins, 'reference', x, y);
  const over = outline(bins, 'current', x, y);
  const titles = bins
    .map(
      (bin) =>
        `<rect class="hit" x="${x(bin.from).toFixed(1)}" y="${TOP}" width="${Math.max(0.5, x(bin.to) - x(bin.from)).toFixed(1)}" height="${BOTTOM - TOP}"><title>${figure(bin.from)} to ${figure(bin.to)}: reference ${percent(bin.reference)}, current ${percent(bin.current)}</title></rect>`,
    )
    .join('');
  const beyond =
    outside.reference + outside.current > 0
      ? `<text class="tick" x="${width}" y="${TOP + 4}" text-anchor="end">off the axis: ${percent(outside.reference)} → ${percent(outside.current)}</text>`
      : '';
  const spike = cut ? cutMark(bins, highest, x, width) : '';
  return `<svg viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="Histograms of ${escapeHtml(name)}: reference filled, current outlined">
<path class="ground" d="${ground}Z"/><path class="over" d="${over}Z"/><path class="edge" d="${over}"/>
<line class="axis" x1="0" x2="${width}" y1="${BOTTOM}" y2="${BOTTOM}"/>${ticksOf(first.from, last.to, log, x, width)}${beyond}${spike}${titles}</svg>`;
}

/** Two strokes through a bin that is higher than drawn, and its shares. */
function cutMark(bins: readonly Bin[], highest: number, x: (value: number) => number, width: number): string {
  const bin = bins.find(({ reference, current }) => Math.max(reference, current) === highest)!;
  const [from, to] = [x(bin.from), x(bin.to)];
  const strokes = [24, 29]
    .map((y) => `<path class="cut" d="M${(from - 4).toFixed(1)} ${y + 3}L${(to + 4).toFixed(1)} ${y - 3}"/>`)
    .join('');
  const onLeft = from > width / 2;
  return `${strokes}<text class="tick" x="${(onLeft ? from - 8 : to + 8).toFixed(1)}" y="32" text-anchor="${onLeft ? 'end' : 'start'}">${percent(bin.reference)} → ${percent(bin.current)}</text>`;
}

/** Steps along the tops of the bins, from the axis and back to it. */
function outline(bins: readonly Bin[], side: 'reference' | 'current', x: (value: number) => number, y: (share: number) => number): string {
  const points = bins.map((bin) => `V${y(bin[side]).toFixed(1)}H${x(bin.to).toFixed(1)}`);
  return `M${x(bins[0]!.from).toFixed(1)} ${BOTTOM}${points.join('')}V${BOTTOM}`;
}

function ticksOf(from: number, to: number, log: boolean, x: (value: number) => number, width: number): string {
  const values = log ? powers(from, to, width) : rounded(from, to, width);
  return values
    .map((value) => {
      const at = x(value);
      const anchor = at < 24 ? 'start' : at > width - 24 ? 'end' : 'middle';
      return `<line class="axis" x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${BOTTOM}" y2="${BOTTOM + 4}"/><text class="tick" x="${at.toFixed(1)}" y="${BOTTOM + 17}" text-anchor="${anchor}">${figure(value)}</text>`;
    })
    .join('');
}

/** A few round numbers inside. */
function rounded(from: number, to: number, width: number): number[] {
  for (let rough = (to - from) / (width / 60); rough > 0 && Number.isFinite(rough); rough /= 2) {
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough;
    const values: number[] = [];
    for (let index = Math.ceil(from / step); index * step <= to && values.length < 12; index++)
      values.push(Number((index * step).toPrecision(12)));
    if (values.length >= 2) return values;
    // Beside large numbers a narrow range has no round ones.
    if (step < (to - from) / 12) break;
  }
  return [from, to];
}

function powers(from: number, to: number, width: number): number[] {
  const [low, high] = [Math.ceil(Math.log10(from)), Math.floor(Math.log10(to))];
  const step = Math.max(1, Math.ceil((high - low) / (width / 76)));
  const values: number[] = [];
  for (let power = low; power <= high; power += step) values.push(10 ** power);
  return values.length < 2 ? [from, to] : values;
}

function bars({ bars: list, others }: Picture & { kind: 'bars' }, name: string, width: number): string {
  const all = others === null ? list : [...list, others];
  const height = all.length * BAR_ROW + 4;
  const most = Math.max(...all.map((bar) => Math.max(bar.reference, bar.current)), 1e-12);
  const longest = width / 22;
  const left = 14 + 7 * Math.min(longest, Math.max(...all.map((bar) => bar.label.length)));
  const length = (share: number) => (share / most) * (width - BAR_FIGURES - left);
  const rows = all.map((bar, index) => {
    const y = 2 + index * BAR_ROW;
    return `<g><title>${escapeHtml(bar.label)}: reference ${percent(bar.reference)}, current ${percent(bar.current)}</title>
<text class="label" x="${left - 8}" y="${y + 15}" text-anchor="end">${escapeHtml(clipped(bar.label, longest))}</text>
<rect class="ground" x="${left}" y="${y + 3}" width="${length(bar.reference).toFixed(1)}" height="8"/>
<rect class="bar" x="${left}" y="${y + 11}" width="${length(bar.current).toFixed(1)}" height="8"/>
<text class="tick" x="${(left + length(Math.max(bar.reference, bar.current)) + 6).toFixed(1)}" y="${y + 15}">${wordsOf(bar)}</text></g>`;
  });
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Shares of ${escapeHtml(name)} by category: reference above, current below">${rows.join('\n')}<line class="axis" x1="${left}" x2="${left}" y1="2" y2="${height - 2}"/></svg>`;
}

function wordsOf({ reference, current }: Bar): string {
  if (reference === 0) return `new ${percent(current)}`;
  if (current === 0) return `${percent(reference)} → gone`;
  return percent(reference) === percent(current) ? percent(current) : `${percent(reference)} → ${percent(current)}`;
}

function clipped(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, Math.floor(most) - 1)}…` : text;
}
