/**
 * `driftline serve`: one ONNX model as a model server, in the foreground.
 */
import path from 'node:path';
import { Command } from 'commander';
import { ConfigError, ScorerError } from '../../contracts/errors.ts';
import { protocolsFor } from '../../proxy/catalogue.ts';
import { openModel } from '../../scorer/onnx.ts';
import { type ScorerServer, startScorerServer } from '../../scorer/server.ts';

interface ServeOptions {
  readonly listen: string;
  readonly name?: string;
  readonly provider: string;
  readonly threads: string;
  readonly protocol: string;
}

const DEFAULT_LISTEN = '127.0.0.1:8081';

/** The command, ready to be added to the program. Ends with 2 for a wrong argument or model, 3 when the port cannot be had. */
export function serveCommand(): Command {
  return new Command('serve')
    .summary('one ONNX model as a model server')
    .description('Serves an ONNX model over HTTP (KServe V2 and V1, TF Serving, MLflow) and gRPC (V2, TF Serving), without the sidecar.')
    .argument('<model>', 'path of the .onnx file')
    .option('--listen <HOST:PORT>', 'address to listen on; port 0 takes any free one', DEFAULT_LISTEN)
    .option('--name <name>', "model name in paths and answers (default: the file's name)")
    .option('--provider <cpu|cuda>', 'where the model computes', 'cpu')
    .option('--threads <n>', 'threads inside one operator', '1')
    .option('--protocol <type>', 'one protocol, or auto for all that are told by their paths', 'auto')
    .action(async (model: string, options: ServeOptions) => {
      process.exitCode = await serve(model, options);
    });
}

/** Runs until a signal; answers the exit code. */
async function serve(file: string, options: ServeOptions): Promise<number> {
  const address = readAddress(options.listen);
  const { provider } = options;
  const threads = Number(options.threads);
  if (address === null) return fail(2, `--listen ${options.listen} is no HOST:PORT; write for example ${DEFAULT_LISTEN}`);
  if (provider !== 'cpu' && provider !== 'cuda') return fail(2, `--provider ${provider} is unknown; choose cpu or cuda`);
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) return fail(2, '--threads is a whole number from 1 to 256');
  const name = options.name ?? path.basename(file).replace(/\.onnx$/, '');
  const signal = stopSignal();
  try {
    const protocols = protocolsFor(options.protocol, { inputs: [], outputs: [] });
    const model = await openModel(file, { provider, threads });
    try {
      const server = await startScorerServer({ model, name, version: null, protocols, ...address });
      announce(server, name);
      await signal;
      await server.close();
      return 0;
    } finally {
      await model.close();
    }
  } catch (error) {
    if (error instanceof ScorerError || error instanceof ConfigError) return fail(2, error.message);
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'EADDRINUSE') return fail(3, `${options.listen} is in use; choose another port with --listen`);
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      return fail(3, `cannot listen on ${options.listen} (${code}); choose another address with --listen`);
    }
    throw error;
  }
}

function announce({ host, port }: ScorerServer, name: string): void {
  const shown = host.includes(':') ? `[${host}]` : host;
  process.stderr.write(`driftline serve: ${name} on http://${shown}:${port}/v2/models/${encodeURIComponent(name)}/infer\n`);
}

/** HOST:PORT, with an IPv6 host in brackets; null when it is neither. */
function readAddress(text: string): { readonly host: string; readonly port: number } | null {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port > 65535 ? null : { host, port };
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

function fail(code: number, message: string): number {
  process.stderr.write(`driftline serve: ${message}\n`);
  return code;
}
