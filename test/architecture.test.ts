import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';

const root = path.join(import.meta.dirname, '..');
const MIDDLE = ['detectors', 'exporters', 'policies', 'proxy', 'scorer'];

/** Packages with one home each. */
const HOMES: { readonly [name: string]: string } = {
  fastify: 'agent/admin/',
  '@fastify/static': 'agent/admin/',
  'prom-client': 'agent/admin/',
  'onnxruntime-node': 'scorer/onnx.ts',
  '@elastic/elasticsearch': 'exporters/elasticsearch',
  '@opentelemetry/api': 'exporters/opentelemetry',
  '@opentelemetry/sdk-node': 'exporters/opentelemetry',
  undici: 'proxy/undici-transport.ts',
  yaml: 'policies/',
  'node:sqlite': 'agent/store/',
};

interface Import {
  readonly file: string;
  readonly target: string;
}

function imports(): Import[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.includes('node_modules') && !file.startsWith('dist'),
  );
  return files.flatMap((file) => {
    const text = readFileSync(path.join(root, file), 'utf8');
    const targets = [...text.matchAll(/^(?:import|export)\s[^;]*?from\s+'([^']+)'|import\('([^']+)'\)|^import\s+'([^']+)'/gm)];
    return targets.map((match) => ({ file, target: match[1] ?? match[2] ?? match[3] ?? '' }));
  });
}

/** Folder of the house that a relative import leads to, or null for a package. */
function folderOf({ file, target }: Import): string | null {
  if (!target.startsWith('.')) return null;
  return path.relative(root, path.resolve(root, path.dirname(file), target)).split(path.sep)[0] ?? null;
}

const all = imports();

t.test('contracts import nothing from outside themselves', (t) => {
  const strays = all.filter((one) => one.file.startsWith('contracts/') && folderOf(one) !== 'contracts');
  t.same(strays, []);
  t.end();
});

t.test('the middle folders import contracts, themselves and packages, never each other and never the agent', (t) => {
  const strays = all.filter((one) => {
    const own = one.file.split('/')[0] ?? '';
    const folder = folderOf(one);
    // Templates that are installed as they lie in deploy/ are data, not code.
    if (folder === 'deploy' && one.target.endsWith('.json')) return false;
    return MIDDLE.includes(own) && folder !== null && folder !== own && folder !== 'contracts';
  });
  t.same(strays, []);
  t.end();
});

t.test('packages that weigh something are imported in their one home', (t) => {
  const strays = all.filter((one) => {
    const home = HOMES[one.target];
    return home !== undefined && !one.file.startsWith('test/') && !one.file.startsWith('bench/') && !one.file.startsWith(home);
  });
  t.same(strays, []);
  t.end();
});

t.test('the rule sees imports at all', (t) => {
  t.ok(all.length > 100, `${all.length} imports read`);
  t.ok(all.some((one) => one.file === 'agent/build.ts' && folderOf(one) === 'proxy'));
  t.end();
});
