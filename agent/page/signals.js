/**
 * The signals table: what each detector says now, how far it is from its threshold, and how its last windows were judged.
 */
import { scoreBar, sparkline } from './charts.js';
import { element, keyed, redraw, setText } from './elements.js';
import { count, figure, inSlice, LEVEL_ORDER, levelWord } from './words.js';

const COLUMNS = ['Signal', 'Level', 'Score', 'Last windows', 'What came'];
/** What the score of a detector is. */
const SCORES = /** @type {{ [detector: string]: string }} */ ({
  ks: 'D',
  'chi-squared': 'Cramér’s V',
  ddm: 'error rate',
  adwin: 'shift of mean',
  'data-quality': 'more bad rows',
});

/**
 * @param {HTMLElement} holder
 * @param {readonly any[]} signals items of `/v1/signals`
 * @param {readonly any[]} windows items of `/v1/windows`, oldest first
 * @param {string} emptyText
 */
export function showSignals(holder, signals, windows, emptyText) {
  if (signals.length === 0) return redraw(holder, emptyText, () => [element('p', { class: 'panel quiet' }, emptyText)]);
  redraw(holder, 'table', () => [table()]);
  const byMonitor = Map.groupBy(windows, (finding) => keyOf({ ...finding, name: finding.signal }));
  const sorted = signals.toSorted(
    (a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name) || (a.slice ?? '').localeCompare(b.slice ?? ''),
  );
  keyed(/** @type {HTMLElement} */ (holder.querySelector('tbody')), sorted, {
    key: keyOf,
    create: row,
    update: (child, signal) => update(child, signal, byMonitor.get(keyOf(signal)) ?? []),
  });
}

/** @param {any} signal */
function keyOf(signal) {
  return `${signal.monitor}/${signal.name}/${signal.detector}/${signal.slice ?? ''}@${signal.modelVersion ?? ''}`;
}

/** @param {any} signal */
function rank(signal) {
  const place = LEVEL_ORDER.indexOf(signal.level);
  return place < 0 ? LEVEL_ORDER.length : place;
}

// Roles are written out: narrow screens lay the table out as cards, which would take its meaning from it.
function table() {
  const heads = COLUMNS.map((name) => element('th', { scope: 'col', role: 'columnheader' }, name));
  return element(
    'table',
    { class: 'signals', role: 'table', 'aria-labelledby': 'signals-title' },
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...heads)),
    element('tbody', { role: 'rowgroup' }),
  );
}

/** @param {any} signal */
function row(signal) {
  const name = element(
    'th',
    { scope: 'row', role: 'rowheader' },
    element('span', { class: 'name figure' }, inSlice(signal.name, signal.slice)),
    element('span', { class: 'quiet' }),
  );
  const cells = ['level', 'score', 'windows', 'what'].map((part) => element('td', { role: 'cell', class: part }));
  return element('tr', { role: 'row' }, name, ...cells);
}

/**
 * @param {HTMLElement} child
 * @param {any} signal
 * @param {readonly any[]} windows of this monitor
 */
function update(child, signal, windows) {
  const [name, level, score, past, what] = /** @type {HTMLElement[]} */ ([...child.children]);
  const word = levelWord(signal.level);
  const isFloor = signal.detector === 'performance';
  child.dataset.tone = word.tone;
  const version = signal.modelVersion ? `, version ${signal.modelVersion}` : '';
  setText(name.children[1], `${signal.detector}, ${signal.monitor}${version}`);
  redraw(level, signal.level, () => [
    element('span', { class: `badge ${word.tone}` }, element('span', { 'aria-hidden': 'true' }, `${word.sign} `), word.word),
  ]);
  const scored = scoreName(signal, windows.at(-1));
  redraw(score, [signal.statistic, signal.threshold, word.tone, scored], () =>
    signal.statistic === null
      ? [element('span', { class: 'quiet' }, 'no score yet')]
      : [
          scoreBar({ value: signal.statistic, threshold: signal.threshold, isFloor }, word.tone),
          element('span', { class: 'scale' }, `${scored} ${figure(signal.statistic)}${limit(signal, isFloor)}`),
        ],
  );
  const drawn = windows.map((finding) => ({ level: finding.level, value: isFloor ? finding.statistic : finding.effect }));
  redraw(past, [drawn, signal.threshold], () =>
    drawn.length === 0
      ? [element('span', { class: 'quiet' }, 'judges every value')]
      : [sparkline(drawn, { threshold: signal.threshold, isFloor })],
  );
  setText(what, [signal.note, `${count(signal.observed)} values seen`].filter((part) => part).join('; '));
}

/**
 * A policy may ask that even the upper bound of an estimate lies below the floor.
 *
 * @param {any} signal
 * @param {any} newest finding of this monitor, or undefined
 */
function scoreName({ detector, statistic }, newest) {
  if (detector !== 'performance') return SCORES[detector] ?? 'score';
  return newest?.estimate?.high === statistic ? 'upper bound' : 'estimate';
}

/**
 * @param {any} signal
 * @param {boolean} isFloor
 */
function limit(signal, isFloor) {
  if (signal.threshold === null) return '';
  return `, ${isFloor ? 'alert below' : 'alert at'} ${figure(signal.threshold)}`;
}
