/**
 * Stands in for a retraining pipeline: takes signed webhooks, verifies them as Standard Webhooks says, and keeps what it was asked.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import type { JsonObject } from '../../contracts/json.ts';

const TOLERANCE_SECONDS = 300;

export interface ReceivedCall {
  readonly id: string;
  readonly verified: boolean;
  readonly body: JsonObject;
}

export interface Receiver {
  readonly url: string;
  readonly calls: readonly ReceivedCall[];
  close(): Promise<void>;
}

/** @param secret `whsec_…` @param onCall told of each call as it comes */
export async function openReceiver(secret: string, onCall: (call: ReceivedCall) => void): Promise<Receiver> {
  const calls: ReceivedCall[] = [];
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const id = String(request.headers['webhook-id'] ?? '');
      const at = String(request.headers['webhook-timestamp'] ?? '');
      const verified = verify(key, { id, at, text, signatures: String(request.headers['webhook-signature'] ?? '') });
      response.writeHead(verified ? 202 : 401).end();
      const call = { id, verified, body: verified ? JSON.parse(text) : {} };
      calls.push(call);
      onCall(call);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A listening TCP server has an address with a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/retrain`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, one of several signatures suffices, old calls are refused. */
function verify(key: Buffer, call: { id: string; at: string; text: string; signatures: string }): boolean {
  if (Math.abs(Date.now() / 1000 - Number(call.at)) > TOLERANCE_SECONDS) return false;
  const expected = createHmac('sha256', key).update(`${call.id}.${call.at}.${call.text}`).digest();
  return call.signatures.split(' ').some((signature) => {
    const [version, value = ''] = signature.split(',');
    const given = Buffer.from(value, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
}
