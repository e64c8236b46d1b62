/**
 * Where calls go: the upstreams, the fallback, and the route that a rollback turns.
 */
import { ConfigError } from '../contracts/errors.ts';
import type { BreakerOptions, Mode, Parser, Retry, Sampling, Upstream } from '../contracts/policy.ts';
import { Admission } from './admission.ts';
import type { Transport } from './attempt.ts';
import { Breaker } from './breaker.ts';
import { NO_PEM, type Pem } from './credentials.ts';
import { clientTls, type Destination } from './dial.ts';
import { UpstreamSessions } from './http2/upstream-sessions.ts';
import { FALLBACK_TIMEOUT_MS, type Limits } from './limits.ts';
import type { Target } from './target.ts';
import { ConnectionPool, type PoolTools } from './upstream.ts';

/** An HTTP server on loopback that answers in the caller's protocol. */
export interface FallbackAddress {
  readonly host: string;
  readonly port: number;
}

export interface TrafficOptions {
  readonly mode: Mode;
  /** The first is the primary. */
  readonly upstreams: readonly Upstream[];
  readonly fallback: FallbackAddress | null;
  /** Bytes of each body that are copied. */
  readonly maxBodyBytes: number;
  readonly sampling: Sampling;
  readonly limits: Limits;
  readonly parser: Parser;
  readonly retry: Retry;
  readonly breaker: BreakerOptions | null;
  /** The data port's own certificate; with `ca`, clients must have one. Null = it is served in the clear. */
  readonly certificate: Pem | null;
  /** For TLS toward upstreams, by their names. */
  readonly credentials: { readonly [upstream: string]: Pem };
}

const FALLBACK = 'fallback';
const ANSWER_BYTES = 256 * 1024;

export type MakeTransport = (upstream: Destination, limits: Limits, tools: PoolTools) => Transport;

/** Who opens connections for `parser`. undici is loaded only for those who ask for it. */
export async function transportsOf(parser: Parser): Promise<MakeTransport> {
  if (parser === 'driftline') return (upstream, limits, tools) => new ConnectionPool(upstream, limits, tools);
  const { UndiciTransport } = await import('./undici-transport.ts');
  return (upstream, limits, tools) => new UndiciTransport(upstream, limits, tools.report);
}

/** @throws ConfigError `unknown-route` when `name` is neither an upstream's nor that of a fallback that exists. */
export function checkRoute(name: string, options: Pick<TrafficOptions, 'upstreams' | 'fallback'>): void {
  if (name === FALLBACK ? options.fallback !== null : options.upstreams.some((upstream) => upstream.name === name)) return;
  const known = options.upstreams.map((upstream) => upstream.name);
  if (options.fallback !== null) known.push(FALLBACK);
  throw new ConfigError('unknown-route', `proxy: there is no upstream \`${name}\`; choose one of: ${known.join(', ')}`);
}

export class Traffic {
  readonly #tools: PoolTools;
  #makeTransport: MakeTransport;
  #options: TrafficOptions;
  #targets: readonly Target[] = [];
  #fallback: Target | null = null;
  #active: string;

  /** @throws ConfigError when `active` is unknown. */
  constructor(options: TrafficOptions, active: string, tools: PoolTools, makeTransport: MakeTransport) {
    checkRoute(active, options);
    this.#tools = tools;
    this.#active = active;
    this.#options = options;
    this.#makeTransport = makeTransport;
    this.configure(options, makeTransport);
  }

  /** Holds for new connections. */
  get mode(): Mode {
    return this.#options.mode;
  }

  get maxBodyBytes(): number {
    return this.#options.maxBodyBytes;
  }

  get sampling(): Sampling {
    return this.#options.sampling;
  }

  get retry(): Retry {
    return this.#options.retry;
  }

  /** Bytes of an answer that are copied: 0 says that requests are not to be read, an image mostly; what the model says of them is. */
  get maxAnswerBytes(): number {
    return this.maxBodyBytes === 0 ? ANSWER_BYTES : this.maxBodyBytes;
  }

  /** An upstream's name, or `fallback`. */
  get route(): string {
    return this.#active;
  }

  get primary(): Target {
    return this.#targets[0]!;
  }

  get fallback(): Target | null {
    return this.#fallback;
  }

  /** Where a call goes first. The fallback answers predictions only, and those are POSTs. */
  choose(method: string): Target {
    if (this.#active === FALLBACK) return method === 'POST' && this.#fallback !== null ? this.#fallback : this.primary;
    return this.#targets.find((target) => target.upstream.name === this.#active) ?? this.primary;
  }

  /** Sends all new calls to `to`. @throws ConfigError when it is unknown; nothing has changed then. */
  setRoute(to: string): { readonly before: string; readonly after: string } {
    checkRoute(to, this.#options);
    const before = this.#active;
    this.#active = to;
    return { before, after: to };
  }

  /** Takes other upstreams; running calls end where they are. When the route's upstream is gone, calls go to the primary. */
  configure(options: TrafficOptions, makeTransport: MakeTransport): void {
    const retired = [...this.#targets, ...(this.#fallback === null ? [] : [this.#fallback])];
    this.#options = options;
    this.#makeTransport = makeTransport;
    this.#targets = options.upstreams.map((upstream, i) => this.#target(upstream, i === 0 ? 'primary' : label(upstream.name)));
    this.#fallback =
      options.fallback === null
        ? null
        : this.#target({ ...options.fallback, name: FALLBACK, timeoutMs: FALLBACK_TIMEOUT_MS, version: null }, FALLBACK);
    const known = this.#active === FALLBACK ? this.#fallback !== null : options.upstreams.some((one) => one.name === this.#active);
    if (!known) this.#active = options.upstreams[0]?.name ?? '';
    for (const { transport, grpc } of retired) {
      transport.retire();
      grpc.sessions.retire();
    }
  }

  close(): void {
    for (const { transport, grpc } of [...this.#targets, ...(this.#fallback === null ? [] : [this.#fallback])]) {
      transport.close();
      grpc.sessions.close();
    }
  }

  #target(upstream: Upstream, name: string): Target {
    const { limits, breaker, credentials } = this.#options;
    const tls = clientTls(credentials[upstream.name] ?? NO_PEM, upstream.tls?.serverName ?? null);
    const destination = { ...upstream, clientTls: tls };
    return {
      upstream: destination,
      label: name,
      transport: this.#makeTransport(destination, limits, this.#tools),
      admission: new Admission(limits),
      breaker: breaker === null ? null : new Breaker(breaker),
      grpc: {
        sessions: new UpstreamSessions(upstream.grpc ?? upstream, tls, limits, this.#tools.deadlines),
        breaker: breaker === null ? null : new Breaker(breaker),
      },
    };
  }
}

/** The name as it may stand in a field value. */
function label(name: string): string {
  return name.replace(/[^\x21-\x7e]/g, '?');
}
