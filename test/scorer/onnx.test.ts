import { execFileSync } from 'node:child_process';
import { copyFileSync, linkSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import t from 'tap';
import { openModel } from '../../scorer/onnx.ts';

const golden = (name: string) => path.join(import.meta.dirname, `../golden/onnx/${name}.onnx`);

t.test('a model tells its inputs and outputs in the words of V2', async (t) => {
  const model = await openModel(golden('mixed'));
  t.teardown(() => model.close());
  t.same(model.inputs, [
    { name: 'text', datatype: 'BYTES', shape: [-1, 1] },
    { name: 'count', datatype: 'INT64', shape: [-1, 1] },
    { name: 'flag', datatype: 'BOOL', shape: [-1, 1] },
    { name: 'size', datatype: 'FP32', shape: [-1, 1] },
  ]);
});

t.test('every kind of element goes through the model and back unchanged', async (t) => {
  const model = await openModel(golden('mixed'));
  t.teardown(() => model.close());
  const sent = { text: ['grün', ''], count: [2n ** 62n, -1], flag: [true, false], size: [1.5, Number.NaN] };
  const outputs = await model.run(Object.entries(sent).map(([name, data]) => ({ name, datatype: null, shape: [2], data })));
  t.same(Object.fromEntries(outputs.map(({ name, data }) => [name.replace('out_', ''), data])), sent);
  t.same(outputs[0], { name: 'out_text', datatype: 'BYTES', shape: [2, 1], data: ['grün', ''] });
});

t.test('a missing number is NaN to the model', async (t) => {
  const model = await openModel(golden('matrix'));
  t.teardown(() => model.close());
  const [sum] = await model.run([{ name: 'any', datatype: null, shape: [2, 3], data: [1, 2, 3, 4, null, 6] }]);
  t.same(sum, { name: 'sum', datatype: 'FP32', shape: [2], data: [6, Number.NaN] });
});

t.test('a ZipMap is left out beside a label, and refused with its remedy when alone', async (t) => {
  const model = await openModel(golden('zipmap'));
  t.teardown(() => model.close());
  t.same(
    model.outputs.map(({ name }) => name),
    ['label'],
  );
  const [label, ...others] = await model.run([{ name: 'x', datatype: null, shape: [2, 2], data: [0, 5, 1, 0] }]);
  t.same(label?.data, [1, 0]);
  t.same(others, []);
  await t.rejects(openModel(golden('only-map')), { name: 'ScorerError', code: 'no-tensor-output', message: /without ZipMap/ });
});

t.test('CUDA that is not there is an error, never the CPU in silence', async (t) => {
  // In a process of its own, since the runtime prints its view on stderr as well.
  const script = `import { openModel } from './scorer/onnx.ts';
    const model = await openModel(${JSON.stringify(golden('matrix'))}, { provider: 'cuda' }).catch((error) => error);
    console.log(process.env.NVIDIA_TF32_OVERRIDE, model.code ?? 'opened', model.message ?? '');`;
  const options = { cwd: path.join(import.meta.dirname, '../..'), encoding: 'utf8', stdio: 'pipe' } as const;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], options);
  // Asked of the disk and not of the runtime: an open that succeeds without the library computed somewhere else.
  const folder = path.join(path.dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')), 'bin');
  const installed = readdirSync(folder, { recursive: true }).some((file) => /providers_cuda\.(so|dll)$/.test(String(file)));
  if (installed) t.pass('refused', { skip: "CUDA's provider library is installed here" });
  else t.match(said, /^0 provider scorer: provider cuda is not available.*provider libraries/);
  const asked = { ...options, env: { ...process.env, NVIDIA_TF32_OVERRIDE: '1' } };
  t.match(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], asked),
    /^1 /,
    'less precision only where it was asked for',
  );
});

t.test('a file that is no model is refused, and says which and what to do', async (t) => {
  const dir = t.testdir({ 'text.onnx': 'not a model', 'empty.onnx': '', inner: {} });
  copyFileSync(golden('matrix'), path.join(dir, 'cut.onnx'));
  truncateSync(path.join(dir, 'cut.onnx'), 100);
  await t.rejects(openModel(path.join(dir, 'none.onnx')), { code: 'model-missing', message: /none\.onnx; check the path/ });
  await t.rejects(openModel(path.join(dir, 'text.onnx')), { code: 'model-invalid' });
  await t.rejects(openModel(path.join(dir, 'cut.onnx')), { code: 'model-invalid' });
  await t.rejects(openModel(path.join(dir, 'empty.onnx')), { code: 'model-refused', message: /is empty/ });
  await t.rejects(openModel(path.join(dir, 'inner')), { code: 'model-refused', message: /not a regular file/ });
  await t.rejects(openModel(golden('matrix'), { limitBytes: 100 }), { code: 'model-refused', message: /more than the limit of 100/ });
});

t.test('a pipe is refused at once instead of waited for', async (t) => {
  const pipe = path.join(t.testdir({}), 'pipe.onnx');
  execFileSync('mkfifo', [pipe]);
  await t.rejects(openModel(pipe), { code: 'model-refused', message: /not a regular file/ });
});

t.test('a link is followed inside its directory and refused outside', async (t) => {
  const dir = t.testdir({ mount: {}, outside: {} });
  const mount = path.join(dir, 'mount');
  copyFileSync(golden('matrix'), path.join(dir, 'outside/model.onnx'));
  symlinkSync('../outside/model.onnx', path.join(mount, 'escape.onnx'));
  await t.rejects(openModel(path.join(mount, 'escape.onnx')), { code: 'model-refused', message: /symbolic link out of its directory/ });
  // As Kubernetes mounts a ConfigMap.
  mkdirSync(path.join(mount, '..2026'));
  copyFileSync(golden('matrix'), path.join(mount, '..2026/model.onnx'));
  symlinkSync('..2026', path.join(mount, '..data'));
  symlinkSync('..data/model.onnx', path.join(mount, 'model.onnx'));
  const model = await openModel(path.join(mount, 'model.onnx'));
  await model.close();
});

t.test('a hard link is refused', async (t) => {
  const dir = t.testdir({});
  copyFileSync(golden('matrix'), path.join(dir, 'first.onnx'));
  linkSync(path.join(dir, 'first.onnx'), path.join(dir, 'second.onnx'));
  await t.rejects(openModel(path.join(dir, 'second.onnx')), { code: 'model-refused', message: /hard links; copy the file/ });
});

t.test('weights in another file are refused even where that file exists', async (t) => {
  const dir = t.testdir({});
  copyFileSync(golden('external'), path.join(dir, 'external.onnx'));
  writeFileSync(path.join(dir, 'external.bin'), Buffer.from(Float32Array.of(1).buffer));
  const before = process.cwd();
  t.teardown(() => process.chdir(before));
  // The runtime looks in the working directory for a model that it was given as bytes.
  process.chdir(dir);
  await t.rejects(openModel('external.onnx'), { code: 'model-refused', message: /weights in other files/ });
});

t.test('a closed model refuses to run and closes twice', async (t) => {
  const model = await openModel(golden('matrix'));
  await model.close();
  await model.close();
  await t.rejects(model.run([{ name: 'x', datatype: null, shape: [1, 3], data: [1, 2, 3] }]), { code: 'closed' });
});
