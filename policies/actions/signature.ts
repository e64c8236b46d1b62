/**
 * Standard Webhooks signatures: HMAC-SHA256 over `id.timestamp.body`, one for each secret, so that secrets can be rotated.
 *
 * Source: Standard Webhooks specification, "Signature scheme"; secrets are `whsec_` and the base64 of 24 to 64 bytes.
 */
import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/**
 * Reads one secret, or several apart by spaces, commas or line ends (newest first).
 *
 * @returns null when there is none, or one of them is malformed
 */
export function readKeys(text: string): readonly Buffer[] | null {
  const secrets = text.split(/[\s,]+/).filter((part) => part !== '');
  const keys: Buffer[] = [];
  for (const secret of secrets) {
    const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
    const key = Buffer.from(encoded, 'base64');
    // Node skips what is not base64, so the text is written again and compared.
    if (key.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) return null;
    if (key.length < 24 || key.length > 64) return null;
    keys.push(key);
  }
  return keys.length === 0 ? null : keys;
}

/** The three headers of one attempt. `at` is in milliseconds; the header has whole seconds. */
export function signedHeaders(id: string, at: number, body: string, keys: readonly Buffer[]): { [header: string]: string } {
  const timestamp = String(Math.floor(at / 1000));
  const sign = (key: Buffer): string => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': keys.map(sign).join(' ') };
}
