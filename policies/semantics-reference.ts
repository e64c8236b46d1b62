/**
 * Checks of windows and of what they are compared with.
 */
import { parseDuration } from './durations.ts';
import { at } from './mistakes.ts';
import { checkLongest, type Inspection } from './semantics.ts';
import { checkFile } from './semantics-files.ts';
import { remedyFor } from './suggest.ts';

const REFERENCE = ['spec', 'reference'];
const WINDOW = ['spec', 'window'];
/** Each step of a sliding window is a judgement of all its rows. */
const MOST_STEPS = 100;
const HOUR_MS = 3_600_000;

/** Checks `spec.reference`. */
export function checkReference(inspection: Inspection): void {
  const { reference, retention, traffic } = inspection.document.spec ?? {};
  if (reference?.path !== undefined) checkFile(inspection, [...REFERENCE, 'path'], reference.path);
  for (const [version, file] of Object.entries(reference?.versions ?? {}))
    if (file !== undefined) checkFile(inspection, [...REFERENCE, 'versions', version], file);
  // Until it is whole, a restart learns it again from the records.
  if (retention?.events !== undefined)
    checkLongest(inspection, [...REFERENCE, 'learn', 'minAge'], reference?.learn?.minAge, retention.events);
  const upstreams = Object.keys(traffic?.upstreams ?? {}).filter((name) => name !== 'fallback');
  const of = reference?.of;
  if (of === undefined || upstreams.length === 0) return;
  if (!upstreams.includes(of))
    inspection.mistake(
      [...REFERENCE, 'of'],
      `there is no upstream \`${of}\` — ${remedyFor(of, upstreams, 'add it to `traffic.upstreams`')}`,
    );
  else if (upstreams.length === 1)
    inspection.mistake(
      [...REFERENCE, 'of'],
      `\`${of}\` is the only upstream: nothing would be compared with it — add another, or use traffic`,
    );
}

/** Checks `spec.window`, `spec.minSamples` and `spec.seasonality`. */
export function checkWindow(inspection: Inspection): void {
  const { window, minSamples, retention, seasonality } = inspection.document.spec ?? {};
  const has = (key: string) => at(inspection.written, [...WINDOW, key]) !== undefined;
  if (has('span')) {
    for (const key of ['rows', 'maxAge'])
      if (has(key))
        inspection.mistake(
          [...WINDOW, key],
          `\`${key}\` does not go with \`span\`: a window has a length in rows or in time — remove one`,
          'key',
        );
  } else if (minSamples !== undefined && window?.rows !== undefined && minSamples > window.rows) {
    inspection.mistake(
      ['spec', 'minSamples'],
      `is ${minSamples}, more than the window’s ${window.rows} rows: nothing would ever be judged — lower it`,
    );
  }
  checkStep(inspection, has('span'));
  const longest = window?.span ?? window?.maxAge;
  if (longest === undefined) return;
  // After a restart the open window is put together from the records.
  for (const key of ['span', 'maxAge'] as const)
    if (retention?.events !== undefined) checkLongest(inspection, [...WINDOW, key], window?.[key], retention.events);
  if (window?.span !== undefined && parseDuration(window.span) < 1000)
    inspection.mistake([...WINDOW, 'span'], `is ${window.span} and must be at least 1s`);
  if (seasonality !== undefined && parseDuration(longest) > 24 * HOUR_MS)
    inspection.warning(
      ['spec', 'seasonality'],
      `a window of ${longest} covers many hours of the week, which evens out what differs between them`,
      'key',
    );
}

function checkStep(inspection: Inspection, isByTime: boolean): void {
  const { step, span, rows } = inspection.document.spec?.window ?? {};
  if (step === undefined) return;
  const wrong = (message: string) => inspection.mistake([...WINDOW, 'step'], message);
  if (isByTime !== (typeof step === 'string')) {
    wrong(
      isByTime
        ? `is ${step} rows, and the window has a \`span\` — write a duration`
        : `is \`${step}\`, and the window has \`rows\` — write a number of rows`,
    );
    return;
  }
  const [length, one] =
    typeof step === 'string' ? [span === undefined ? null : parseDuration(span), parseDuration(step)] : [rows ?? null, step];
  if (length === null) return;
  if (length % one !== 0)
    wrong(`is ${step}, and the window’s ${span ?? `${rows} rows`} are no multiple of it — choose a part of the window`);
  else if (length / one > MOST_STEPS) wrong(`is ${step}: a window has at most ${MOST_STEPS} steps — make it longer`);
}
