/**
 * Client connections that `node:http` reads: `parser: node`. It gets its sockets from the data port like our own connections.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { DataPath } from './data-path.ts';
import { prepareRequest } from './forward.ts';
import { flatPairs, type Refusal, requestHead } from './framing.ts';
import { type Limits, MAX_HEAD_BYTES } from './limits.ts';
import { NodeCaller } from './node-caller.ts';
import { ownAnswer, writeOwnAnswer } from './own-answer.ts';

/** How often Node looks for heads that are late, milliseconds. */
const LOOK_MS = 500;

export class NodeClients {
  readonly #path: DataPath;
  readonly #server: Server;
  /** The newest call on each connection: the one whose body is being read. */
  readonly #calls = new WeakMap<Socket, NodeCaller>();

  /** Connections that were refused a message: Node reads on, but what follows it is not to be trusted. */
  readonly #refused = new WeakSet<Socket>();

  constructor(path: DataPath) {
    this.#path = path;
    this.#server = createServer({
      maxHeaderSize: MAX_HEAD_BYTES,
      connectionsCheckingInterval: LOOK_MS,
      requestTimeout: 0,
      requireHostHeader: false,
    });
    // All fields are shown, so that too many are refused and never cut.
    this.#server.maxHeadersCount = 0;
    this.configure(path.limits);
    const take = (incoming: IncomingMessage, response: ServerResponse) =>
      this.#safely(incoming.socket, () => this.#take(incoming, response));
    this.#server.on('request', take);
    this.#server.on('checkContinue', take);
    this.#server.on('checkExpectation', take);
    this.#server.on('connect', (_, socket: Socket) => this.#safely(socket, () => this.#refuseSocket(socket, NO_TUNNEL)));
    // The sockets it is given are those of a TCP server.
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      this.#safely(socket as Socket, () => this.#clientError(error, socket as Socket)),
    );
    // It never listens itself; this starts its look-out for late heads.
    this.#server.emit('listening');
  }

  configure(limits: Limits): void {
    this.#server.headersTimeout = limits.headTimeoutMs;
    this.#server.keepAliveTimeout = limits.keepAliveMs;
  }

  accept(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /** Closes a connection without a call; one with a call closes after its answer. */
  drain(socket: Socket): void {
    if (this.#calls.get(socket)?.running !== true) socket.destroySoon();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close(() => {});
  }

  /** Nothing that a client does may end more than its own connection. */
  #safely(socket: Socket, what: () => void): void {
    try {
      what();
    } catch (fault) {
      this.#path.report(fault);
      socket.destroy();
    }
  }

  #take(incoming: IncomingMessage, response: ServerResponse): void {
    if (this.#refused.has(incoming.socket)) return;
    const fields = flatPairs(incoming.rawHeaders);
    const { method = '', url = '', httpVersionMajor, httpVersionMinor } = incoming;
    const text = fields.map(([name, value]) => `${name}: ${value}`).join('\r\n');
    const head = requestHead(method, url, httpVersionMinor === 0 ? 0 : 1, fields, text);
    // Node takes the versions 0.9 and 2.0 in text as well.
    if (httpVersionMajor !== 1) this.#refuse(response, OTHER_VERSION);
    else if (head.kind === 'refused') this.#refuse(response, head);
    else if (head.target === '*') this.#refuse(response, NO_ASTERISK);
    else this.#calls.set(incoming.socket, new NodeCaller(this.#path, prepareRequest(head), incoming, response));
  }

  #refuse(response: ServerResponse, { status, reason, message }: Refusal): void {
    this.#path.counters.add('refused');
    this.#refused.add(response.req.socket);
    const { phrase, fields, body } = ownAnswer({ status, reason, error: message, id: null }, 'close');
    response.sendDate = false;
    response.writeHead(status, phrase, fields.flat());
    response.end(body);
  }

  #clientError(error: NodeJS.ErrnoException, socket: Socket): void {
    // The second is a client that left inside its body.
    if (!socket.writable || error.code === 'HPE_INVALID_EOF_STATE' || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const call = this.#calls.get(socket);
    if (call?.running === true) call.bodyBroken('the request body is not framed as its head says');
    else this.#refuseSocket(socket, refusalOf(error));
  }

  #refuseSocket(socket: Socket, { status, reason, message }: Refusal): void {
    this.#path.counters.add('refused');
    const { head, body } = writeOwnAnswer({ status, reason, error: message, id: null }, 'close');
    socket.on('error', () => {});
    socket.write(head + body, 'latin1');
    socket.destroySoon();
  }
}

const NO_TUNNEL: Refusal = { kind: 'refused', status: 501, reason: 'not-supported', message: 'this method is not passed on' };
const OTHER_VERSION: Refusal = {
  kind: 'refused',
  status: 505,
  reason: 'not-supported',
  message: 'only HTTP/1.1 and HTTP/1.0 are spoken here',
};
const NO_ASTERISK: Refusal = { kind: 'refused', status: 501, reason: 'not-supported', message: '`OPTIONS *` is not passed on by undici' };

function refusalOf({ code }: NodeJS.ErrnoException): Refusal {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { kind: 'refused', status: 408, reason: 'request-timeout', message: 'the request head stopped arriving' };
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { kind: 'refused', status: 431, reason: 'head-too-large', message: 'the head is larger than 64 KiB' };
  }
  return { kind: 'refused', status: 400, reason: 'bad-request', message: 'Node does not take this for HTTP/1.1' };
}
