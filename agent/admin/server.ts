/**
 * The admin port: probes, metrics, the JSON API under `/v1`, live events, and the page.
 */
import type { EventEmitter } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';
import fastify from 'fastify';
import type { Alert, Decision } from '../../contracts/alert.ts';
import { ConfigError } from '../../contracts/errors.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { DriftlineRecord, Feedback } from '../../contracts/record.ts';
import type { Status } from '../status.ts';
import type { StoreReader } from '../store/read.ts';
import { guardAccess } from './access.ts';
import { FEEDBACK_BODY_BYTES, FEEDBACK_LINES, readFeedback } from './feedback-body.ts';
import { metricsWriter } from './metrics.ts';

/** What the admin port is made of; `agent/build.ts` hands it over. */
export interface AdminDeps {
  readonly listen: { readonly host: string; readonly port: number };
  readonly token: string | null;
  readonly reader: StoreReader;
  readonly status: () => Status;
  /** Whether predictions are served: the model server can be reached, or the fallback answers, and nothing is draining. */
  readonly ready: () => { readonly ready: boolean; readonly why: string };
  /** Resolves when the lines are committed. */
  readonly feedback: (lines: readonly Feedback[]) => Promise<void>;
  readonly route: (to: string) => Promise<{ readonly before: string; readonly after: string }>;
  readonly policyText: () => string;
  readonly explain: (alert: Alert) => string;
  /** Emits `committed` when there is something new to show. */
  readonly changes: EventEmitter<{ committed: [] }>;
}

export interface Admin {
  readonly address: { readonly host: string; readonly port: number };
  close(): Promise<void>;
}

// Compiled code lies in dist/agent/admin, the page stays where its sources are.
const PAGE_FOLDER = ['../page', '../../../agent/page']
  .map((folder) => path.join(path.dirname(fileURLToPath(import.meta.url)), folder))
  .find((folder) => existsSync(folder));
const MOST_ITEMS = 1_000;
/** An id of 128 characters, each percent-encoded. */
const LONGEST_PARAM = 3 * 128;
/** Browsers that may follow live at once. */
const MOST_FOLLOWERS = 32;
const DEFAULT_ITEMS = 100;
/** The page is told of changes at most so often. */
const LIVE_MS = 1_000;

/** @throws ConfigError `port-in-use` with a remedy. */
export async function openAdmin(deps: AdminDeps): Promise<Admin> {
  const app = fastify({
    logger: false,
    routerOptions: { maxParamLength: LONGEST_PARAM },
    bodyLimit: FEEDBACK_BODY_BYTES,
    forceCloseConnections: true,
  });
  // Bodies stay text: feedback decides line by line what is readable.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  guardAccess(app, { token: deps.token, hosts: [deps.listen.host.toLowerCase()] });
  app.setErrorHandler((error: { statusCode?: number; message?: string }, _request, reply) => {
    const status = error.statusCode ?? 500;
    reply
      .code(status)
      .send({ error: status === 413 ? `the body is larger than ${FEEDBACK_BODY_BYTES} bytes` : (error.message ?? 'failed') });
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `nothing at ${request.method} ${request.url.split('?', 1)[0]}` }),
  );

  probes(app, deps);
  lists(app, deps);
  writes(app, deps);
  live(app, deps);
  if (PAGE_FOLDER !== undefined) await app.register(fastifyStatic, { root: PAGE_FOLDER, index: 'index.html', cacheControl: false });

  try {
    await app.listen({ host: deps.listen.host, port: deps.listen.port });
  } catch (cause) {
    await app.close();
    const { host, port } = deps.listen;
    const code = cause instanceof Error && 'code' in cause ? cause.code : null;
    const [name, why] = code === 'EADDRINUSE' ? ['port-in-use', 'is in use'] : ['cannot-listen', `cannot be opened (${code})`];
    throw new ConfigError(name!, `admin port ${host}:${port} ${why}; choose another HOST:PORT with --admin`, [], cause);
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : deps.listen.port;
  return { address: { host: deps.listen.host, port }, close: () => app.close() };
}

function probes(app: FastifyInstance, deps: AdminDeps): void {
  const metrics = metricsWriter(() => ({ status: deps.status(), signals: deps.reader.monitors().map((row) => row.shown) }));
  app.get('/livez', async () => ({ live: true }));
  app.get('/readyz', async (_request, reply) => {
    const { ready, why } = deps.ready();
    return reply.code(ready ? 200 : 503).send({ ready, why });
  });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.write()));
}

type Query = { readonly limit?: string; readonly after?: string; readonly last?: string };

