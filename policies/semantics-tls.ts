/**
 * Certificates that a policy names: whether the files are there and hold what they should.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { upstreamAddress } from './addresses.ts';
import type { Partly, PolicyDocument } from './document.ts';
import type { Inspection } from './semantics.ts';
import { checkFile } from './semantics-files.ts';
import type { Path } from './yaml.ts';

type Files = { readonly [key: string]: string | undefined };

/** Checks `traffic.tls` and the `tls` of each upstream. */
export function checkTls(inspection: Inspection): void {
  const traffic: Partly<PolicyDocument['spec']['traffic']> = inspection.document.spec?.traffic ?? {};
  const { cert, key, clientCa } = traffic.tls ?? {};
  if (traffic.tls !== undefined) checkPair(inspection, ['spec', 'traffic', 'tls'], { cert, key, clientCa });
  for (const [name, upstream] of Object.entries(traffic.upstreams ?? {})) {
    if (upstream?.tls === undefined) continue;
    const here = ['spec', 'traffic', 'upstreams', name, 'tls'];
    const { ca, cert, key } = upstream.tls;
    checkPair(inspection, here, { ca, cert, key });
    if ((cert === undefined) !== (key === undefined))
      inspection.mistake(here, '`cert` and `key` go together — give both or neither', 'key');
    const addresses = [upstream.url, upstream.grpcUrl].map((url) => (url === undefined ? null : upstreamAddress(url)));
    const isSecure = addresses.some((address) => address !== null && typeof address !== 'string' && address.secure === true);
    if (!isSecure) inspection.mistake(here, 'no URL of this upstream begins with https:// — change it, or remove `tls`', 'key');
  }
}

function checkPair(inspection: Inspection, here: Path, files: Files): void {
  const texts = new Map<string, string>();
  for (const [name, file] of Object.entries(files)) {
    if (file === undefined || !checkFile(inspection, [...here, name], file)) continue;
    const text = readPem(inspection, [...here, name], file, name);
    if (text !== null) texts.set(name, text);
  }
  const cert = texts.get('cert');
  const key = texts.get('key');
  if (cert === undefined || key === undefined) return;
  try {
    createSecureContext({ cert, key });
  } catch {
    inspection.mistake([...here, 'key'], 'is not the key of that certificate — name the two that were issued together');
  }
}

/** The file's text; null when it is no certificate or key, which is then told. */
function readPem(inspection: Inspection, at: Path, file: string, name: string): string | null {
  try {
    const text = readFileSync(path.resolve(inspection.folder, file), 'utf8');
    if (name === 'key') createPrivateKey(text);
    else if (new X509Certificate(text).validToDate.getTime() < Date.now()) inspection.warning(at, 'the certificate has expired — renew it');
    return text;
  } catch {
    const wanted = name === 'key' ? 'no private key in PEM form, or one with a passphrase' : 'no certificate in PEM form';
    inspection.mistake(at, `holds ${wanted} — name the right file`);
    return null;
  }
}
