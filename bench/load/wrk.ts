/**
 * The closed loop: wrk keeps so many connections busy, each sending its next request when the last one was answered.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './run-program.ts';

/** What a round of it gave. */
export interface Round {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Writes the script that sends these bodies in turn. They are formatted once, so that the load maker costs little. */
export function wrkScript(folder: string, name: string, bodies: readonly string[]): string {
  const file = join(folder, `${name}.lua`);
  writeFileSync(
    file,
    `local bodies = {${bodies.map((body) => `[==[${body}]==]`).join(',')}}
local requests, next = {}, 0
init = function()
  for i, body in ipairs(bodies) do requests[i] = wrk.format('POST', nil, { ['content-type'] = 'application/json' }, body) end
end
request = function()
  next = next % #requests + 1
  return requests[next]
end
`,
  );
  return file;
}

/** @throws Error when a call failed. */
export async function wrk(url: string, script: string, options: { connections: number; seconds: number }): Promise<Round> {
  const args = ['-t1', `-c${options.connections}`, `-d${options.seconds}s`, '--latency', '--timeout', '10s', '-s', script, url];
  const out = await runProgram('wrk', args);
  const requests = Number(/(\d+) requests in/.exec(out)?.[1]);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1]);
  if (!(requests > 0) || /Non-2xx|Socket errors/.test(out)) throw new Error(`the load maker met errors at ${url}:\n${out}`);
  return { requests, perSecond, p50Ms: quantile(out, '50'), p99Ms: quantile(out, '99') };
}

function quantile(out: string, percent: string): number {
  const [, value, unit] = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s)`, 'm').exec(out) ?? [];
  return Number(value) * { us: 0.001, ms: 1, s: 1000 }[(unit ?? 'ms') as 'us' | 'ms' | 's'];
}
