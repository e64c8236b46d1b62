/**
 * Certificates for tests, by openssl: authorities, and what they issue.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pem } from '../../proxy/credentials.ts';
import { runTool } from './child.ts';

export interface Authority {
  readonly folder: string;
  /** PEM of its own certificate. */
  readonly cert: string;
}

export interface Issued {
  readonly cert: string;
  readonly key: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function authority(folder: string, name: string): Promise<Authority> {
  const home = join(folder, name);
  mkdirSync(home, { recursive: true });
  const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'];
  const out = ['-keyout', join(home, 'ca.key'), '-out', join(home, 'ca.crt')];
  await openssl(['req', '-x509', ...KEY, '-subj', `/CN=${name}`, '-days', '30', ...extensions, ...out]);
  return { folder: home, cert: readFileSync(join(home, 'ca.crt'), 'utf8') };
}

/** A certificate for 127.0.0.1 and `names`, good for servers and clients. */
export async function issue(by: Authority, name: string, names: readonly string[] = ['localhost'], days = 30): Promise<Issued> {
  const at = (ending: string) => join(by.folder, `${name}.${ending}`);
  await openssl(['req', ...KEY, '-subj', `/CN=${name}`, '-keyout', at('key'), '-out', at('csr')]);
  writeFileSync(at('ext'), `subjectAltName=${['IP:127.0.0.1', ...names.map((one) => `DNS:${one}`)].join(',')}\n`);
  const from = ['-CA', join(by.folder, 'ca.crt'), '-CAkey', join(by.folder, 'ca.key'), '-CAcreateserial'];
  await openssl(['x509', '-req', '-in', at('csr'), ...from, '-days', String(days), '-extfile', at('ext'), '-out', at('crt')]);
  return { cert: readFileSync(at('crt'), 'utf8'), key: readFileSync(at('key'), 'utf8') };
}

/** As the data path takes it. */
export function pem({ cert, key }: Issued, ca: Authority | null = null): Pem {
  return { cert, key, ca: ca?.cert ?? null };
}

async function openssl(args: readonly string[]): Promise<void> {
  await runTool('openssl', args);
}
