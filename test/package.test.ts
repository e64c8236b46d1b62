import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { startServer } from './support/child.ts';
import { installPackage } from './support/install-package.ts';

const root = path.join(import.meta.dirname, '..');

/** The machine's own Node where it is older than ours: the one that a user's `npx driftline` would begin with. */
const node = ['/usr/bin/node', '/usr/local/bin/node'].find((file) => existsSync(file)) ?? process.execPath;

t.setTimeout(120_000);

t.test('the packed package runs without its sources', async (t) => {
  const folder = t.testdir();
  const home = await installPackage(folder);
  const launcher = path.join(home, 'bin/driftline.js');

  await t.test('it carries compiled code, the page, the demo and the presets, and no TypeScript', async (t) => {
    const files = readdirSync(home, { recursive: true, encoding: 'utf8' });
    t.same(
      files.filter((file) => file.endsWith('.ts')),
      [],
    );
    for (const file of ['dist/agent/main.js', 'agent/page/index.html', 'agent/demo/elec2.onnx', 'policies/presets/default.yaml', 'LICENSE'])
      t.ok(files.includes(file), file);
  });

  await t.test('detect reads a stream', async (t) => {
    const child = execFile(node, [launcher, 'detect', '--detector', 'adwin', '--json'], { cwd: folder });
    let out = '';
    child.stdout?.on('data', (text) => {
      out += text;
    });
    child.stdin?.end(`${'0.1\n'.repeat(300)}${'0.9\n'.repeat(300)}`);
    const [code] = await once(child, 'close');
    t.equal(code, 0);
    t.match(out, /"level":"drift"/);
  });

  await t.test('serve and run work together, threads, scorer, page and all', async (t) => {
    const model = await startServer(
      node,
      [launcher, 'serve', path.join(home, 'agent/demo/elec2.onnx'), '--name', 'elec2', '--listen', '127.0.0.1:0'],
      /on http/,
    );
    t.teardown(() => model.stop());
    const upstream = /http:\/\/[\d.]+:\d+/.exec(model.ready)?.[0] ?? '';
    const args = [
      'run',
      '--upstream',
      upstream,
      '--listen',
      '127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
      '--state',
      path.join(folder, 'state'),
    ];
    const sidecar = await startServer(node, [launcher, ...args], /page and API/);
    t.teardown(() => sidecar.stop());
    const admin = /http:\/\/[\d.]+:\d+/.exec(sidecar.ready)?.[0];
    const status = (await (await fetch(`${admin}/v1/status`)).json()) as { version: string; proxy: { address: string } };
    t.equal(status.version, JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version);
    t.match(await (await fetch(`${admin}/`)).text(), /<html/);
    const answer = await fetch(`http://${status.proxy.address}/v2/models/elec2/infer`, {
      method: 'POST',
      body: readFileSync(path.join(root, 'deploy/compose/request.json')),
    });
    t.equal(answer.status, 200);
    t.equal(answer.headers.get('x-driftline-served-by'), 'primary');
  });
});
