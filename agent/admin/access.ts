/**
 * Who may call the admin port. Reads are open on loopback; writes need the token when one is set, and everything needs it off loopback.
 *
 * Without the token, Host is checked against DNS rebinding and Sec-Fetch-Site against other sites' pages; there is no CORS.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Paths that probes and scrapers reach without a token. */
const OPEN_PATHS = new Set(['/livez', '/readyz', '/metrics']);

const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Puts the checks before every route of the admin port. */
export function guardAccess(app: FastifyInstance, options: { readonly token: string | null; readonly hosts: readonly string[] }): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
    reply.header('cache-control', 'no-store');
    const path = request.url.split('?', 1)[0] ?? '';
    if (OPEN_PATHS.has(path)) return;
    // Whoever shows the token is no page of another site, and may know us by any name: a Service's, a pod's address.
    if (options.token !== null && bearer(request, options.token)) return;
    const isLocal = isLoopback(request);
    const missing = () =>
      options.token === null
        ? refuse(reply, 403, 'set DRIFTLINE_ADMIN_TOKEN to allow this call from off the machine')
        : refuse(reply, 401, 'send `authorization: Bearer <DRIFTLINE_ADMIN_TOKEN>`');
    if (!isLocal) return missing();
    if (!isKnownHost(request.headers.host, options.hosts)) {
      return refuse(reply, 421, `unknown Host ${request.headers.host ?? '(none)'}; call the admin port by the address it listens on`);
    }
    const site = request.headers['sec-fetch-site'];
    const isWrite = request.method !== 'GET' && request.method !== 'HEAD';
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && (isWrite || request.headers['sec-fetch-mode'] !== 'navigate')) {
      return refuse(reply, 403, 'requests from pages of another origin are refused');
    }
    if (isWrite && options.token !== null) return missing();
  });
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error });
}

function isLoopback(request: FastifyRequest): boolean {
  const address = request.socket.remoteAddress ?? '';
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

function isKnownHost(host: string | undefined, hosts: readonly string[]): boolean {
  if (host === undefined) return false;
  const name = host.replace(/:\d+$/, '').toLowerCase();
  return name === 'localhost' || name === '[::1]' || /^127(\.\d+){3}$/.test(name) || hosts.includes(name);
}

/** Compares hashes, so that neither length nor prefix shows in the time it takes. */
function bearer(request: FastifyRequest, token: string): boolean {
  const given = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined) return false;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
