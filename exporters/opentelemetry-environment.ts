/**
 * What the standard `OTEL_*` variables ask of the OpenTelemetry exporter. The SDK reads the rest of them itself.
 */
import { ConfigError } from '../contracts/errors.ts';

export type Signal = 'traces' | 'logs' | 'metrics';

/** Whether a signal is switched off by `OTEL_<SIGNAL>_EXPORTER=none`. */
export function isOff(env: NodeJS.ProcessEnv, signal: Signal): boolean {
  return env[`OTEL_${signal.toUpperCase()}_EXPORTER`]?.trim() === 'none';
}

/** Whether the environment gives a `service.name`, which then wins over ours. */
export function namesService(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.OTEL_SERVICE_NAME) || /(^|,)\s*service\.name=/.test(env.OTEL_RESOURCE_ATTRIBUTES ?? '');
}

/** Refuses what would otherwise be ignored in silence. @throws ConfigError, which names the variable. */
export function checkEnvironment(env: NodeJS.ProcessEnv): void {
  const wrong = (variable: string, remedy: string): never => {
    throw new ConfigError('unsupported-variable', `otlp: ${variable}=${env[variable]} is not supported; ${remedy}`);
  };
  if (env.OTEL_CONFIG_FILE) wrong('OTEL_CONFIG_FILE', 'use the other OTEL_* variables');
  for (const signal of ['TRACES', 'LOGS', 'METRICS']) {
    const exporter = env[`OTEL_${signal}_EXPORTER`]?.trim();
    if (exporter && exporter !== 'otlp' && exporter !== 'none') wrong(`OTEL_${signal}_EXPORTER`, 'use otlp or none');
  }
  for (const prefix of ['', 'TRACES_', 'LOGS_', 'METRICS_']) {
    const protocol = env[`OTEL_EXPORTER_OTLP_${prefix}PROTOCOL`]?.trim();
    if (protocol && protocol !== 'http/protobuf') wrong(`OTEL_EXPORTER_OTLP_${prefix}PROTOCOL`, 'use http/protobuf');
  }
}
