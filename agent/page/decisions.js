/**
 * What was done about alerts, what was withheld, and why.
 */
import { element, keyed, redraw, setText } from './elements.js';
import { decisionWord, instant, reasonWords } from './words.js';

/**
 * @param {HTMLElement} holder
 * @param {readonly any[]} decisions items of `/v1/decisions`, oldest first
 * @param {number} now
 */
export function showDecisions(holder, decisions, now) {
  if (decisions.length === 0) {
    return redraw(holder, 'none', () => [
      element('p', { class: 'panel quiet' }, 'Nothing had to be decided so far: actions follow alerts.'),
    ]);
  }
  redraw(holder, 'list', () => [element('ol', { class: 'decisions' })]);
  keyed(/** @type {HTMLElement} */ (holder.firstElementChild), decisions.toReversed(), {
    key: (decision) => decision.id,
    create: () => element('li', {}, ...['state', 'what', 'why', 'time'].map((part) => element('span', { class: part }))),
    update: (child, decision) => update(child, decision, now),
  });
}

/**
 * @param {HTMLElement} child
 * @param {any} decision
 * @param {number} now
 */
function update(child, decision, now) {
  const [state, what, why, time] = /** @type {HTMLElement[]} */ ([...child.children]);
  const word = decisionWord(decision.state);
  redraw(state, decision.state, () => [
    element('span', { class: `badge ${word.tone}` }, element('span', { 'aria-hidden': 'true' }, `${word.sign} `), word.word),
  ]);
  redraw(what, [decision.action, decision.type, decision.signal, decision.alertState], () => [
    element('span', { class: 'figure' }, decision.action),
    decision.type === decision.action ? '' : ` ${decision.type}`,
    element('span', { class: 'quiet' }, ` as ${decision.signal} was ${decision.alertState}`),
  ]);
  setText(why, outcome(decision, now));
  setText(time, instant(decision.decidedAt, now));
}

/**
 * @param {any} decision
 * @param {number} now
 */
function outcome({ state, reason, result, attempts, nextAttemptAt }, now) {
  const tries = attempts > 1 ? `after ${attempts} attempts` : '';
  const said = reason === null ? (result ?? '') : reasonWords(reason);
  const next = state === 'queued' && nextAttemptAt !== null && attempts > 0 ? `next attempt at ${instant(nextAttemptAt, now)}` : '';
  return [said, tries, next].filter((part) => part !== '').join(', ');
}
