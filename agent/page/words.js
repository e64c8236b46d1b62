/**
 * Figures, times and states in words. A state is always a sign and a word, never a colour alone.
 */

/** @typedef {'ok' | 'warning' | 'drift' | 'critical' | 'info' | 'quiet'} Tone `critical` is kept for what the policy calls so */
/** @typedef {{ tone: Tone, sign: string, word: string }} Word */

/** @type {{ [verdict: string]: Word }} */
const VERDICTS = {
  ok: { tone: 'ok', sign: '✓', word: 'OK' },
  warning: { tone: 'warning', sign: '▲', word: 'Warning' },
  critical: { tone: 'critical', sign: '■', word: 'Critical' },
  insufficient: { tone: 'quiet', sign: '○', word: 'Not judged yet' },
};

/** @type {{ [level: string]: Word }} */
const LEVELS = {
  drift: { tone: 'drift', sign: '◆', word: 'drift' },
  warning: { tone: 'warning', sign: '▲', word: 'warning' },
  stable: { tone: 'ok', sign: '✓', word: 'stable' },
  insufficient: { tone: 'quiet', sign: '○', word: 'too little data' },
  'warming-up': { tone: 'quiet', sign: '○', word: 'warming up' },
};

/** @type {{ [severity: string]: Word }} */
const SEVERITIES = {
  critical: { tone: 'critical', sign: '■', word: 'critical' },
  warning: { tone: 'warning', sign: '▲', word: 'warning' },
  info: { tone: 'info', sign: '●', word: 'info' },
};

/** @type {{ [state: string]: Word }} */
const DECISIONS = {
  done: { tone: 'ok', sign: '✓', word: 'done' },
  withheld: { tone: 'warning', sign: '▲', word: 'withheld' },
  failed: { tone: 'critical', sign: '■', word: 'failed' },
  queued: { tone: 'quiet', sign: '○', word: 'waiting' },
};

/** @type {{ [reason: string]: string }} */
const REASONS = {
  schema_violation: 'a schema alert is firing; new data would teach the fault',
  maxPerDay: 'the quota for a day is used up',
  cooldown: 'the last one is too recent',
  dryRun: 'the policy says dry run',
};

/** @param {string} verdict */
export const verdictWord = (verdict) => wordOf(VERDICTS, verdict);
/** @param {string} level */
export const levelWord = (level) => wordOf(LEVELS, level);
/** @param {string} severity */
export const severityWord = (severity) => wordOf(SEVERITIES, severity);
/** @param {string} state */
export const decisionWord = (state) => wordOf(DECISIONS, state);
/** @param {string} reason */
export const reasonWords = (reason) => REASONS[reason] ?? reason;

/**
 * A signal, and the slice of the rows where it is about one.
 *
 * @param {string} signal
 * @param {string | null | undefined} slice
 */
export const inSlice = (signal, slice) => (slice ? `${signal} in ${slice}` : signal);

/** Worst first. */
export const LEVEL_ORDER = Object.keys(LEVELS);

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** @param {number} value `12,345` */
export function count(value) {
  return whole.format(value);
}

/** @param {number} value three digits that say something: `0.213`, `12.4`, `1,240` */
export function figure(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000) return count(value);
  if (size < 0.001) return value > 0 ? '< 0.001' : '> -0.001';
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** @param {number} value in [0, 1] */
export function percent(value) {
  const hundred = value * 100;
  return `${hundred === 0 || hundred === 100 ? hundred : hundred.toFixed(hundred < 0.1 ? 2 : 1)} %`;
}

/** @param {number} ms `2 h 22 min` */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days ${hours % 24} h`;
}

/** @param {number} at `15:42:07 UTC` */
export function clock(at) {
  return `${new Date(at).toISOString().slice(11, 19)} UTC`;
}

/**
 * The time of day, with the date when that is another one.
 *
 * @param {number} at
 * @param {number} now
 */
export function instant(at, now) {
  const iso = new Date(at).toISOString();
  const day = iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10) ? '' : `${iso.slice(0, 10)} `;
  return `${day}${iso.slice(11, 19)} UTC`;
}

/**
 * @param {{ [word: string]: Word }} words
 * @param {string} key
 * @returns {Word}
 */
function wordOf(words, key) {
  return Object.hasOwn(words, key) ? words[key] : { tone: 'quiet', sign: '○', word: key };
}
