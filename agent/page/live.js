/**
 * Reading the admin API, and being told when there is something new to read.
 */

/** The page asks for everything at most so often. */
const EVERY_MS = 1_000;
/** Without any event it asks all the same, so that a rate falls to zero when nothing comes any more. */
const IDLE_MS = 10_000;
const RETRY_MS = 5_000;

/**
 * @param {string} path
 * @returns {Promise<any>} JSON
 * @throws Error with the answer's own words when it is not a 2xx
 */
export async function read(path) {
  const response = await fetch(path, { headers: { accept: 'application/json' }, cache: 'no-store' });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(`${path} answered ${response.status}${body?.error === undefined ? '' : `: ${body.error}`}`);
  return body;
}

/**
 * Runs `load` at each `changed` event, one run at a time, and at least a second apart.
 *
 * @param {() => Promise<void>} load never rejects
 * @param {(state: 'live' | 'reconnecting') => void} tell
 */
export function follow(load, tell) {
  let isRunning = false;
  let isDue = false;
  let lastAt = Number.NEGATIVE_INFINITY;
  /** @type {number | undefined} */
  let timer;

  const ask = () => {
    isDue = true;
    if (isRunning) return;
    clearTimeout(timer);
    timer = setTimeout(run, Math.max(0, lastAt + EVERY_MS - performance.now()));
  };
  const run = async () => {
    isRunning = true;
    isDue = false;
    lastAt = performance.now();
    await load();
    isRunning = false;
    if (isDue) ask();
    else timer = setTimeout(run, IDLE_MS);
  };
  const listen = () => {
    const source = new EventSource('/v1/events');
    source.addEventListener('changed', ask);
    source.addEventListener('open', () => tell('live'));
    source.addEventListener('error', () => {
      tell('reconnecting');
      // The browser comes back by itself after a lost connection, but not after an answer it cannot use.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
    });
  };
  listen();
  ask();
}
