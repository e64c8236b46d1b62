/**
 * The exporters that a policy can ask for.
 */
import { hostname } from 'node:os';
import { ConfigError, DeliveryError } from '../contracts/errors.ts';
import type { Exporter } from '../contracts/exporter.ts';
import type { Policy } from '../contracts/policy.ts';
import { checkEnvironment } from './opentelemetry-environment.ts';

/** What exporters need from outside. */
export interface ExporterDeps {
  /** Secret by reference; null = not configured. */
  readonly secret: (reference: string) => string | null;
  /** Driftline's version. */
  readonly version: string;
  /** Name of the service that Driftline stands in front of. */
  readonly service?: string;
  /** Takes a line for people. */
  readonly log?: (line: string) => void;
}

/**
 * Makes the exporters of a policy, not yet opened.
 * @throws ConfigError when a secret is missing or the environment asks for what is not supported.
 */
export function openExporters(policy: Policy['exporters'], deps: ExporterDeps): Exporter[] {
  const exporters: Exporter[] = [];
  const { service = 'driftline', version, log = () => {} } = deps;
  if (policy.elasticsearch !== null) {
    const { nodes, apiKeyRef, namespace } = policy.elasticsearch;
    const apiKey = apiKeyRef === null ? null : deps.secret(apiKeyRef);
    if (apiKeyRef !== null && apiKey === null) {
      throw new ConfigError(
        'missing-secret',
        `elasticsearch: the secret ${apiKeyRef} is not configured; provide it or leave out apiKeyRef`,
      );
    }
    const batch = { events: 1_000, waitMs: 1_000 };
    const options = { nodes, apiKey, namespace, sender: { service, host: hostname(), version }, batch };
    const load = async (): Promise<Exporter> => (await import('./elasticsearch.ts')).elasticsearch(options);
    exporters.push(lazy('elasticsearch', batch, load));
  }
  // The standard switch turns the SDK off as a whole; an exporter that sends nothing would only pretend to deliver.
  if (policy.otlp && process.env.OTEL_SDK_DISABLED?.trim().toLowerCase() !== 'true') {
    checkEnvironment(process.env);
    const batch = { events: 512, waitMs: 1_000 };
    const load = async (): Promise<Exporter> => (await import('./opentelemetry.ts')).openTelemetry({ service, version, log, batch });
    exporters.push(lazy('otlp', batch, load));
  }
  return exporters;
}

/** An exporter whose code is loaded when it opens: the two SDKs weigh about 50 MB, and few policies ask for both. */
function lazy(name: string, batch: Exporter['batch'], load: () => Promise<Exporter>): Exporter {
  let loaded: Exporter | null = null;
  return {
    name,
    batch,
    async open(signal) {
      loaded ??= await load();
      await loaded.open(signal);
    },
    async send(events, signal) {
      if (loaded === null) throw new DeliveryError('not-open', `${name}: not open yet`, { retryable: true });
      return loaded.send(events, signal);
    },
    async close() {
      await loaded?.close();
    },
  };
}
