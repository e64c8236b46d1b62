/**
 * The alerts, newest first. Opening one shows it in words, as the console and the webhook tell it.
 */
import { element, keyed, redraw, setText } from './elements.js';
import { read } from './live.js';
import { count, duration, inSlice, instant, severityWord } from './words.js';

const KINDS = /** @type {{ [kind: string]: string }} */ ({
  drift: 'drift',
  quality: 'loss of data quality',
  schema: 'breach of its schema',
  performance: 'loss of quality',
  failure: 'failures',
});

/**
 * @param {HTMLElement} holder
 * @param {readonly any[]} alerts items of `/v1/alerts`
 * @param {number} now
 */
export function showAlerts(holder, alerts, now) {
  if (alerts.length === 0) {
    return redraw(holder, 'none', () => [element('p', { class: 'panel quiet' }, 'No alert so far.')]);
  }
  redraw(holder, 'list', () => [element('div', { class: 'alerts' })]);
  const newestFirst = alerts.toSorted((a, b) => b.startsAt - a.startsAt || (a.id < b.id ? 1 : -1));
  keyed(/** @type {HTMLElement} */ (holder.firstElementChild), newestFirst, {
    key: (alert) => alert.id,
    create,
    update: (child, alert) => update(/** @type {HTMLDetailsElement} */ (child), alert, now),
  });
}

/** @param {any} alert */
function create(alert) {
  const parts = ['severity', 'what', 'state', 'since', 'row'].map((part) => element('span', { class: part }));
  const details = /** @type {HTMLDetailsElement} */ (
    element('details', { class: 'alert' }, element('summary', {}, ...parts), element('div', { class: 'story' }))
  );
  details.addEventListener('toggle', () => details.open && tell(details, alert.id));
  return details;
}

/**
 * @param {HTMLDetailsElement} child
 * @param {any} alert
 * @param {number} now
 */
function update(child, alert, now) {
  const [severity, what, state, since, row] = /** @type {HTMLElement[]} */ ([.../** @type {Element} */ (child.firstElementChild).children]);
  const word = severityWord(alert.severity);
  const isOver = alert.state === 'resolved';
  child.dataset.tone = alert.state === 'firing' ? word.tone : 'quiet';
  redraw(severity, [word, alert.state], () => [
    element(
      'span',
      { class: `badge ${alert.state === 'firing' ? word.tone : 'quiet'}` },
      element('span', { 'aria-hidden': 'true' }, `${word.sign} `),
      word.word,
    ),
  ]);
  redraw(what, [alert.signal, alert.slice, alert.kind, alert.detector, alert.monitor, alert.because], () => [
    element('span', { class: 'figure' }, inSlice(alert.signal, alert.slice)),
    ` ${KINDS[alert.kind] ?? alert.kind}`,
    element('span', { class: 'quiet' }, ` ${alert.detector}, ${alert.monitor}${alert.because === null ? '' : `; ${alert.because}`}`),
  ]);
  setText(state, isOver && alert.endsAt !== null ? `resolved after ${duration(alert.endsAt - alert.startsAt)}` : alert.state);
  const beginning = alert.since.at ?? alert.startsAt;
  setText(since, `since ${instant(beginning, now)}${isOver ? '' : `, ${duration(now - beginning)}`}`);
  setText(row, alert.openedAtRow === null ? 'not opened yet' : `opened at row ${count(alert.openedAtRow)}`);
  if (child.open) tell(child, alert.id);
}

/**
 * @param {HTMLDetailsElement} details
 * @param {string} id
 */
async function tell(details, id) {
  const story = /** @type {HTMLElement} */ (details.lastElementChild);
  const path = `/v1/alerts/${encodeURIComponent(id)}`;
  try {
    const { text } = await read(path);
    redraw(story, text, () => [...lines(text), element('p', { class: 'quiet' }, element('a', { href: path }, 'this alert as JSON'))]);
  } catch (error) {
    redraw(story, String(error), () => [
      element('p', {}, `The alert could not be read: ${error instanceof Error ? error.message : error}`),
    ]);
  }
}

/**
 * The text is set for a terminal, a label and a wide gap before what it says; here each becomes a row that can wrap.
 *
 * @param {string} text
 */
function lines(text) {
  const [headline, ...rest] = text.split('\n').filter((line) => line.trim() !== '');
  const facts = element('dl', { class: 'facts' });
  for (const line of rest) {
    const [, label = '', said = line] = /^(.*?)\s{2,}(\S.*)$/.exec(line) ?? [];
    if (label !== '' || facts.lastElementChild === null) facts.append(element('dt', {}, label));
    facts.append(element('dd', {}, said));
  }
  return [element('p', { class: 'headline' }, headline ?? ''), facts];
}
