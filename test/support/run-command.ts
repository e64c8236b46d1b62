/**
 * Runs a command of the command line in the test's own process, since a start of the whole program takes a while.
 */
import type { Command } from 'commander';
import type { Test } from 'tap';

/** What a command came to; `thrown` is what the command line would have told and turned into an exit code. */
export interface Ran {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
  readonly thrown: unknown;
}

export async function runCommand(t: Test, command: Command, options: readonly string[]): Promise<Ran> {
  const out = t.capture(process.stdout, 'write', () => true);
  const err = t.capture(process.stderr, 'write', () => true);
  const before = process.exitCode;
  process.exitCode = undefined;
  let thrown: unknown = null;
  try {
    await command.exitOverride().parseAsync(options, { from: 'user' });
  } catch (error) {
    thrown = error;
  }
  const status = process.exitCode ?? 0;
  process.exitCode = before;
  const text = (calls: ReturnType<typeof out>) => calls.map(({ args }) => String(args[0])).join('');
  const [stdout, stderr] = [text(out()), text(err())];
  out.restore();
  err.restore();
  return { status, stdout, stderr, thrown };
}
