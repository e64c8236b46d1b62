/**
 * `driftline run`: the sidecar.
 */
import { Command } from 'commander';
import { ConfigError } from '../../contracts/errors.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { defaultPolicy, loadPolicy } from '../../policies/load.ts';
import { build } from '../build.ts';
import { parseAddress } from './address.ts';
import { onStopSignal } from './stop-signals.ts';

interface RunFlags {
  readonly config?: string;
  readonly upstream?: string;
  readonly grpcUpstream?: string;
  readonly listen: string;
  readonly admin: string;
  readonly state: string;
}

export function runCommand(): Command {
  return new Command('run')
    .summary('the sidecar in front of a model server')
    .description('Passes every call through to the model server, records and watches them, and acts by the policy.')
    .option('-c, --config <policy.yaml>', 'the policy; without it --upstream alone runs on sensible defaults')
    .option('--upstream <URL>', 'the model server; overrides the primary upstream of the policy')
    .option('--grpc-upstream <URL>', 'where its gRPC calls go; without it, to the same place')
    .option('--listen <HOST:PORT>', 'data port: only proxied traffic', '127.0.0.1:8080')
    .option('--admin <HOST:PORT>', 'admin port: page, API, metrics, probes', '127.0.0.1:9090')
    .option('--state <DIR>', 'what survives a restart', '.driftline')
    .action(run);
}

async function run(flags: RunFlags): Promise<void> {
  const listen = parseAddress('--listen', flags.listen);
  const admin = parseAddress('--admin', flags.admin);
  const { config: file, upstream, grpcUpstream } = flags;
  const known = { detectors: new Map(detectors.map((detector) => [detector.type, detector])), own: [listen, admin] };
  const context = {
    ...known,
    ...(upstream === undefined ? {} : { upstream }),
    ...(grpcUpstream === undefined ? {} : { grpcUpstream }),
  };
  if (file === undefined && upstream === undefined)
    throw new ConfigError('usage', 'run: give --upstream URL, or a policy with -c policy.yaml');
  const policy = file === undefined ? defaultPolicy({ ...context, upstream: upstream ?? '' }) : loadPolicy(file, context);

  const log = (line: string) => process.stderr.write(`${line}\n`);
  const driftline = await build({
    policy,
    reload: file === undefined ? null : { file, load: (path) => loadPolicy(path, context) },
    listen,
    admin,
    stateDirectory: flags.state,
    print: (text) => process.stdout.write(`${text}\n\n`),
    log,
  });
  const primary = policy.traffic.upstreams[0];
  log(`driftline: data port http://${driftline.data.host}:${driftline.data.port} → http://${primary?.host}:${primary?.port}`);
  log(`driftline: page and API http://${driftline.admin.host}:${driftline.admin.port}/, policy ${policy.name}, state ${flags.state}`);

  onStopSignal(() => {
    log('driftline: draining; once more ends at once');
    driftline.close().then(
      () => process.exit(0),
      (error) => {
        log(`driftline: ${error instanceof Error ? error.message : String(error)}`);
        process.exit(1);
      },
    );
  });
}
