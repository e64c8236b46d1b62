/**
 * Small drawings: a score against its threshold, a signal's last windows, the estimate of quality with its bounds. Each says in words what it shows.
 */
import { svg } from './elements.js';
import { figure, levelWord } from './words.js';

/** Where the threshold stands on a scale that has no natural end. */
const THRESHOLD_AT = 0.6;
const BAR = { width: 120, height: 8 };
const SPARK = { width: 120, height: 22, windows: 24 };
const BAND = { width: 320, height: 64 };

/** @typedef {{ value: number, threshold: number | null, isFloor: boolean }} Score `isFloor`: below the threshold is bad, and the scale is [0, 1] */

/**
 * @param {Score} score
 * @param {string} tone
 */
export function scoreBar(score, tone) {
  const { width, height } = BAR;
  const fill = place(score.value, score) * width;
  const parts = [
    svg('rect', { class: 'track', width, height, y: 3, rx: 1 }),
    svg('rect', { class: `fill ${tone}`, width: Math.max(1, fill), height, y: 3, rx: 1 }),
  ];
  if (score.threshold !== null) {
    const x = place(score.threshold, score) * width;
    parts.push(svg('line', { class: 'threshold', x1: x, x2: x, y1: 0, y2: height + 6 }));
  }
  return svg('svg', { class: 'bar', viewBox: `0 0 ${width} ${height + 6}`, 'aria-hidden': 'true' }, ...parts);
}

/**
 * One bar a window, newest at the right; a window that could not be judged is a dot.
 *
 * @param {readonly { level: string, value: number | null }[]} windows oldest first
 * @param {{ threshold: number | null, isFloor: boolean }} against
 */
export function sparkline(windows, against) {
  const { width, height } = SPARK;
  const shown = windows.slice(-SPARK.windows);
  const step = width / SPARK.windows;
  const begin = (SPARK.windows - shown.length) * step;
  const parts = shown.map(({ level, value }, index) => {
    const { tone } = levelWord(level);
    const x = begin + index * step;
    if (value === null) return svg('circle', { class: `dot ${tone}`, cx: x + step / 2, cy: height - 2, r: 1 });
    const tall = Math.max(1, place(value, { ...against, value }) * height);
    return svg('rect', { class: `fill ${tone}`, x: x + 0.5, y: height - tall, width: step - 1, height: tall });
  });
  if (against.threshold !== null) {
    const y = height - place(against.threshold, { ...against, value: against.threshold }) * height;
    parts.push(svg('line', { class: 'threshold', x1: 0, x2: width, y1: y, y2: y, 'stroke-dasharray': '2 2' }));
  }
  const words = Object.entries(Object.groupBy(shown, ({ level }) => level)).map(
    ([level, some]) => `${some?.length} ${levelWord(level).word}`,
  );
  const label = `last ${shown.length === 1 ? 'window' : `${shown.length} windows`}: ${words.join(', ')}`;
  return svg(
    'svg',
    { class: 'spark', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label },
    svg('title', {}, label),
    ...parts,
  );
}

/** @param {readonly { value: number, low: number, high: number, reference: number, metric: string }[]} estimates oldest first, at least two */
export function bandChart(estimates) {
  const { width, height } = BAND;
  const all = estimates.flatMap(({ low, high, reference }) => [low, high, reference]);
  const least = Math.min(...all);
  const span = Math.max(...all) - least || 1;
  const x = (/** @type {number} */ index) => ((index / (estimates.length - 1)) * width).toFixed(1);
  const y = (/** @type {number} */ value) => (2 + (1 - (value - least) / span) * (height - 4)).toFixed(1);
  const line = (/** @type {'value' | 'low' | 'high' | 'reference'} */ of) =>
    estimates.map((estimate, index) => `${x(index)},${y(estimate[of])}`);
  const newest = /** @type {(typeof estimates)[number]} */ (estimates.at(-1));
  const label =
    `estimated ${newest.metric} of the last ${estimates.length} windows, now ${figure(newest.value)}, ` +
    `lowest bound ${figure(least)}; the dashed line is the reference, ${figure(newest.reference)}`;
  return svg(
    'svg',
    { class: 'band', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    svg('title', {}, label),
    svg('polygon', { class: 'bounds', points: [...line('high'), ...line('low').reverse()].join(' ') }),
    svg('polyline', { class: 'reference', points: line('reference').join(' '), 'vector-effect': 'non-scaling-stroke' }),
    svg('polyline', { class: 'estimate', points: line('value').join(' '), 'vector-effect': 'non-scaling-stroke' }),
  );
}

/**
 * Share of the scale, in [0, 1].
 *
 * @param {number} value
 * @param {Score} score
 */
function place(value, { threshold, isFloor, value: own }) {
  if (isFloor) return Math.min(1, Math.max(0, value));
  const full = threshold === null || threshold <= 0 ? Math.max(Math.abs(own), 1e-9) : threshold / THRESHOLD_AT;
  return Math.min(1, Math.max(0, value / full));
}
