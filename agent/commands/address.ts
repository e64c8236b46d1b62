/**
 * `HOST:PORT` on the command line.
 */
import { ConfigError } from '../../contracts/errors.ts';

/** @throws ConfigError `usage` naming the option. */
export function parseAddress(option: string, text: string): { host: string; port: number } {
  const match = /^(?:(\[[0-9a-fA-F:]+\]|[^\s:[\]]+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) throw new ConfigError('usage', `${option} ${text}: must be HOST:PORT, such as 127.0.0.1:8080`);
  return { host: (match[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port };
}
