/**
 * The page: reads the admin API whenever something has changed, and hands each part what it shows.
 */
import { showAlerts } from './alerts.js';
import { showDecisions } from './decisions.js';
import { byId, element, keyed, redraw, setText } from './elements.js';
import { showHealth } from './health.js';
import { follow, read } from './live.js';
import { showQuality } from './quality.js';
import { showSignals } from './signals.js';
import { firstSteps } from './start.js';
import { showVerdict } from './verdict.js';
import { clock, count, instant, verdictWord } from './words.js';

const LISTED = 50;
const WINDOWS_EACH = 24;
const MOST_WINDOWS = 1_000;
const NOTICES = 5;

/** The window findings as last read, and what they were read for: they change only when a window closes. */
let windows = { of: '', items: /** @type {any[]} */ ([]) };
/** How far the server's clock is ahead of the browser's, in milliseconds; null before the first answer. */
let ahead = /** @type {number | null} */ (null);

async function load() {
  try {
    const [status, signals, alerts, decisions] = await Promise.all([
      read('/v1/status'),
      read('/v1/signals'),
      read(`/v1/alerts?last=${LISTED}`),
      read(`/v1/decisions?last=${LISTED}`),
    ]);
    const wanted = Math.min(MOST_WINDOWS, Math.max(1, signals.items.length) * WINDOWS_EACH);
    const of = `${status.startedAt} ${status.rows.windows} ${wanted}`;
    if (windows.of !== of) windows = { of, items: (await read(`/v1/windows?last=${wanted}`)).items };
    show(status, signals.items, alerts.items, decisions.items);
    byId('trouble').hidden = true;
  } catch (error) {
    setText(byId('trouble'), `The figures could not be read, what is shown may be old: ${error instanceof Error ? error.message : error}`);
    byId('trouble').hidden = false;
  }
  byId('main').hidden = false;
}

/**
 * @param {any} status
 * @param {any[]} signals
 * @param {any[]} alerts
 * @param {any[]} decisions
 */
function show(status, signals, alerts, decisions) {
  ahead = status.now - Date.now();
  showHeader(status);
  showHealth(byId('health'), status);
  showVerdict(byId('verdict'), status);
  showQuality(byId('quality'), status, windows.items);
  showStart(status);
  setText(byId('signals-count'), signals.length === 0 ? '' : `${count(signals.length)} watched`);
  showSignals(byId('signals'), signals, windows.items, waiting(status));
  setText(
    byId('alerts-count'),
    alerts.length === 0 ? '' : `${alerts.length === LISTED ? `the newest ${LISTED}` : count(alerts.length)}, newest first`,
  );
  showAlerts(byId('alerts'), alerts, status.now);
  setText(byId('decisions-count'), decisions.length === 0 ? '' : 'newest first');
  showDecisions(byId('decisions'), decisions, status.now);
  showNotices(status);
}

/** @param {any} status */
function showHeader({ model, policy, verdict, version, startedAt, now }) {
  const name = model.version === null ? model.name : `${model.name} version ${model.version}`;
  setText(byId('model'), name);
  const broken = policy.lastError === null ? '' : `, the changed file is broken and not in use: ${policy.lastError}`;
  setText(byId('policy'), `policy ${policy.name}@${policy.hash.slice(0, 8)}${broken}`);
  byId('policy').classList.toggle('warning', broken !== '');
  setText(byId('version'), `driftline ${version}, running since ${instant(startedAt, now)}`);
  document.title = `${verdictWord(verdict.verdict).word} – ${model.name} – driftline`;
}

/** @param {any} status */
function showStart({ proxy, accounting }) {
  const panel = byId('start');
  panel.hidden = (proxy.counters.requests ?? 0) + accounting.accepted > 0;
  if (!panel.hidden) redraw(panel, proxy.address, () => firstSteps({ dataAddress: proxy.address, adminOrigin: location.origin }));
}

/** @param {any} status */
function waiting({ accounting, reference }) {
  if (accounting.accepted === 0) return 'No signal yet: they are found in the first predictions that come through.';
  if (!reference.ready) return 'No signal yet: what is normal is still being learned from the first rows.';
  return 'No signal yet: the first window is still filling.';
}

/** @param {any} status */
function showNotices({ notices }) {
  byId('notices').hidden = notices.length === 0;
  keyed(byId('notices-list'), notices.slice(-NOTICES).reverse(), {
    key: (notice) => notice,
    create: (notice) => element('li', {}, notice),
    update: () => {},
  });
}

function tick() {
  if (ahead === null) return;
  const at = Date.now() + ahead;
  setText(byId('clock'), clock(at));
  byId('clock').setAttribute('datetime', new Date(at).toISOString());
}

setInterval(tick, 1_000);
follow(
  async () => {
    await load();
    tick();
  },
  (state) => {
    byId('live').dataset.state = state;
    setText(byId('live'), state === 'live' ? '● live' : '○ reconnecting');
  },
);
