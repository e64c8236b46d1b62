import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { Certificates, type Credentials } from '../../agent/certificates.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { parsePolicy } from '../../policies/load.ts';
import { authority, issue } from '../support/certificates.ts';

t.setTimeout(60_000);

const context = { detectors: new Map(detectors.map((one) => [one.type, one])), env: {} };

function policyText(tls: string, upstream = 'primary: {url: "http://127.0.0.1:1"}'): string {
  return [
    'apiVersion: driftline/v1',
    'kind: Policy',
    'metadata: {name: p}',
    'spec:',
    '  model: {name: m}',
    `  traffic: {upstreams: {${upstream}}, tls: ${tls}}`,
  ].join('\n');
}

t.test('changed files are taken up, also by a swapped link; broken ones leave the old in use, counted and said', async (t) => {
  const folder = t.testdir({});
  const ca = await authority(folder, 'ca');
  const [first, second] = [await issue(ca, 'first'), await issue(ca, 'second', ['localhost'], 3)];
  // As Kubernetes mounts a Secret: the files are links through `..data`, which is swapped.
  const put = (name: string, { cert, key }: { cert: string; key: string }) => {
    mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, name, 'tls.crt'), cert);
    writeFileSync(path.join(folder, name, 'tls.key'), key);
  };
  const swap = (name: string) => {
    symlinkSync(name, path.join(folder, '..data.new'));
    renameSync(path.join(folder, '..data.new'), path.join(folder, '..data'));
  };
  put('one', first);
  put('mixed', { cert: second.cert, key: first.key });
  put('two', second);
  swap('one');
  for (const file of ['tls.crt', 'tls.key']) symlinkSync(`..data/${file}`, path.join(folder, file));

  const { policy, mistakes } = parsePolicy(policyText('{cert: tls.crt, key: tls.key}'), path.join(folder, 'policy.yaml'), context);
  t.same(mistakes, []);
  const applied: Credentials[] = [];
  const lines: string[] = [];
  const stopping = new AbortController();
  let told: () => void = () => {};
  const next = () =>
    new Promise<void>((resolve) => {
      told = resolve;
    });
  const certificates = new Certificates(policy!.traffic, {
    apply: async (credentials) => void applied.push(credentials),
    log: (line) => {
      lines.push(line);
      told();
    },
    signal: stopping.signal,
    times: { pollMs: 20, settleMs: 5 },
  });
  t.teardown(() => stopping.abort());
  // What watches files keeps no process alive.
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(alive));
  t.equal(certificates.inUse.certificate?.cert, first.cert);
  certificates.watch();

  let word = next();
  swap('mixed');
  await word;
  t.match(certificates.status(), { reloads: 0, reloadFailures: 1, lastError: /data port cannot be used \(.*key values mismatch/ });
  t.equal(certificates.inUse.certificate?.cert, first.cert);

  word = next();
  swap('two');
  await word;
  t.match(certificates.status(), { reloads: 1, reloadFailures: 1, lastError: null });
  t.equal(applied.length, 1);
  t.equal(applied[0]?.certificate?.cert, readFileSync(path.join(folder, 'two/tls.crt'), 'utf8'));
  const [{ name, expiresAt } = { name: '', expiresAt: 0 }] = certificates.status().inUse;
  t.equal(name, 'data port');
  t.ok(Math.abs(expiresAt - Date.now() - 3 * 86_400_000) < 600_000);
  t.match(lines.join('\n'), /cannot be used[\s\S]*old ones go on[\s\S]*reloaded/);
});

t.test('check names what is wrong with certificates, with file, line and column', async (t) => {
  const folder = t.testdir({ 'text.pem': 'hello' });
  const ca = await authority(folder, 'ca');
  const [one, two] = [await issue(ca, 'one'), await issue(ca, 'two')];
  for (const [name, { cert, key }] of Object.entries({ one, two })) {
    writeFileSync(path.join(folder, `${name}.crt`), cert);
    writeFileSync(path.join(folder, `${name}.key`), key);
  }
  const mistakesOf = (tls: string, upstream?: string) =>
    parsePolicy(policyText(tls, upstream), path.join(folder, 'policy.yaml'), context).mistakes.map(
      ({ line, path: where, message }) => `${line} ${where} ${message}`,
    );
  t.match(mistakesOf('{cert: none.crt, key: one.key}'), [/^6 spec\.traffic\.tls\.cert there is no file/]);
  t.match(mistakesOf('{cert: text.pem, key: one.key}'), [/tls\.cert holds no certificate in PEM form/]);
  t.match(mistakesOf('{cert: one.crt, key: text.pem}'), [/tls\.key holds no private key/]);
  t.match(mistakesOf('{cert: one.crt, key: two.key}'), [/tls\.key is not the key of that certificate/]);
  t.match(mistakesOf('{cert: one.crt, key: one.key, clientCa: text.pem}'), [/tls\.clientCa holds no certificate/]);
  t.match(mistakesOf('{cert: one.crt}'), [/tls needs the key `key`/]);
  const good = '{cert: one.crt, key: one.key}';
  t.match(mistakesOf(good, 'primary: {url: "http://127.0.0.1:1", tls: {ca: one.crt}}'), [/no URL of this upstream begins with https/]);
  t.match(mistakesOf(good, 'primary: {url: "https://127.0.0.1:1", tls: {cert: one.crt}}'), [/`cert` and `key` go together/]);
  t.match(mistakesOf(good, 'primary: {url: "http://127.0.0.1:1", grpcUrl: "ftp://x"}'), [/grpcUrl is not http or https/]);
  t.same(mistakesOf(good, 'primary: {url: "http://127.0.0.1:1", grpcUrl: "https://h:2", tls: {ca: one.crt, serverName: x}}'), []);
});
