import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type ScorerOptions, startScorer } from '../../agent/scorer.ts';

const golden = (name: string) => path.join(import.meta.dirname, `../golden/onnx/${name}.onnx`);
const infer = (port: number, x: number) =>
  fetch(`http://127.0.0.1:${port}/v2/models/any/infer`, {
    method: 'POST',
    body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [x] }] }),
  });

/** A scorer, and a promise for the next of its log lines that matches. */
async function start(t: Test, options: Partial<ScorerOptions> = {}) {
  const waiting: { readonly pattern: RegExp; readonly resolve: (line: string) => void }[] = [];
  const lines: string[] = [];
  const scorer = await startScorer({
    model: golden('stuck'),
    backoffMs: 10,
    ...options,
    log: (line) => {
      lines.push(line);
      for (const { pattern, resolve } of waiting) if (pattern.test(line)) resolve(line);
    },
  });
  t.teardown(() => scorer.close());
  const said = (pattern: RegExp) => new Promise<string>((resolve) => waiting.push({ pattern, resolve }));
  return { scorer, lines, said };
}

const alive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

t.test('a scorer answers from a process of its own and ends with close', async (t) => {
  const { scorer } = await start(t);
  const { pid } = scorer;
  t.not(pid, process.pid);
  t.equal(scorer.ready, true);
  t.match(await (await infer(scorer.port, -2)).json(), { model_name: 'any', outputs: [{ name: 'y', data: [-2] }] });
  await scorer.close();
  await scorer.exited;
  await scorer.close();
  t.equal(alive(pid!), false);
  t.equal(scorer.pid, null);
  t.equal(scorer.restarts, 0);
});

t.test('a killed scorer starts again on the same port, each time after twice the pause, and its deaths are counted', async (t) => {
  const { scorer, said } = await start(t);
  const { port, pid } = scorer;
  for (const pause of [10, 20]) {
    const [died, again] = [said(/starting it again/), said(/serving again/)];
    process.kill(scorer.pid!, 'SIGKILL');
    t.match(await died, new RegExp(` in ${pause} ms$`));
    await again;
  }
  t.not(scorer.pid, pid);
  t.equal(scorer.port, port);
  t.equal(scorer.restarts, 2);
  t.equal((await infer(port, -1)).status, 200);
});

t.test('a computation without end is killed at the deadline, and the scorer serves again', async (t) => {
  const { scorer, said, lines } = await start(t, { deadlineMs: 400 });
  const again = said(/serving again/);
  await t.rejects(infer(scorer.port, 1));
  await again;
  t.match(lines[0], /no sign of life/);
  t.equal((await infer(scorer.port, -1)).status, 200);
});

t.test('a scorer that grows above its memory cap is replaced', async (t) => {
  // Any Node process is above 1 MiB.
  const { said } = await start(t, { residentMiB: 1, deadlineMs: 400 });
  t.match(await said(/grew/), /grew above 1 MiB; starting it again/);
});

t.test('a model that cannot be opened fails the start with its own error', async (t) => {
  await t.rejects(startScorer({ model: golden('none') }), { name: 'ScorerError', code: 'model-missing', message: /no model file/ });
  await t.rejects(startScorer({ model: golden('only-map') }), { code: 'no-tensor-output' });
  await t.rejects(startScorer({ model: golden('stuck'), protocol: 'telepathy' }), { code: 'unknown-protocol' });
});

t.test('a port in use fails the start', async (t) => {
  const { scorer } = await start(t);
  await t.rejects(startScorer({ model: golden('stuck'), port: scorer.port }), { code: 'scorer-port', message: /EADDRINUSE/ });
});

t.test('a start that takes too long is given up, and its process is gone', async (t) => {
  await t.rejects(startScorer({ model: golden('stuck'), startMs: 1, deadlineMs: 20 }), { code: 'start-deadline' });
});

t.test('a parent killed in mid-flight leaves no scorer behind', async (t) => {
  const script = `import { startScorer } from './agent/scorer.ts';
    console.log((await startScorer({ model: ${JSON.stringify(golden('stuck'))} })).port);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: path.join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => parent.kill('SIGKILL'));
  const [port] = await once(parent.stdout, 'data');
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => {});
  const ended = once(socket, 'close');
  parent.kill('SIGKILL');
  // The scorer's end closes its connections; nothing else would.
  await ended;
  await t.rejects(infer(Number(port), -1));
});

t.test('the process sees no secrets of its parent', { skip: process.platform !== 'linux' && 'reads /proc' }, async (t) => {
  process.env.DRIFTLINE_TEST_SECRET = 'canary';
  t.teardown(() => delete process.env.DRIFTLINE_TEST_SECRET);
  const { scorer } = await start(t);
  t.notMatch(readFileSync(`/proc/${scorer.pid}/environ`, 'utf8'), /canary/);
});
