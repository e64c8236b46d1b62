/**
 * `driftline run`: the sidecar.
 */
import { Command } from 'commander';
import { ConfigError } from '../../contracts/errors.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { defaultPolicy, loadPolicy } from '../../policies/load.ts';
import { parseDuration } from '../../policies/durations.ts';
import { build, type Driftline } from '../build.ts';
import { crash, drainAtCrash } from '../crash.ts';
import { parseAddress } from './address.ts';
import { onStopSignal } from './stop-signals.ts';

/** Beyond the delay, for calls, exporters and the disk at the end after a fault of ours. */
const DRAIN_WITHIN_MS = 20_000;
/** Each has a ring of 16 MiB. */
const MOST_THREADS = 64;

interface RunFlags {
  readonly config?: string;
  readonly upstream?: string;
  readonly grpcUpstream?: string;
  readonly listen: string;
  readonly admin: string;
  readonly state: string;
  readonly dataThreads: string;
  readonly drainDelay?: string;
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
    .option('--data-threads <N>', 'threads that carry calls; more than one shares the port by SO_REUSEPORT', '1')
    .option('--drain-delay <DURATION>', 'after SIGTERM, serve on for so long while /readyz says no (default: 5s in Kubernetes, else 0s)')
    .action(run);
}

async function run(flags: RunFlags): Promise<void> {
  const listen = parseAddress('--listen', flags.listen);
  const admin = parseAddress('--admin', flags.admin);
  const { config: file, upstream, grpcUpstream } = flags;
  const dataThreads = parseCount(flags.dataThreads);
  const drainDelayMs = parseDelay(flags.drainDelay ?? (process.env.KUBERNETES_SERVICE_HOST === undefined ? '0s' : '5s'));
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
  let started: Driftline | null = null;
  drainAtCrash({
    stateDirectory: flags.state,
    log,
    drain: async () => started?.close(drainDelayMs),
    withinMs: drainDelayMs + DRAIN_WITHIN_MS,
  });
  const driftline = await build({
    policy,
    reload: file === undefined ? null : { file, load: (path) => loadPolicy(path, context) },
    listen,
    admin,
    stateDirectory: flags.state,
    dataThreads,
    print: (text) => process.stdout.write(`${text}\n\n`),
    log,
    onDeath: crash,
  });
  started = driftline;
  const { tls, upstreams } = policy.traffic;
  const [primary] = upstreams;
  const scheme = (secure: boolean) => (secure ? 'https' : 'http');
  const before = `${scheme(primary?.secure === true)}://${primary?.host}:${primary?.port}`;
  log(`driftline: data port ${scheme(tls !== undefined)}://${driftline.data.host}:${driftline.data.port} → ${before}`);
  log(`driftline: page and API http://${driftline.admin.host}:${driftline.admin.port}/, policy ${policy.name}, state ${flags.state}`);

  const stop = (signal: NodeJS.Signals) => {
    log('driftline: draining; once more ends at once');
    // Whoever presses Ctrl-C waits for no load balancer.
    driftline.close(signal === 'SIGTERM' ? drainDelayMs : 0).then(
      () => process.exit(),
      (error) => crash('main', error),
    );
  };
  onStopSignal(stop, () => driftline.sync());
}

/** @throws ConfigError `usage`. */
function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > MOST_THREADS)
    throw new ConfigError('usage', `--data-threads ${text}: must be a whole number from 1 to ${MOST_THREADS}`);
  return count;
}

/** @throws ConfigError `usage`. */
function parseDelay(text: string): number {
  try {
    return text === '0s' || text === '0' ? 0 : parseDuration(text);
  } catch {
    throw new ConfigError('usage', `--drain-delay ${text}: must be a duration, such as 5s`);
  }
}
