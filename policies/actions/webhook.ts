/**
 * Posts a signed event to a receiver: a notice of an alert, or a request to retrain.
 *
 * What an answer means follows Standard Webhooks: 2xx ends it; 410 ends it and the whole action; 429, 5xx and silence are tried
 * again, no sooner than `Retry-After` says; a redirect and every other 4xx are failures, since trying again would change nothing.
 * The `webhook-id` stays the same over all attempts, so a receiver can drop what it has seen.
 */
import { type ActionResult, type ActionTools, defineAction } from '../../contracts/action.ts';
import type { ActionPolicy } from '../../contracts/policy.ts';
import { plain } from '../figures.ts';
import { RefusedAddress } from './dialled.ts';
import { alertmanager, CLOUDEVENTS_TYPE, cloudEvent, JSON_TYPE } from './bodies.ts';
import { type PostAnswer, post } from './post.ts';
import { readKeys, signedHeaders } from './signature.ts';

type WebhookPolicy = Extract<ActionPolicy, { type: 'webhook' }>;

const LONGEST_WAIT_MS = 86_400_000;
const SHORTEST_WAIT_MS = 1000;
const RESULT_LENGTH = 200;

export const webhook = defineAction({
  type: 'webhook',
  summary: 'Posts a signed CloudEvents or Alertmanager body to a URL; retried until the receiver has it.',
  prepare: (action, alert, context) => {
    const request = { action: action.name, purpose: action.purpose, alert, context };
    return action.format === 'cloudevents' ? cloudEvent(request) : alertmanager(request);
  },
  perform: async (action, decision, tools) => {
    // The payload is what `prepare` made.
    const body = String(decision.payload);
    const keys = keysOf(action, tools.secret);
    if (typeof keys === 'string') return { kind: 'retry', reason: keys, afterMs: null };
    try {
      const answer = await post({
        url: action.url,
        // The body decides, not today's policy: it may be older than that.
        headers: {
          'content-type': body.startsWith('{"specversion"') ? CLOUDEVENTS_TYPE : JSON_TYPE,
          ...signedHeaders(decision.id, tools.now(), body, keys),
        },
        body,
        allowPrivate: action.allowPrivate,
        timeoutMs: action.timeoutMs,
        signal: tools.signal,
      });
      return judge(answer, tools.now());
    } catch (error) {
      const reason = error instanceof Error ? plain(error.message, RESULT_LENGTH) : 'unknown failure';
      return error instanceof RefusedAddress ? { kind: 'failed', reason } : { kind: 'retry', reason, afterMs: null };
    }
  },
});

/** A line for each action for which nothing can be signed at present. */
export function signingFaults(actions: readonly ActionPolicy[], secretOf: ActionTools['secret']): string[] {
  return actions.flatMap((action) => {
    const keys = action.type === 'webhook' ? keysOf(action, secretOf) : [];
    return typeof keys === 'string' ? [`action ${action.name}: ${keys}; until it is, what it sends waits`] : [];
  });
}

/** Keys to sign with, none when the policy names no secret, or in words why there are none. */
function keysOf(action: WebhookPolicy, secretOf: ActionTools['secret']): readonly Buffer[] | string {
  if (action.secretRef === null) return [];
  const secret = secretOf(action.secretRef);
  // Not a failure for good: a secret that is mounted late or mended counts at the next attempt.
  if (secret === null) return `secret ${action.secretRef} is not configured`;
  return readKeys(secret) ?? `secret ${action.secretRef} is not whsec_ and the base64 of 24 to 64 bytes`;
}

function judge({ status, retryAfter, start }: PostAnswer, now: number): ActionResult {
  const said = plain(start.trim(), RESULT_LENGTH);
  const text = said === '' ? `HTTP ${status}` : `HTTP ${status}: ${said}`;
  if (status >= 200 && status < 300) return { kind: 'done', result: text };
  if (status === 410) return { kind: 'failed', reason: text, disable: true };
  if (status === 429 || status >= 500) return { kind: 'retry', reason: text, afterMs: waitOf(retryAfter, now) };
  return { kind: 'failed', reason: status >= 300 && status < 400 ? `HTTP ${status}: redirects are not followed` : text };
}

/** `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), kept between a second and a day. */
function waitOf(header: string | null, now: number): number | null {
  if (header === null) return null;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? null : Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, ms));
}
