/**
 * Attempts at an upstream through undici: `parser: node`. Loaded only where a policy asks for it.
 *
 * Left out in comparison with our own connections: interim answers and a request's trailers.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { buildConnector, Client, type Dispatcher, Pool } from 'undici';
import type { Header } from '../contracts/exchange.ts';
import type { Attempt, AttemptRequest, AttemptUser, Transport } from './attempt.ts';
import { connectReason, type Destination } from './dial.ts';
import { prepareAnswer } from './forward.ts';
import { answerFraming, answerHead, flatPairs, splitFields } from './framing.ts';
import { type Limits, MAX_HEAD_BYTES, MAX_INTERIM_ANSWERS } from './limits.ts';
import { lasting } from './reading.ts';
import type { Reason } from './reasons.ts';
import { readPastWriteErrors } from './write-errors.ts';

/** Rewritten by undici, or not understood by it. */
const LEFT_TO_UNDICI = /^(transfer-encoding|expect)$/i;
const NO_TRAILERS: readonly Header[] = [];

/** The attempt that is calling `dispatch`, and whose each of undici's requests is: it tells only of these which connection they use. */
let dispatching: UndiciAttempt | null = null;
const attempts = new WeakMap<object, UndiciAttempt>();
/** The attempt that uses a connection, or used it last. */
const users = new WeakMap<Socket, UndiciAttempt>();
// The shapes are those of undici's documentation of its channels.
subscribe('undici:request:create', (message) => {
  if (dispatching !== null) attempts.set((message as { request: object }).request, dispatching);
});
subscribe('undici:client:sendHeaders', (message) => {
  const { request, socket } = message as { request: object; socket: Socket };
  const attempt = attempts.get(request);
  if (attempt === undefined) return;
  attempt.sendsOver(socket, users.has(socket));
  users.set(socket, attempt);
});

export class UndiciTransport implements Transport {
  readonly #upstream: Destination;
  readonly #report: (fault: unknown) => void;
  readonly #options: Client.Options;
  readonly #pool: Pool;

