/**
 * Starts a real OpenTelemetry Collector for tests: OTLP over HTTP in, one file of OTLP JSON lines a signal out.
 *
 * Built once by the Collector's own builder, which needs Go and two to five minutes of CPU; the binary (about 38 MB) stays
 * in the cache until `builder.yaml` changes. `node test/support/collector.ts` builds it if need be, starts one, prints its
 * address and keeps it until Ctrl-C.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, missing, type Skipped } from './build-cache.ts';
import { isInstalled, runTool, startServer } from './child.ts';

/** OTLP JSON, as far as tests look at it. */
export interface OtlpAttribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly resource: readonly OtlpAttribute[];
}
export interface OtlpLogRecord {
  readonly eventName: string;
  readonly body?: { readonly stringValue: string };
  readonly attributes: readonly OtlpAttribute[];
}
export interface OtlpMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly { readonly asInt?: string; readonly asDouble?: number }[] };
}

export interface CollectorServer {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  /** The Prometheus page. */
  readonly prometheusUrl: string;
  /** What arrived so far. */
  spans(): Promise<OtlpSpan[]>;
  logRecords(): Promise<OtlpLogRecord[]>;
  /** The newest figures that arrived. */
  metrics(): Promise<OtlpMetric[]>;
  /** Ends the process and removes its files; safe twice. */
  close(): Promise<void>;
}

/** One line of a file: signal-named lists of resources, scopes and items. */
interface OtlpFile {
  readonly resourceSpans: readonly { resource: { attributes: OtlpAttribute[] }; scopeSpans: readonly { spans: OtlpSpan[] }[] }[];
  readonly resourceLogs: readonly { scopeLogs: readonly { logRecords: OtlpLogRecord[] }[] }[];
  readonly resourceMetrics: readonly { scopeMetrics: readonly { metrics: OtlpMetric[] }[] }[];
}

const SOURCE = join(import.meta.dirname, 'collector');

/** Starts a Collector with empty files. */
export async function startCollector(): Promise<CollectorServer | Skipped> {
  if (!(await isInstalled('go'))) return missing('Go is not installed');
  const folder = await cached('collector', [join(SOURCE, 'builder.yaml')], build);
  const out = await mkdtemp(join(tmpdir(), 'driftline-collector-'));
  const [otlpPort, prometheusPort] = await freePorts(2);
  const env = { OTLP_PORT: String(otlpPort), PROMETHEUS_PORT: String(prometheusPort), OUT_DIR: out };
  const server = await startServer(join(folder, 'otelcol'), ['--config', join(SOURCE, 'config.yaml')], /Everything is ready/, env);
  return {
    url: `http://127.0.0.1:${otlpPort}`,
    prometheusUrl: `http://127.0.0.1:${prometheusPort}/metrics`,
    async spans() {
      const resources = (await readLines(join(out, 'traces.jsonl'))).flatMap((line) => line.resourceSpans);
      return resources.flatMap(({ resource, scopeSpans }) =>
        scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, resource: resource.attributes }))),
      );
    },
    async logRecords() {
      const resources = (await readLines(join(out, 'logs.jsonl'))).flatMap((line) => line.resourceLogs);
      return resources.flatMap((resource) => resource.scopeLogs.flatMap((scope) => scope.logRecords));
    },
    async metrics() {
      const newest = (await readLines(join(out, 'metrics.jsonl'))).at(-1)?.resourceMetrics ?? [];
      return newest.flatMap((resource) => resource.scopeMetrics.flatMap((scope) => scope.metrics));
    },
    async close() {
      await server.stop();
      await rm(out, { recursive: true, force: true });
    },
  };
}

async function readLines(file: string): Promise<OtlpFile[]> {
  const text = await readFile(file, 'utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as OtlpFile]));
}

async function build(folder: string): Promise<void> {
  const builderYaml = join(SOURCE, 'builder.yaml');
  const version = /v[\d.]+/.exec(await readFile(builderYaml, 'utf8'))?.[0];
  await runTool('go', ['install', `go.opentelemetry.io/collector/cmd/builder@${version}`], { env: { GOBIN: join(folder, 'bin') } });
  // It ends with `go mod tidy`, which also wants modules of other modules' tests; without those the sources are complete all the same.
  const generated = runTool(join(folder, 'bin', 'builder'), ['--config', builderYaml, '--skip-compilation'], { cwd: folder });
  await generated.catch((error) => {
    if (!existsSync(join(folder, 'dist', 'main.go'))) throw error;
  });
  await runTool('go', ['build', '-mod=mod', '-trimpath', '-ldflags=-s -w', '-o', join(folder, 'otelcol.new'), '.'], {
    cwd: join(folder, 'dist'),
    env: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' },
  });
  await rm(join(folder, 'dist'), { recursive: true });
  await rm(join(folder, 'bin'), { recursive: true });
  await rename(join(folder, 'otelcol.new'), join(folder, 'otelcol'));
}

/** Ports free a moment ago; the Collector cannot say which one it took when asked for any. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

if (import.meta.main) {
  const server = await startCollector();
  if ('skipped' in server) console.error(server.skipped);
  else {
    console.log(server.url);
    process.once('SIGINT', () => void server.close());
    process.once('SIGTERM', () => void server.close());
  }
}
