/**
 * The health row: what came, who answered, what failed, what was kept, and whether the parts around it work.
 */
import { element, keyed, setText } from './elements.js';
import { count, figure, percent } from './words.js';

/** Rates are taken over so much of the past. */
const RATE_MS = 10_000;

/** @typedef {{ name: string, value: string, note: string, isBad: boolean }} Tile */

/** @type {{ at: number, startedAt: number, requests: number }[]} */
let samples = [];

/**
 * @param {HTMLElement} list
 * @param {any} status `/v1/status`
 */
export function showHealth(list, status) {
  keyed(list, tiles(status), {
    key: (tile) => tile.name,
    create: (tile) =>
      element(
        'div',
        { class: 'tile' },
        element('dt', {}, tile.name),
        element('dd', { class: 'value figure' }),
        element('dd', { class: 'note' }),
      ),
    update: (child, tile) => {
      child.classList.toggle('bad', tile.isBad);
      setText(child.children[1], `${tile.isBad ? '▲ ' : ''}${tile.value}`);
      setText(child.children[2], tile.note);
    },
  });
}

/**
 * @param {any} status
 * @returns {Tile[]}
 */
function tiles(status) {
  const { proxy, accounting, rows, exporters } = status;
  const { requests = 0, failed = 0 } = proxy.counters;
  const { 'sampled-out': sampledOut = 0, ...lost } = accounting.dropped;
  const dropped = total(lost);
  const undecoded = total(accounting.undecoded);
  const joined = accounting.feedback.joined ?? 0;
  const unjoined = Object.entries(accounting.feedback).filter(([fate, lines]) => fate !== 'joined' && Number(lines) > 0);
  return [
    { name: 'Requests', value: count(requests), note: rate(status), isBad: false },
    { name: 'Answered by', ...answeredBy(status) },
    {
      name: 'Failed calls',
      value: count(failed),
      note:
        failed > 0
          ? `${percent(failed / Math.max(1, requests))} of calls: ${reasons(proxy.counters)}`
          : requests === 0
            ? 'no call came yet'
            : 'every call was answered',
      isBad: failed > 0,
    },
    {
      name: 'Records',
      value: `${count(accounting.stored)} stored`,
      note: `${count(dropped)} dropped${dropped > 0 ? ` (${parts(lost)})` : ''}, ${sampling(sampledOut, accounting.held)}${undecoded > 0 ? `${count(undecoded)} not decoded (${parts(accounting.undecoded)})` : 'all decoded'}`,
      isBad: dropped > 0 || undecoded > 0,
    },
    { name: 'Watched', value: `${count(rows.observed)} rows`, note: windowsNote(status), isBad: false },
    {
      name: 'Labels',
      value: `${count(joined)} joined`,
      note:
        joined === 0 && unjoined.length === 0
          ? 'none came yet'
          : [
              `${percent(rows.observed === 0 ? 0 : Math.min(1, joined / rows.observed))} of rows`,
              ...unjoined.map(([fate, n]) => `${count(Number(n))} ${fate}`),
            ].join(', '),
      isBad: false,
    },
    { name: 'Exporters', ...exporting(exporters) },
    { name: 'Fallback', ...fallback(proxy) },
  ];
}

/** @param {any} status */
function rate({ now, startedAt, proxy }) {
  const requests = proxy.counters.requests ?? 0;
  // Counters begin anew with the process.
  samples = samples.filter((sample) => sample.startedAt === startedAt && sample.at >= now - RATE_MS);
  const first = samples[0];
  samples.push({ at: now, startedAt, requests });
  if (first === undefined || now - first.at < 500) return 'since the start';
  return `${figure(Math.max(0, (requests - first.requests) / ((now - first.at) / 1000)))} per second now`;
}

/** @param {any} status */
function answeredBy({ proxy, accounting }) {
  const answered = Object.entries(accounting.servedBy).filter(([name]) => name !== 'none');
  const byFallback = accounting.servedBy.fallback ?? 0;
  const others = answered.filter(([name]) => name !== proxy.route).map(([name, calls]) => `${count(Number(calls))} by ${name}`);
  return {
    value: `${proxy.route} ${count(accounting.servedBy[proxy.route] ?? 0)}`,
    note: others.length === 0 ? 'nobody else had to' : others.join(', '),
    isBad: proxy.route === 'fallback' || byFallback > 0,
  };
}

/**
 * @param {number} sampledOut
 * @param {number} held
 */
function sampling(sampledOut, held = 0) {
  if (sampledOut === 0 && held === 0) return '';
  return `${count(sampledOut)} left out by sampling${held > 0 ? `, ${count(held)} held` : ''}, `;
}

/** @param {any} status */
function windowsNote({ rows, reference }) {
  const windows = `${count(rows.windows)} ${rows.windows === 1 ? 'window' : 'windows'} closed`;
  return reference.ready ? `${windows}, reference from ${reference.source}` : `${windows}, still learning the reference`;
}

/** @param {any[]} exporters */
function exporting(exporters) {
  if (exporters.length === 0) return { value: 'none', note: 'none is set up in the policy', isBad: false };
  const down = exporters.filter((exporter) => !exporter.up);
  const dropped = exporters.reduce((sum, exporter) => sum + total(exporter.dropped), 0);
  const worst = down[0];
  return {
    value: `${exporters.length - down.length} of ${exporters.length} up`,
    note: worst
      ? `${worst.name}: ${worst.lastError ?? 'not reached'}, ${count(worst.queued)} waiting`
      : exporters.map((exporter) => `${exporter.name} ${count(exporter.delivered)} delivered`).join(', ') +
        (dropped > 0 ? `, ${count(dropped)} dropped` : ''),
    isBad: worst !== undefined || dropped > 0,
  };
}

/** @param {any} proxy */
function fallback(proxy) {
  if (proxy.fallback === 'none') return { value: 'none', note: 'an ONNX model in the policy would stand in', isBad: false };
  const stands = proxy.route === 'fallback' ? 'it answers all calls now' : 'it answers when the model server does not';
  return { value: proxy.fallback, note: stands, isBad: proxy.route === 'fallback' };
}

/** @param {{ [event: string]: number }} counters */
function reasons(counters) {
  const named = Object.entries(counters).filter(([event, calls]) => event.startsWith('failedBy.') && calls > 0);
  return named.map(([event, calls]) => `${count(calls)} ${event.slice('failedBy.'.length)}`).join(', ');
}

/** @param {{ [name: string]: number }} counts */
function total(counts) {
  return Object.values(counts).reduce((sum, value) => sum + value, 0);
}

/** @param {{ [name: string]: number }} counts */
function parts(counts) {
  return Object.entries(counts)
    .map(([name, value]) => `${count(value)} ${name}`)
    .join(', ');
}
