/**
 * What a sampling rate means, for `driftline check`: what is kept, what is watched, and how long a window then takes.
 */
import type { KeepAlways, Policy } from '../contracts/policy.ts';
import { duration, figure, share } from '../policies/figures.ts';
import { rateOf } from './calibration/window-rows.ts';

const WORDS: { readonly [K in KeepAlways]: string } = {
  schema_violation: 'breaches of the schema',
  upstream_error: 'upstream errors',
  has_feedback: 'what gets feedback',
};

/** One line, without a full stop. */
export function samplingInWords(policy: Policy): string {
  const { rate, keepAlways } = policy.traffic.sampling;
  if (rate === 1) return 'every call';
  const part = `${share(rate)} of the calls`;
  if (keepAlways.length > 0) {
    const always = keepAlways.map((what) => WORDS[what]).join(', ');
    const until = keepAlways.includes('has_feedback')
      ? `${duration(Math.min(policy.feedback.ttlMs, policy.retention.eventsMs))} for feedback`
      : 'until their window has ended';
    return `${part}, and always ${always}; all are watched, so windows and power are those of rate 1; the others are held ${until}`;
  }
  if (rate === 0) return 'no call, and none is watched';
  return `${part}, and only these are watched: ${windowTakes(policy)}`;
}

function windowTakes(policy: Policy): string {
  const { traffic, window, minSamples } = policy;
  const perMs = rateOf(policy, null);
  const { spanMs = null } = window;
  if (spanMs === null) {
    const calls = `a window of ${figure(window.rows)} rows takes ${figure(Math.round(window.rows / traffic.sampling.rate))}`;
    return perMs === null ? calls : `${calls}, ${duration(window.rows / perMs)} of them as expected`;
  }
  if (perMs === null) return `a window of ${duration(spanMs)} has so much fewer rows`;
  const rows = Math.round(perMs * spanMs);
  const enough = rows < minSamples ? `, fewer than the ${figure(minSamples)} of minSamples: it is never judged` : '';
  return `a window of ${duration(spanMs)} has ${figure(rows)} rows of the ${figure(Math.round(rows / traffic.sampling.rate))} expected${enough}`;
}
