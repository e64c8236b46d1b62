import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { ConfigError } from '../../contracts/errors.ts';
import type { Policy } from '../../contracts/policy.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { loadPolicy } from '../../policies/load.ts';
import { type PolicyWatchOptions, watchPolicy } from '../../policies/watch.ts';

const known = new Map(detectors.map((detector) => [detector.type, detector]));
const named = (name: string) => `apiVersion: driftline/v1
kind: Policy
metadata: {name: ${name}}
spec:
  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:8081"}}}
`;

/** Watches a file with events to await; the poll is far off unless asked for. */
function watching(t: Test, file: string, options: PolicyWatchOptions = {}) {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const heard = new EventEmitter();
  const state = watchPolicy(
    file,
    (changed) => loadPolicy(changed, { detectors: known }),
    { onPolicy: (policy) => heard.emit('policy', policy), onBroken: (error) => heard.emit('broken', error) },
    stop.signal,
    { pollMs: 60_000, settleMs: 5, ...options },
  );
  const next = async <T>(event: 'policy' | 'broken'): Promise<T> => {
    // The watch does not keep the process alive, as it should not; the test does.
    const alive = setInterval(() => {}, 1000);
    const [value] = await once(heard, event, { signal: AbortSignal.timeout(10_000) }).finally(() => clearInterval(alive));
    return value as T;
  };
  return { state, heard, stop, next };
}

t.test('a ConfigMap’s symlink swap is seen, twice, without waiting for the poll', async (t) => {
  const folder = t.testdir({});
  const version = (name: string) => {
    mkdirSync(path.join(folder, `..${name}`));
    writeFileSync(path.join(folder, `..${name}`, 'policy.yaml'), named(name));
  };
  // As the kubelet does: a fresh folder, a link to it beside, renamed over `..data`.
  const swap = (name: string) => {
    version(name);
    symlinkSync(`..${name}`, path.join(folder, '..data_tmp'));
    renameSync(path.join(folder, '..data_tmp'), path.join(folder, '..data'));
  };
  swap('one');
  symlinkSync(path.join('..data', 'policy.yaml'), path.join(folder, 'policy.yaml'));

  const { state, next } = watching(t, path.join(folder, 'policy.yaml'));
  for (const name of ['two', 'three']) {
    const seen = next<Policy>('policy');
    swap(name);
    t.equal((await seen).name, name);
  }
  t.match(state, { reloaded: 2, broken: 0, failure: null });
});

t.test('an editor’s rename over the file is seen', async (t) => {
  const folder = t.testdir({ 'policy.yaml': named('one') });
  const { next } = watching(t, path.join(folder, 'policy.yaml'));
  const seen = next<Policy>('policy');
  writeFileSync(path.join(folder, '.policy.yaml.swp'), named('two'));
  renameSync(path.join(folder, '.policy.yaml.swp'), path.join(folder, 'policy.yaml'));
  t.equal((await seen).name, 'two');
});

t.test('a broken file is told and counted once, and mending it is a reload', async (t) => {
  const file = path.join(t.testdir({ 'policy.yaml': named('one') }), 'policy.yaml');
  const { state, next } = watching(t, file);
  const broken = next<ConfigError>('broken');
  writeFileSync(file, `${named('two')}  windw: {}\n`);
  const error = await broken;
  t.ok(error instanceof ConfigError);
  t.match(error.mistakes, [{ line: 7, column: 3, path: 'spec.windw' }]);
  t.match(state, { reloaded: 0, broken: 1, failure: error });

  const mended = next<Policy>('policy');
  writeFileSync(file, named('three'));
  t.equal((await mended).name, 'three');
  t.match(state, { reloaded: 1, broken: 1, failure: null });
});

t.test('going back to the policy in use mends a broken file without a reload', async (t) => {
  const file = path.join(t.testdir({ 'policy.yaml': named('one') }), 'policy.yaml');
  const { state, next, heard } = watching(t, file);
  heard.on('policy', () => t.fail('nothing new to load'));
  const broken = next('broken');
  writeFileSync(file, 'spec: [');
  await broken;
  const brokenAgain = next('broken');
  writeFileSync(file, named('one'));
  await new Promise<void>((resolve) => {
    const look = setInterval(() => {
      if (state.failure !== null) return;
      clearInterval(look);
      resolve();
    }, 5);
  });
  t.match(state, { reloaded: 0, broken: 1, failure: null });
  writeFileSync(file, 'spec: {');
  await brokenAgain;
  t.equal(state.broken, 2);
});

t.test('a file that is taken away leaves the old policy, counted', async (t) => {
  const file = path.join(t.testdir({ 'policy.yaml': named('one') }), 'policy.yaml');
  const { state, next } = watching(t, file);
  const broken = next<ConfigError>('broken');
  rmSync(file);
  t.equal((await broken).code, 'policy-unreadable');
  t.equal(state.broken, 1);
});

t.test('other files in the folder, and the same bytes again, change nothing', async (t) => {
  const folder = t.testdir({ 'policy.yaml': named('one') });
  const file = path.join(folder, 'policy.yaml');
  const { state, next } = watching(t, file);
  writeFileSync(path.join(folder, 'other.yaml'), 'x');
  writeFileSync(file, readFileSync(file));
  const seen = next<Policy>('policy');
  writeFileSync(file, named('two'));
  t.equal((await seen).name, 'two');
  t.equal(state.reloaded, 1);
});

t.test('the poll finds what no event told, such as a change before the watch began', async (t) => {
  const file = path.join(t.testdir({ 'policy.yaml': named('two') }), 'policy.yaml');
  const hash = createHash('sha256').update(named('one')).digest('hex');
  const { next } = watching(t, file, { hash, pollMs: 10 });
  t.equal((await next<Policy>('policy')).name, 'two');
});

t.test('after the signal nothing is looked at any more', async (t) => {
  const file = path.join(t.testdir({ 'policy.yaml': named('one') }), 'policy.yaml');
  const { state, stop } = watching(t, file, { pollMs: 5 });
  stop.abort();
  writeFileSync(file, named('two'));
  await new Promise((resolve) => setTimeout(resolve, 40));
  t.match(state, { reloaded: 0, broken: 0 });
  t.match(
    watchPolicy(file, () => t.fail('loaded') as never, { onPolicy: () => {}, onBroken: () => {} }, stop.signal),
    { reloaded: 0 },
  );
});
