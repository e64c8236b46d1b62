/**
 * h2spec, the conformance suite of HTTP/2: built once with Go and kept in the cache.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { cached, missing, type Skipped } from './build-cache.ts';
import { isInstalled, runTool } from './child.ts';

const VERSION = 'v2.2.1+incompatible';

/** Path of the program. */
export async function h2spec(): Promise<string | Skipped> {
  if (!(await isInstalled('go'))) return missing('Go is not installed');
  try {
    const folder = await cached('h2spec', [import.meta.filename], async (draft) => {
      // The module states no requirements of its own; those of today are taken.
      await runTool('go', ['install', `github.com/summerwind/h2spec/cmd/h2spec@${VERSION}`], {
        env: { GOBIN: draft, GOFLAGS: '-buildvcs=false' },
      });
    });
    return join(folder, 'h2spec');
  } catch (error) {
    return missing(`h2spec cannot be built: ${error instanceof Error ? error.message.slice(-300) : String(error)}`);
  }
}

/** Runs a program to its end, whatever its exit code; gives back what it printed. */
export function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const pieces: Buffer[] = [];
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    child.once('error', reject);
    child.once('close', () => resolve(Buffer.concat(pieces).toString('utf8')));
  });
}
