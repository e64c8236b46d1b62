/**
 * Runs other programs for tests: tools to their end, servers until they are stopped.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Runs a tool at low priority; gives back what it printed. @throws Error with the end of its output when it fails or is missing. */
export function runTool(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      'nice',
      [command, ...args],
      { ...options, env: { ...process.env, ...options.env }, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout + stderr);
        else reject(new Error(`${command} failed: ${(stdout + stderr).slice(-2_000) || error.message}`, { cause: error }));
      },
    );
  });
}

/** Whether a program can be found on PATH. */
export async function isInstalled(command: string): Promise<boolean> {
  return runTool('sh', ['-c', `command -v ${command}`]).then(
    () => true,
    () => false,
  );
}

/** A server that was started and said that it is ready. */
export interface Server {
  readonly process: ChildProcess;
  /** The line that said so. */
  readonly ready: string;
  /** Ends it the gentle way, after `withinMs` the hard one; safe twice. */
  stop(withinMs?: number): Promise<void>;
}

/** Starts a server and waits for a line of its output that matches. @throws Error with its output when it ends first. */
export async function startServer(command: string, args: readonly string[], ready: RegExp, env: NodeJS.ProcessEnv = {}): Promise<Server> {
  // A process group of its own: servers have workers (LitServe's outlive it), and they are to end with it.
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env }, detached: true });
  const kill = (): void => killGroup(child.pid);
  process.once('exit', kill);
  const ended = once(child, 'exit').finally(() => process.removeListener('exit', kill));
  const seen: string[] = [];
  const line = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (text) => {
        seen.push(text);
        if (seen.length > 50) seen.shift();
        if (ready.test(text)) resolve(text);
      });
    }
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code} before it was ready:\n${seen.join('\n')}`)));
  });
  return {
    process: child,
    ready: line,
    async stop(withinMs = 10_000) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.stdin.end();
      child.kill('SIGTERM');
      const timeout = setTimeout(kill, withinMs);
      await ended;
      clearTimeout(timeout);
      kill();
    },
  };
}

function killGroup(pid: number | undefined): void {
  try {
    // A process that could not be started has no number.
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}
