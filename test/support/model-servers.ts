/**
 * Starts real model servers for tests: Triton, KServe's Python runtime and LitServe, with small models whose sources are in `servers/`.
 *
 * They come as Python wheels (about 300 MB each for the first two, once a machine), kept in the cache until their requirements change.
 */
import { chmod, copyFile, cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, missing, type Skipped } from './build-cache.ts';
import { isInstalled, runTool, startServer } from './child.ts';
import { call, until } from './program.ts';

/** A model server that is ready. */
export interface RealServer {
  readonly url: string;
  /** Where it speaks gRPC; null where it does not. */
  readonly grpcPort: number | null;
  /** Ends it; safe twice. */
  close(): Promise<void>;
}

const SOURCES = join(import.meta.dirname, 'servers');
/** Both servers' binary parts are made for this version. */
const PYTHON = 'python3.11';
const START_MS = 120_000;

/** Triton with the Python backend: `iris`, `echo_types`, `text`, `fail`. */
export async function startTriton(): Promise<RealServer | Skipped> {
  const site = await install('triton', ['--no-deps'], async (folder) => {
    const server = join(folder, 'pytriton/tritonserver');
    const backend = join(server, 'backends/python');
    const stub = join(backend, 'triton_python_backend_stub');
    await copyFile(join(server, 'python_backend_stubs/3.11/triton_python_backend_stub'), stub);
    await chmod(stub, 0o755);
    // The stub looks beside itself, and nowhere that the environment names.
    for (const part of ['numpy', 'numpy.libs']) await rename(join(folder, part), join(backend, part));
  });
  if (typeof site !== 'string') return site;
  const server = join(site, 'pytriton/tritonserver');
  // Triton's Python backend writes beside the models.
  const scratch = await mkdtemp(join(tmpdir(), 'driftline-triton-'));
  const models = join(scratch, 'models');
  await cp(join(SOURCES, 'triton'), models, { recursive: true, filter: (file) => !file.endsWith('requirements.txt') });
  const port = await freePort();
  const grpcPort = await freePort();
  const args = [
    ...['--model-repository', models, '--backend-directory', join(server, 'backends')],
    ...['--http-address', '127.0.0.1', '--http-port', String(port), '--allow-metrics', 'false'],
    ...['--grpc-address', '127.0.0.1', '--grpc-port', String(grpcPort)],
    ...['--model-control-mode', 'explicit', '--load-model', '*', '--backend-config', 'python,shm-default-byte-size=1048576'],
  ];
  const running = await ready(port, join(server, 'bin/tritonserver'), args, {}, undefined, () =>
    rm(scratch, { recursive: true, force: true }),
  );
  return { ...running, grpcPort };
}

/** KServe's Python runtime: `iris-like`, `churn`, `echo`. */
export async function startKserve(): Promise<RealServer | Skipped> {
  const site = await install('kserve', ['--no-deps']);
  if (typeof site !== 'string') return site;
  const port = await freePort();
  const grpcPort = await freePort();
  const running = await ready(port, PYTHON, [join(SOURCES, 'kserve/serve.py'), String(port), String(grpcPort)], { PYTHONPATH: site });
  return { ...running, grpcPort };
}

/** LitServe: `/predict`, `/lines` (a value a line) and OpenAI's `/v1/chat/completions`, whose model fails at the word `fail`. */
export async function startLitserve(): Promise<RealServer | Skipped> {
  const site = await install('litserve', ['--no-deps']);
  if (typeof site !== 'string') return site;
  const port = await freePort();
  return ready(port, PYTHON, [join(SOURCES, 'litserve/serve.py'), String(port)], { PYTHONPATH: site }, '/health');
}

/** The folder of the server's Python packages. */
async function install(
  name: string,
  options: readonly string[],
  finish: (folder: string) => Promise<void> = async () => {},
): Promise<string | Skipped> {
  if (!(await isInstalled(PYTHON))) return missing(`${PYTHON} is not installed`);
  const requirements = join(SOURCES, name, 'requirements.txt');
  try {
    return await cached(name, [requirements], async (folder) => {
      await runTool(PYTHON, [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--only-binary',
        ':all:',
        '--target',
        folder,
        ...options,
        '-r',
        requirements,
      ]);
      await finish(folder);
    });
  } catch (error) {
    return missing(`${name} cannot be installed: ${error instanceof Error ? error.message.slice(-300) : String(error)}`);
  }
}

async function ready(
  port: number,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  probedPath = '/v2/health/ready',
  after: () => Promise<void> = async () => {},
): Promise<RealServer> {
  // They talk long before they serve; what counts is their own probe.
  const server = await startServer(command, args, /./, env);
  const url = `http://127.0.0.1:${port}`;
  const close = async (): Promise<void> => {
    await server.stop();
    await after();
  };
  const probe = async (): Promise<number> => {
    if (server.process.exitCode !== null) throw new Error(`${command} ended with ${server.process.exitCode} before it was ready`);
    return call(url + probedPath).then(
      ({ status }) => status,
      () => 0,
    );
  };
  try {
    await until(`${command} on ${url}`, probe, (status) => status === 200, START_MS);
  } catch (error) {
    await close();
    throw error;
  }
  return { url, grpcPort: null, close };
}

/** A port that was free a moment ago; neither server can say which one it took when asked for any. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
