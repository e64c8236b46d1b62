/**
 * What the data path has done, in shared memory: one thread writes, any thread reads.
 */
import { REASONS, type Reason, SESSION_ENDS, type SessionEnd, UNOBSERVED, type Unobserved } from './reasons.ts';

const NAMES = [
  'connections',
  'requests',
  'answered',
  'failed',
  'aborted',
  'refused',
  'fallback',
  'retried',
  'queued',
  'circuitOpened',
  'bugs',
  'exchanges',
  'ringFull',
  'sessions',
  'handshakesFailed',
  'shed',
  'unseen',
  'sampledOut',
  'heldBytes',
  'evicted',
  'copiesCut',
] as const;

/** The name of a single counter. */
export type Counter = (typeof NAMES)[number];

/**
 * A reading of the counters. `requests` = `answered` + `failed` + `aborted` + `unseen` + calls now running, and the ended ones
 * but `unseen` are `exchanges` + `ringFull` + `shed` + `sampledOut` (within what changes while the reading is taken).
 */
export interface ProxyCounters {
  /** Client connections open now. */
  readonly connections: number;
  /** Requests whose head was accepted. */
  readonly requests: number;
  readonly answered: number;
  readonly failed: number;
  readonly aborted: number;
  /** Requests or connections turned away before they became a call. */
  readonly refused: number;
  /** Calls that the fallback answered. */
  readonly fallback: number;
  /** Calls sent again on a fresh connection after a pooled one turned out to be closed, or an HTTP/2 server had not taken them. */
  readonly retried: number;
  /** Calls that had to wait for a place at their upstream. */
  readonly queued: number;
  /** Times that an upstream's breaker opened. */
  readonly circuitOpened: number;
  /** Faults of our own, each kept inside its connection. */
  readonly bugs: number;
  /** Exchanges handed to the analysis, and those dropped because its ring was full. */
  readonly exchanges: number;
  readonly ringFull: number;
  /** HTTP/2 sessions of clients open now. */
  readonly sessions: number;
  /** TLS handshakes that came to nothing. */
  readonly handshakesFailed: number;
  /** Those of which no record was made, given up under pressure. */
  readonly shed: number;
  /** Calls whose end was not observed, since their connection was not any more. */
  readonly unseen: number;
  /** Those that sampling left out before they were copied. */
  readonly sampledOut: number;
  /** Bytes held now for clients and upstreams that are slow (`held.ts`). */
  readonly heldBytes: number;
  /** Calls and connections broken off since more was held than there is room for. */
  readonly evicted: number;
  /** Bodies of which less was copied than the policy says, since copies had no room. */
  readonly copiesCut: number;
  /** Failed calls by reason; zero ones included. */
  readonly failedBy: { readonly [R in Reason]: number };
  /** Calls answered by the fallback, by the reason why the primary did not. */
  readonly fallbackBy: { readonly [R in Reason]: number };
  /** Ended HTTP/2 sessions of clients by reason. */
  readonly sessionsEndedBy: { readonly [R in SessionEnd]: number };
  /** Connections, and streams of HTTP/2, that stopped being observed, by reason. */
  readonly unobservedBy: { readonly [R in Unobserved]: number };
}

/** Several threads' readings as one. At least one. */
export function sumOf(readings: readonly ProxyCounters[]): ProxyCounters {
  return readings.reduce((left, right) => sumOfTwo(left, right));
}

/** Every number, at any depth, added to the one of the same name. */
function sumOfTwo<T extends object>(left: T, right: T): T {
  const sum = Object.entries(left).map(([name, value]) => {
    const other = right[name as keyof T];
    return [name, typeof value === 'number' ? value + Number(other) : sumOfTwo(value as object, other as object)];
  });
  // The names are those of both.
  return Object.fromEntries(sum) as T;
}

// An object and no Map: where the name is written out, the compiler knows the number.
const INDEX = Object.fromEntries(NAMES.map((name, i) => [name, i])) as { readonly [C in Counter]: number };
const FAILED_BY = NAMES.length;
const FALLBACK_BY = FAILED_BY + REASONS.length;
const SESSIONS_ENDED_BY = FALLBACK_BY + REASONS.length;
const UNOBSERVED_BY = SESSIONS_ENDED_BY + SESSION_ENDS.length;

/** Float64 holds counts up to 2^53 and, aligned, is read and written whole. */
export class Counters {
  readonly memory: SharedArrayBuffer;
  readonly #values: Float64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8 * (UNOBSERVED_BY + UNOBSERVED.length))) {
    this.memory = memory;
    this.#values = new Float64Array(memory);
  }

  add(counter: Counter, amount = 1): void {
    this.#change(INDEX[counter], amount);
  }

  failedBy(reason: Reason): void {
    this.#change(FAILED_BY + REASONS.indexOf(reason), 1);
  }

  fallbackBy(reason: Reason): void {
    this.#change(FALLBACK_BY + REASONS.indexOf(reason), 1);
  }

  sessionEndedBy(reason: SessionEnd): void {
    this.#change(SESSIONS_ENDED_BY + SESSION_ENDS.indexOf(reason), 1);
  }

  unobservedBy(reason: Unobserved): void {
    this.#change(UNOBSERVED_BY + UNOBSERVED.indexOf(reason), 1);
  }

  read(): ProxyCounters {
    const plain = Object.fromEntries(NAMES.map((name, i) => [name, this.#values[i]!]));
    const by = (words: readonly string[], from: number) => Object.fromEntries(words.map((word, i) => [word, this.#values[from + i]!]));
    const tables = {
      failedBy: by(REASONS, FAILED_BY),
      fallbackBy: by(REASONS, FALLBACK_BY),
      sessionsEndedBy: by(SESSION_ENDS, SESSIONS_ENDED_BY),
      unobservedBy: by(UNOBSERVED, UNOBSERVED_BY),
    };
    // The words are the very keys of the type.
    return { ...plain, ...tables } as unknown as ProxyCounters;
  }

  #change(index: number, amount: number): void {
    this.#values[index] = this.#values[index]! + amount;
  }
}
