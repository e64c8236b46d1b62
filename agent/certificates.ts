/**
 * The certificates of a policy: read from their files, handed to the data path, and taken up again when they change. A new pair that cannot
 * be used leaves the old one in use, and is counted and said.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../contracts/errors.ts';
import type { Policy, TlsFiles } from '../contracts/policy.ts';
import { watchFiles, type WatchTimes } from '../policies/watch-files.ts';
import type { Pem } from '../proxy/credentials.ts';

/** What the data path is given. */
export interface Credentials {
  readonly certificate: Pem | null;
  readonly credentials: { readonly [upstream: string]: Pem };
}

/** A certificate of our own that is in use. */
export interface CertificateStatus {
  /** `data port`, or the upstream that it is shown to. */
  readonly name: string;
  /** When it expires, milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

export interface CertificatesStatus {
  readonly inUse: readonly CertificateStatus[];
  readonly reloads: number;
  readonly reloadFailures: number;
  /** Why the files as they are now are not in use; null = they are. */
  readonly lastError: string | null;
}

export interface CertificatesOptions {
  /** Puts other contents to use. */
  readonly apply: (credentials: Credentials) => Promise<void>;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
  readonly times?: WatchTimes;
}

const DATA_PORT = 'data port';

export class Certificates {
  #files: ReadonlyMap<string, TlsFiles>;
  #inUse: Credentials;
  #reloads = 0;
  #failures = 0;
  #lastError: string | null = null;
  readonly #options: CertificatesOptions;
  #watching: AbortController | null = null;
  /** Digest of the files that were looked at last. */
  #seen: string;
  #turn = Promise.resolve();

  /** @throws ConfigError `certificate-unreadable`. */
  constructor(traffic: Policy['traffic'], options: CertificatesOptions) {
    this.#options = options;
    this.#files = filesOf(traffic);
    this.#seen = digestOf(this.#files);
    this.#inUse = read(this.#files);
  }

  get inUse(): Credentials {
    return this.#inUse;
  }

  status(): CertificatesStatus {
    const { certificate, credentials } = this.#inUse;
    const named: [string, Pem][] = [
      ...(certificate === null ? [] : ([[DATA_PORT, certificate]] as [string, Pem][])),
      ...Object.entries(credentials),
    ];
    const inUse = named.flatMap(([name, { cert }]) =>
      cert === null ? [] : [{ name, expiresAt: new X509Certificate(cert).validToDate.getTime() }],
    );
    return { inUse, reloads: this.#reloads, reloadFailures: this.#failures, lastError: this.#lastError };
  }

  /** The contents for another policy, to be put to use by the caller, who then calls `took`. @throws ConfigError `certificate-unreadable`. */
  for(traffic: Policy['traffic']): Credentials {
    return read(filesOf(traffic));
  }

  /** Another policy's certificates are in use, and its files are watched from now on. */
  took(traffic: Policy['traffic'], credentials: Credentials): void {
    this.#files = filesOf(traffic);
    this.#inUse = credentials;
    this.#seen = digestOf(this.#files);
    this.#lastError = null;
    this.watch();
  }

  /** Watches the files of the present policy until the signal aborts. */
  watch(): void {
    this.#watching?.abort();
    const { signal, times } = this.#options;
    const watching = new AbortController();
    this.#watching = watching;
    if (signal.aborted) return;
    signal.addEventListener('abort', () => watching.abort(), { once: true, signal: watching.signal });
    const names = [...this.#files.values()].flatMap(({ ca, cert, key }) => [ca, cert, key]).filter((name) => name !== null);
    if (names.length > 0) watchFiles(names, () => this.#look(), watching.signal, times);
  }

  #look(): void {
    const digest = digestOf(this.#files);
    if (digest === this.#seen) return;
    this.#seen = digest;
    let next: Credentials;
    try {
      next = read(this.#files);
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#turn = this.#turn
      .then(() => this.#options.apply(next))
      .then(
        () => {
          this.#inUse = next;
          this.#reloads++;
          this.#lastError = null;
          this.#options.log('certificates: reloaded');
        },
        (error) => this.#failed(error),
      );
  }

  #failed(error: unknown): void {
    this.#failures++;
    this.#lastError = error instanceof Error ? error.message : String(error);
    this.#options.log(`${this.#lastError}; the old ones go on`);
  }
}

function filesOf({ tls, upstreams }: Policy['traffic']): ReadonlyMap<string, TlsFiles> {
  const files = new Map<string, TlsFiles>();
  if (tls !== undefined) files.set(DATA_PORT, tls);
  // Names of upstreams have no blanks, so none of them is the data port's.
  for (const upstream of upstreams) if (upstream.tls !== undefined) files.set(upstream.name, upstream.tls);
  return files;
}

/** @throws ConfigError when a file is not there or is not what it should be. */
function read(files: ReadonlyMap<string, TlsFiles>): Credentials {
  const credentials: { [name: string]: Pem } = Object.create(null);
  for (const [name, { ca, cert, key }] of files) {
    const text = (file: string | null) => (file === null ? null : readFileSync(file, 'utf8'));
    try {
      const pem = { ca: text(ca), cert: text(cert), key: text(key) };
      for (const one of [pem.ca, pem.cert]) if (one !== null) new X509Certificate(one);
      const own = { ...(pem.cert === null ? {} : { cert: pem.cert }), ...(pem.key === null ? {} : { key: pem.key }) };
      createSecureContext({ ...own, ...(pem.ca === null ? {} : { ca: pem.ca }) });
      credentials[name] = pem;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ConfigError('certificate-unreadable', `certificates: those of ${name} cannot be used (${why})`, [], cause);
    }
  }
  const { [DATA_PORT]: certificate = null, ...others } = credentials;
  return { certificate, credentials: others };
}

function digestOf(files: ReadonlyMap<string, TlsFiles>): string {
  const hash = createHash('sha256');
  for (const { ca, cert, key } of files.values()) {
    for (const file of [ca, cert, key]) {
      try {
        hash.update(file === null ? '-' : readFileSync(file));
      } catch {
        hash.update('absent');
      }
      hash.update('\0');
    }
  }
  return hash.digest('hex');
}
