/**
 * Estimated quality with its bounds beside the reference, and what labels measured; the two are never mixed.
 */
import { bandChart } from './charts.js';
import { element, redraw } from './elements.js';
import { count, figure } from './words.js';

/**
 * @param {HTMLElement} panel
 * @param {any} status `/v1/status`
 * @param {any[]} windows findings, oldest first
 */
export function showQuality(panel, { quality }, windows) {
  const holder = /** @type {HTMLElement} */ (panel.querySelector('.body') ?? panel.appendChild(element('div', { class: 'body' })));
  const estimates = windows.flatMap((finding) =>
    finding.estimate === null || finding.detector !== 'performance' ? [] : [finding.estimate],
  );
  redraw(holder, [quality, estimates], () => {
    /** @type {Element[]} */
    const parts = [element('div', { class: 'figures' }, estimated(quality.estimate), measured(quality.measured))];
    if (estimates.length > 1) {
      parts.push(bandChart(estimates));
      parts.push(
        element('p', { class: 'quiet' }, `estimates of the last ${estimates.length} windows with their bounds; dashed: the reference`),
      );
    }
    return parts;
  });
}

/** @param {any} estimate */
function estimated(estimate) {
  if (estimate === null) return block('Estimated', 'not yet', 'without labels, a trained predictor gives an estimate for each window');
  return block(
    `Estimated ${estimate.metric}`,
    figure(estimate.value),
    `between ${figure(estimate.low)} and ${figure(estimate.high)}; reference ${figure(estimate.reference)}`,
  );
}

/** @param {any} measured */
function measured(measured) {
  if (measured === null || measured.accuracy === null) return block('Measured', 'no labels', 'post labels to /v1/feedback to measure');
  return block(
    'Measured accuracy',
    figure(measured.accuracy),
    `newest window with labels: ${count(measured.labelled)} of ${count(measured.rows)} rows have one`,
  );
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string} note
 */
function block(name, value, note) {
  return element(
    'div',
    {},
    element('p', { class: 'name' }, name),
    element('p', { class: 'large figure' }, value),
    element('p', { class: 'quiet' }, note),
  );
}
