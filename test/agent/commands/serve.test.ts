import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';

const root = path.join(import.meta.dirname, '../../..');
const model = path.join(root, 'agent/demo/elec2.onnx');
const script = `import { serveCommand } from './agent/commands/serve.ts'; await serveCommand().parseAsync(process.argv.slice(1), { from: 'user' });`;

/** Runs `serve` with these arguments; `said` is its stderr so far. */
function serve(t: Test, ...args: string[]) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, '--', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  const announced = Promise.withResolvers<string>();
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
    const [, url] = /on (http:\S+)/.exec(said) ?? [];
    if (url !== undefined) announced.resolve(url);
  });
  const ended = once(child, 'close').then(([code]) => ({ code, said }));
  return { child, ended, announced: announced.promise };
}

t.test('serve answers predictions until it is told to stop, and ends 0', async (t) => {
  const { child, ended, announced } = serve(t, model, '--listen', '127.0.0.1:0');
  const url = await announced;
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+\/v2\/models\/elec2\/infer$/);
  const names = ['period', 'nswprice', 'nswdemand', 'vicprice', 'vicdemand', 'transfer'];
  const body = JSON.stringify({ inputs: names.map((name) => ({ name, datatype: 'FP32', shape: [1], data: [0.5] })) });
  const answer = await fetch(url, { method: 'POST', body });
  t.match(await answer.json(), { model_name: 'elec2', outputs: [{ name: 'label' }, { name: 'probabilities' }] });
  child.kill('SIGTERM');
  t.equal((await ended).code, 0);
});

t.test('a wrong model file or argument ends 2 with its remedy', async (t) => {
  const cases: [args: string[], said: RegExp][] = [
    [['nowhere.onnx'], /no model file at nowhere\.onnx; check the path/],
    [['package.json'], /package\.json cannot be loaded/],
    [[model, '--listen', 'here'], /no HOST:PORT/],
    [[model, '--listen', '127.0.0.1:70000'], /no HOST:PORT/],
    [[model, '--provider', 'abacus'], /choose cpu or cuda/],
    [[model, '--protocol', 'telepathy'], /choose auto or one of/],
  ];
  await Promise.all(
    cases.map(async ([args, expected]) => {
      const { code, said } = await serve(t, ...args).ended;
      t.equal(code, 2, args.join(' '));
      t.match(said, expected);
    }),
  );
});

t.test('a port in use ends 3', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  // A server on a port has an address of that form.
  const { port } = taken.address() as { readonly port: number };
  const { code, said } = await serve(t, model, '--listen', `127.0.0.1:${port}`).ended;
  t.equal(code, 3);
  t.match(said, /in use; choose another port/);
});
