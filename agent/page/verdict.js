/**
 * How the model as a whole is doing: the word, since when, and because of what.
 */
import { element, redraw, setText } from './elements.js';
import { duration, instant, verdictWord } from './words.js';

/**
 * @param {HTMLElement} panel
 * @param {any} status `/v1/status`
 */
export function showVerdict(panel, { verdict, alerts, now }) {
  const { tone, sign, word } = verdictWord(verdict.verdict);
  panel.dataset.tone = tone;
  const holder = /** @type {HTMLElement} */ (panel.querySelector('.body') ?? panel.appendChild(skeleton()));
  const [said, because, since, open] = holder.children;
  redraw(/** @type {HTMLElement} */ (said), [sign, word], () => [
    element('span', { class: 'sign', 'aria-hidden': 'true' }, sign),
    ` ${word}`,
  ]);
  setText(because, verdict.because);
  setText(since, verdict.since === null ? '' : `since ${instant(verdict.since, now)}, for ${duration(now - verdict.since)}`);
  setText(open, openAlerts(alerts));
}

function skeleton() {
  return element(
    'div',
    { class: 'body' },
    element('p', { class: 'word', role: 'status' }),
    element('p', { class: 'because' }),
    element('p', { class: 'quiet' }),
    element('p', { class: 'quiet' }),
  );
}

/** @param {any[]} alerts */
function openAlerts(alerts) {
  if (alerts.length === 0) return 'no alert is open';
  const states = Object.entries(Object.groupBy(alerts, (alert) => alert.state)).map(([state, some]) => `${some?.length} ${state}`);
  return `${alerts.length} ${alerts.length === 1 ? 'alert' : 'alerts'} open: ${states.join(', ')}`;
}