function lists(app: FastifyInstance, deps: AdminDeps): void {
  const { reader } = deps;
  app.get('/v1/status', async () => deps.status());
  app.get('/v1/verdict', async () => deps.status().verdict);
  app.get('/v1/signals', async () => ({ items: reader.monitors().map((row) => row.shown), next: null }));
  app.get('/v1/routes', async () => {
    const { route, upstreams, fallback } = deps.status().proxy;
    return { active: route, upstreams, fallback };
  });
  app.get('/v1/policy', async (_request, reply) => reply.type('text/yaml; charset=utf-8').send(deps.policyText()));
  app.get<{ Querystring: Query }>('/v1/windows', async (request, reply) => list<Finding>(request.query, reply, reader, 'windows'));
  app.get<{ Querystring: Query }>('/v1/alerts', async (request, reply) => list<Alert>(request.query, reply, reader, 'alerts'));
  app.get<{ Querystring: Query }>('/v1/decisions', async (request, reply) => list<Decision>(request.query, reply, reader, 'decisions'));
  app.get<{ Querystring: Query & { readonly fromRow?: string; readonly held?: string } }>('/v1/records', async (request, reply) =>
    page(request.query, reply, (after, limit) => {
      // A retraining pipeline begins at a row and follows `next` from there.
      const { fromRow, held = 'false' } = request.query;
      if (fromRow !== undefined && !/^\d+$/.test(fromRow)) return reply.code(400).send({ error: 'fromRow must be a whole number from 0' });
      if (held !== 'true' && held !== 'false') return reply.code(400).send({ error: 'held must be true or false' });
      const first = fromRow === undefined ? 0 : reader.placeOfRow(Number(fromRow));
      const { items, next } = reader.page<DriftlineRecord>('records', Math.max(after, first), limit, held === 'true');
      return { items: items.map((record) => ({ ...record, feedback: reader.feedbackOf(record.id) })), next };
    }),
  );
  app.get<{ Params: { id: string } }>('/v1/records/:id', async (request, reply) => {
    const record = reader.record(request.params.id);
    if (record === null) return reply.code(404).send({ error: 'no record of this id; it may have expired' });
    return { ...record, feedback: reader.feedbackOf(record.id) };
  });
  app.get<{ Params: { id: string } }>('/v1/alerts/:id', async (request, reply) => {
    const alert = reader.alert(request.params.id);
    if (alert === null) return reply.code(404).send({ error: 'no alert of this id' });
    return { ...alert, decisions: reader.decisionsOf(alert.id), text: deps.explain(alert) };
  });
}

/** `?limit=&after=` from the oldest on, or `?last=N`: the newest N, these too in the order of writing. */
function list<T>(query: Query, reply: FastifyReply, reader: StoreReader, table: 'windows' | 'alerts' | 'decisions'): unknown {
  if (query.last === undefined) return page(query, reply, (after, limit) => reader.page<T>(table, after, limit));
  const last = Number(query.last);
  if (!Number.isInteger(last) || last < 1 || last > MOST_ITEMS) return reply.code(400).send({ error: `last must be 1 … ${MOST_ITEMS}` });
  return { items: reader.newest<T>(table, last), next: null };
}

function page<T>(query: Query, reply: FastifyReply, read: (after: number, limit: number) => T): T | FastifyReply {
  const limit = query.limit === undefined ? DEFAULT_ITEMS : Number(query.limit);
  const after = query.after === undefined ? 0 : Number(query.after);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_ITEMS)
    return reply.code(400).send({ error: `limit must be 1 … ${MOST_ITEMS}` });
  if (!Number.isInteger(after) || after < 0) return reply.code(400).send({ error: 'after must be what `next` gave' });
  return read(after, limit);
}

function writes(app: FastifyInstance, deps: AdminDeps): void {
  app.post('/v1/feedback', async (request, reply) => {
    const { accepted, rejected } = readFeedback(String(request.body ?? ''), Date.now());
    if (accepted.length + rejected.length > FEEDBACK_LINES)
      return reply.code(413).send({ error: `more than ${FEEDBACK_LINES} lines; send them in several calls` });
    if (accepted.length === 0) {
      return reply.code(400).send({ accepted: 0, rejected: rejected.length > 0 ? rejected : [{ line: 1, reason: 'the body is empty' }] });
    }
    try {
      await deps.feedback(accepted);
    } catch (error) {
      return reply.code(503).send({ error: error instanceof Error ? error.message : String(error) });
    }
    return reply.code(202).send({ accepted: accepted.length, rejected });
  });
  app.post('/v1/routes', async (request, reply) => {
    let to: unknown;
    try {
      to = JSON.parse(String(request.body ?? '')).active;
    } catch {
      to = undefined;
    }
    if (typeof to !== 'string') return reply.code(400).send({ error: 'send {"active": "<upstream or fallback>"}' });
    try {
      return await deps.route(to);
    } catch (error) {
      return reply.code(400).send({ error: error instanceof Error ? error.message : String(error) });
    }
  });
}

/** Server-sent events: `changed` whenever the store holds more, no faster than the page can use. */
function live(app: FastifyInstance, deps: AdminDeps): void {
  let followers = 0;
  app.get('/v1/events', (request, reply) => {
    if (followers >= MOST_FOLLOWERS) return reply.code(503).send({ error: `${MOST_FOLLOWERS} followers are connected already` });
    followers++;
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    raw.write('retry: 2000\n\nevent: changed\ndata: {}\n\n');
    let pending: NodeJS.Timeout | null = null;
    const tell = () => {
      pending ??= setTimeout(() => {
        pending = null;
        // A reader that does not keep up is told later: what it misses it reads anew anyway.
        if (!raw.writableNeedDrain) raw.write('event: changed\ndata: {}\n\n');
      }, LIVE_MS);
    };
    deps.changes.on('committed', tell);
    let stopped = false;
    const stop = () => {
      if (stopped) return;
      stopped = true;
      followers--;
      deps.changes.off('committed', tell);
      if (pending !== null) clearTimeout(pending);
    };
    request.raw.on('close', stop);
    raw.on('error', stop);
  });
}
