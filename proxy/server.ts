/**
 * The data port: accepts connections, has them received, and can stop accepting without breaking a call.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Parser } from '../contracts/policy.ts';
import { readDirectly } from './accepted.ts';
import { ClientConnection } from './client-connection.ts';
import { ClientCount } from './client-count.ts';
import type { Counters } from './counters.ts';
import type { DataPath } from './data-path.ts';
import { Deadlines } from './deadlines.ts';
import { prepareAnswer, prepareRequest } from './forward.ts';
import { parseAnswerHead, parseRequestHead } from './framing.ts';
import { Held } from './held.ts';
import { Memo } from './memo.ts';
import { NodeClients } from './node-clients.ts';
import { writeOwnAnswer } from './own-answer.ts';
import type { Pressure } from './pressure.ts';
import { contained, type Holder, Reception } from './reception.ts';
import { Recorder } from './recorder.ts';
import { Refusals } from './refusals.ts';
import type { RingWriter } from './ring.ts';
import { type MakeTransport, Traffic, type TrafficOptions, transportsOf } from './traffic.ts';

export interface ServerOptions extends TrafficOptions {
  readonly active: string;
  readonly ring: RingWriter;
  readonly pressure: Pressure;
  readonly counters: Counters;
  /** Hears of faults of our own that were kept inside one connection. */
  readonly report: (fault: unknown) => void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export class DataServer {
  readonly #path: DataPath;
  readonly #server: Server;
  readonly #reception: Reception;
  /** Accepted sockets. */
  readonly #connections = new Set<Socket>();
  readonly #count = new ClientCount();
  #parser: Parser;
  #node: NodeClients | null = null;
  /** Called when the last connection has closed. */
  #whenEmpty: (() => void) | null = null;

  /** @throws ConfigError when `active` is unknown. */
  static async create(options: ServerOptions): Promise<DataServer> {
    return new DataServer(options, await transportsOf(options.parser));
  }

  private constructor(options: ServerOptions, makeTransport: MakeTransport) {
    const { limits, counters, ring, pressure, parser } = options;
    const deadlines = new Deadlines();
    const report = (fault: unknown) => {
      counters.add('bugs');
      options.report(fault);
    };
    const answers = new Memo((text: string) => {
      const head = parseAnswerHead(text);
      return head.kind === 'refused' ? head : prepareAnswer(head);
    });
    this.#parser = parser;
    const held = new Held(limits.maxHeldBytes, counters, report);
    const traffic = new Traffic(options, options.active, { deadlines, answers, held, report }, makeTransport);
    this.#path = {
      traffic,
      limits,
      deadlines,
      counters,
      held,
      refusals: new Refusals(),
      streams: 0,
      recorder: new Recorder(ring, counters, pressure, traffic),
      pressure,
      requests: new Memo((text) => {
        const head = parseRequestHead(text);
        return head.kind === 'refused' ? head : prepareRequest(head);
      }),
      answers,
      keepAlive: true,
      draining: false,
      report,
    };
    this.#reception = new Reception(this.#path, (socket) => this.#serveHttp1(socket));
    this.#reception.secure(options.certificate, options.mode);
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
      const socket = readDirectly(accepted);
      contained(this.#path, socket, () => this.#accept(socket));
      socket.resume();
    });
  }

  /** Rejects with the system's error when the address cannot be had. @param reusePort whether others may listen there as well */
  listen({ host, port }: Address, reusePort = false): Promise<Address> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, reusePort }, () => {
        this.#server.off('error', reject);
        // Running out of file descriptors ends no call; accepting goes on when some are free again.
        this.#server.on('error', () => this.#path.counters.add('refused'));
        // A TCP server's address is an object.
        const bound = this.#server.address() as AddressInfo;
        resolve({ host: bound.address, port: bound.port });
      });
    });
  }

  get traffic(): Traffic {
    return this.#path.traffic;
  }

  /**
   * Takes other upstreams, limits, certificates and another parser for what begins from now on.
   *
   * @throws Error when a certificate cannot be used.
   */
  async configure(options: TrafficOptions): Promise<void> {
    const makeTransport = await transportsOf(options.parser);
    this.#reception.secure(options.certificate, options.mode);
    this.#parser = options.parser;
    this.#path.limits = options.limits;
    this.#path.held.limitBytes = options.limits.maxHeldBytes;
    this.#path.traffic.configure(options, makeTransport);
    this.#node?.configure(options.limits);
  }

  /** From now on each answer of HTTP/1.x says `Connection: close` and ends its connection. New connections are accepted, idle ones stay. */
  endKeepAlive(): void {
    this.#path.keepAlive = false;
  }

  /** Accepts no more, closes idle connections, lets running calls end, then breaks off what is left after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    this.endKeepAlive();
    this.#path.draining = true;
    if (this.#server.listening) this.#server.close();
    this.#reception.drain();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#whenEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#reception.destroy();
    this.#path.refusals.destroy();
    for (const socket of [...this.#connections]) socket.destroy();
  }

  /** Breaks everything off. Safe twice and without listening. */
  async close(): Promise<void> {
    await this.drain(0);
    this.#node?.close();
    this.#path.traffic.close();
    this.#path.deadlines.close();
  }

  #accept(socket: Socket): void {
    const { counters, limits, pressure } = this.#path;
    const address = socket.remoteAddress ?? '';
    if (pressure.gaveUp('connections')) {
      this.#refuse(socket, 'out of memory or CPU time');
      return;
    }
    if (!this.#count.enter(address, limits)) {
      this.#refuse(socket, 'too many connections');
      return;
    }
    // First of all, so that whatever happens to the connection is seen.
    this.#connections.add(socket);
    socket.on('close', () =>
      contained(this.#path, socket, () => {
        this.#connections.delete(socket);
        this.#count.leave(address);
        if (this.#connections.size === 0) this.#whenEmpty?.();
        counters.add('connections', -1);
      }),
    );
    counters.add('connections');
    this.#reception.receive(socket);
  }

  #serveHttp1(socket: Socket): Holder {
    if (this.#parser === 'driftline') return new ClientConnection(socket, this.#path);
    this.#node ??= new NodeClients(this.#path);
    const node = this.#node;
    node.accept(socket);
    return { drain: () => node.drain(socket), destroy: () => socket.destroy() };
  }

  #refuse(socket: Socket, why: string): void {
    const { counters, refusals, limits } = this.#path;
    counters.add('refused');
    if (this.#reception.isSecure) {
      // Nothing can be said before a handshake.
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    const { head, body } = writeOwnAnswer({ status: 503, reason: 'overloaded', error: why, id: null }, 'close');
    refusals.refuse(socket, Buffer.from(head + body, 'latin1'), limits);
  }
}