  constructor(upstream: Destination, limits: Limits, report: (fault: unknown) => void) {
    this.#upstream = upstream;
    this.#report = report;
    this.#options = {
      pipelining: 1,
      keepAliveTimeout: limits.upstreamIdleMs,
      keepAliveMaxTimeout: limits.upstreamIdleMs,
      maxHeaderSize: MAX_HEAD_BYTES,
      // Our own deadlines hold.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: connectorTo(upstream, limits),
    };
    this.#pool = new Pool(this.#origin, { ...this.#options, connections: limits.maxUpstreamConnections });
  }

  open(user: AttemptUser, request: AttemptRequest, fresh: boolean): Attempt {
    const { host, port, clientTls } = this.#upstream;
    const tools = { report: this.#report, host: `${host}:${port}`, serverName: clientTls.serverName ?? host };
    if (!fresh) return new UndiciAttempt(this.#pool, user, request, tools);
    // A pool cannot be asked for a new connection; this one closes after its call.
    const client = new Client(this.#origin, this.#options);
    const attempt = new UndiciAttempt(client, user, request, tools);
    setImmediate(() => void client.close().catch(() => {}));
    return attempt;
  }

  retire(): void {
    void this.#pool.close().catch(() => {});
  }

  close(): void {
    void this.#pool.destroy().catch(() => {});
  }

  get #origin(): string {
    const { host, port, secure } = this.#upstream;
    return `${secure === true ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }
}

function connectorTo({ clientTls: { context, serverName } }: Destination, limits: Limits): buildConnector.connector {
  const name = serverName === null ? {} : { servername: serverName };
  const connect = buildConnector({ timeout: limits.connectTimeoutMs, secureContext: context, ...name });
  return (asked, told) => {
    // Its own name, or none where it is an address (RFC 6066 §3). What is asked for tells undici's connections apart.
    const { servername: _, ...rest } = asked;
    return connect(rest, (...outcome) => {
      if (outcome[0] === null) {
        const socket = outcome[1];
        // Before undici looks at what has come.
        socket.on('readable', () => users.get(socket)?.bytesCome());
        readPastWriteErrors(socket, () => {});
      }
      told(...outcome);
    });
  };
}

interface Tools {
  report(fault: unknown): void;
  /** For requests that came without one. */
  readonly host: string;
  /** One for all requests: undici uses a connection again for the name only that it was opened for. */
  readonly serverName: string;
}

class UndiciAttempt implements Attempt, Dispatcher.DispatchHandler {
  connected = false;
  headSince = Number.POSITIVE_INFINITY;
  readonly holdsBytes = true;
  readonly #dispatcher: Dispatcher;
  readonly #tools: Tools;
  readonly #request: AttemptRequest;
  /** Null once given up or ended. */
  #user: AttemptUser | null;
  #controller: Dispatcher.DispatchController | null = null;
  #body: Readable | null = null;
  #dispatched = false;
  #socket: Socket | null = null;
  #reused = false;
  /** Bytes that had come over the connection before this attempt. */
  #readBefore = 0;
  #interim = 0;
  /** Whether nothing is told any more but that it has failed. */
  #hasFailed = false;

  constructor(dispatcher: Dispatcher, user: AttemptUser, request: AttemptRequest, tools: Tools) {
    this.#dispatcher = dispatcher;
    this.#user = user;
    this.#request = request;
    this.#tools = tools;
  }

  get stale(): boolean {
    return this.#reused && this.#untouched;
  }

  /** undici has chosen a connection. */
  sendsOver(socket: Socket, reused: boolean): void {
    this.#socket = socket;
    this.#reused = reused;
    this.#readBefore = socket.bytesRead;
  }

  /** Something has come over its connection. undici tells of heads only when they are whole. */
  bytesCome(): void {
    if (this.headSince !== Number.POSITIVE_INFINITY) return;
    this.headSince = performance.now();
    this.#tell((user) => user.headMoved(this.headSince));
  }

  send(pieces: readonly Buffer[], done: boolean): boolean {
    if (!this.#dispatched) return this.#dispatch(pieces, done);
    let flowing = true;
    for (const piece of pieces) flowing = this.#body?.push(lasting(piece)) ?? true;
    if (done) this.#body?.push(null);
    return flowing;
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  discard(): void {
    if (this.#user === null) return;
    this.#user = null;
    this.#controller?.abort(new Error('given up'));
    // Before it has started, the end of its body is what ends it.
    this.#body?.destroy();
  }

  // ── what undici calls ──

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#user === null) {
      controller.abort(new Error('given up'));
      return;
    }
    this.connected = true;
    this.#tell((user) => user.moved());
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _: unknown, phrase = ''): void {
    if (status < 200) {
      this.#interim++;
      this.headSince = Number.POSITIVE_INFINITY;
      if (status < 100 || status === 101 || this.#interim > MAX_INTERIM_ANSWERS) this.#fail('bad-answer');
      else this.#tell((user) => user.headMoved(performance.now()));
      return;
    }
    const fields = pairs(controller.rawHeaders);
    // undici has read the phrase as UTF-8.
    const head = answerHead(
      status,
      phrase.replace(/[^\t\x20-\x7e]/g, '?'),
      1,
      fields,
      fields.map(([name, value]) => `${name}: ${value}`).join('\r\n'),
    );
    if (head.kind === 'refused') {
      this.#fail('bad-answer');
      return;
    }
    this.#tell((user) => user.answer(prepareAnswer(head), answerFraming(head, this.#request.request.head.method)));
    // Goes out at once, as on our own connections, also where the body is long in coming.
    this.#tell((user) => user.part([], false, NO_TRAILERS));
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#tell((user) => user.part([chunk], false, NO_TRAILERS));
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#hasFailed) return;
    this.#tellLast((user) => user.part([], true, pairs(controller.rawTrailers)));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(reasonOf(error, this.connected, this.#untouched));
  }

  onRequestUpgrade(): void {
    this.#fail('bad-answer');
  }

  #dispatch(pieces: readonly Buffer[], done: boolean): boolean {
    const { request, identity } = this.#request;
    const { head, text, needsHost, hop } = request;
    const lines = text.slice(text.indexOf('\r\n') + 2);
    const fields = splitFields(lines).filter(([name]) => !LEFT_TO_UNDICI.test(name));
    if (needsHost) fields.push(['Host', this.#tools.host]);
    fields.push(['x-driftline-id', identity.id], ['x-driftline-hop', String(hop)], ['traceparent', identity.traceparent]);
    const hasBody = head.framing !== 'none';
    this.#body = hasBody && !done ? new Readable({ read: () => this.#tell((user) => user.drained()) }) : null;
    for (const piece of this.#body === null ? [] : pieces) this.#body?.push(lasting(piece));
    this.#dispatched = true;
    const options = {
      path: head.target,
      // The methods that framing lets through are all known to undici.
      method: head.method as Dispatcher.HttpMethod,
      headers: fields.flat(),
      body: this.#body ?? (hasBody && pieces.length > 0 ? Buffer.concat(pieces) : null),
      // Not among undici's types.
      servername: this.#tools.serverName,
    };
    dispatching = this;
    this.#dispatcher.dispatch(options, this);
    dispatching = null;
    return this.#body === null || this.#body.readableLength < this.#body.readableHighWaterMark;
  }

  /** Whether nothing of an answer has come. */
  get #untouched(): boolean {
    return this.#socket === null || this.#socket.bytesRead === this.#readBefore;
  }

  #fail(reason: Reason): void {
    if (this.#user === null || this.#hasFailed) return;
    this.#hasFailed = true;
    this.#controller?.abort(new Error(reason));
    this.#body?.destroy();
    // Not inside `dispatch`: who opens the attempt is not ready to hear of its end. Until then it may be given up still.
    process.nextTick(() => this.#tellLast((user) => user.failed(reason)));
  }

  #tell(what: (user: AttemptUser) => void): void {
    if (!this.#hasFailed) this.#tellTo(this.#user, what);
  }

  #tellLast(what: (user: AttemptUser) => void): void {
    const user = this.#user;
    this.#user = null;
    this.#tellTo(user, what);
  }

  /** Nothing that an upstream does may end more than the call it does it to. */
  #tellTo(user: AttemptUser | null, what: (user: AttemptUser) => void): void {
    if (user === null) return;
    try {
      what(user);
    } catch (fault) {
      this.#tools.report(fault);
      user.fault();
    }
  }
}

/** undici gives raw fields flat, as bytes or text. */
function pairs(raw: Dispatcher.DispatchController['rawHeaders'] | undefined): Header[] {
  if (!Array.isArray(raw)) return [];
  const flat = raw.map((part: Buffer | string) => (typeof part === 'string' ? part : part.toString('latin1')));
  return flatPairs(flat);
}

function reasonOf(error: Error, connected: boolean, untouched: boolean): Reason {
  // Node's and undici's errors carry a code.
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'connect-timeout';
  if (!connected) return connectReason(code.startsWith('UND_') ? undefined : code);
  return untouched || code === 'ECONNRESET' ? 'reset' : 'bad-answer';
}
