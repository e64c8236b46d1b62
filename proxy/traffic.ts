/**
 * Where calls go: the upstreams, the fallback, and the route that a rollback turns.
 */
import { ConfigError } from '../contracts/errors.ts';
import type { Upstream } from '../contracts/policy.ts';
import type { Deadlines } from './deadlines.ts';
import { FALLBACK_TIMEOUT_MS, type Limits } from './limits.ts';
import { UpstreamPool } from './upstream.ts';

/** An HTTP server on loopback that answers in the caller's protocol. */
export interface FallbackAddress {
  readonly host: string;
  readonly port: number;
}

export interface TrafficOptions {
  /** The first is the primary. */
  readonly upstreams: readonly Upstream[];
  readonly fallback: FallbackAddress | null;
  /** Bytes of each body that are copied. */
  readonly maxBodyBytes: number;
}

const FALLBACK = 'fallback';
const ANSWER_BYTES = 256 * 1024;

/** @throws ConfigError `unknown-route` when `name` is neither an upstream's nor that of a fallback that exists. */
export function checkRoute(name: string, options: Pick<TrafficOptions, 'upstreams' | 'fallback'>): void {
  if (name === FALLBACK ? options.fallback !== null : options.upstreams.some((upstream) => upstream.name === name)) return;
  const known = options.upstreams.map((upstream) => upstream.name);
  if (options.fallback !== null) known.push(FALLBACK);
  throw new ConfigError('unknown-route', `proxy: there is no upstream \`${name}\`; choose one of: ${known.join(', ')}`);
}

export class Traffic {
  readonly #limits: Limits;
  readonly #deadlines: Deadlines;
  readonly #report: (fault: unknown) => void;
  #pools: readonly UpstreamPool[] = [];
  #fallback: UpstreamPool | null = null;
  #active = '';
  #maxBodyBytes = 0;

  /** @throws ConfigError when `active` is unknown. */
  constructor(options: TrafficOptions, active: string, limits: Limits, deadlines: Deadlines, report: (fault: unknown) => void) {
    this.#limits = limits;
    this.#deadlines = deadlines;
    this.#report = report;
    checkRoute(active, options);
    this.#active = active;
    this.configure(options);
  }

  get maxBodyBytes(): number {
    return this.#maxBodyBytes;
  }

  /** Bytes of an answer that are copied: 0 says that requests are not to be read, an image mostly; what the model says of them is. */
  get maxAnswerBytes(): number {
    return this.#maxBodyBytes === 0 ? ANSWER_BYTES : this.#maxBodyBytes;
  }

  /** An upstream's name, or `fallback`. */
  get route(): string {
    return this.#active;
  }

  get primary(): UpstreamPool {
    return this.#pools[0]!;
  }

  get fallback(): UpstreamPool | null {
    return this.#fallback;
  }

  /** Where a call goes first. The fallback answers predictions only, and those are POSTs. */
  choose(method: string): UpstreamPool {
    if (this.#active === FALLBACK) return method === 'POST' && this.#fallback !== null ? this.#fallback : this.primary;
    return this.#pools.find((pool) => pool.target.name === this.#active) ?? this.primary;
  }

  /** Sends all new calls to `to`. @throws ConfigError when it is unknown; nothing has changed then. */
  setRoute(to: string): { readonly before: string; readonly after: string } {
    checkRoute(to, { upstreams: this.#pools.map((pool) => pool.target), fallback: this.#fallback === null ? null : this.#fallback.target });
    const before = this.#active;
    this.#active = to;
    return { before, after: to };
  }

  /** Takes other upstreams; running calls end where they are. When the route's upstream is gone, calls go to the primary. */
  configure(options: TrafficOptions): void {
    const retired = [...this.#pools, ...(this.#fallback === null ? [] : [this.#fallback])];
    this.#pools = options.upstreams.map((upstream, i) => this.#pool(upstream, i === 0 ? 'primary' : label(upstream.name)));
    this.#fallback =
      options.fallback === null
        ? null
        : this.#pool({ ...options.fallback, name: FALLBACK, timeoutMs: FALLBACK_TIMEOUT_MS, version: null }, FALLBACK);
    this.#maxBodyBytes = options.maxBodyBytes;
    const known = this.#active === FALLBACK ? this.#fallback !== null : options.upstreams.some((one) => one.name === this.#active);
    if (!known) this.#active = options.upstreams[0]?.name ?? '';
    for (const pool of retired) pool.retire();
  }

  close(): void {
    for (const pool of this.#pools) pool.close();
    this.#fallback?.close();
  }

  #pool(target: Upstream, name: string): UpstreamPool {
    return new UpstreamPool(target, name, this.#limits, this.#deadlines, this.#report);
  }
}

/** The name as it may stand in a field value. */
function label(name: string): string {
  return name.replace(/[^\x21-\x7e]/g, '?');
}
