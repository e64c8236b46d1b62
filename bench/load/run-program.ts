/** Runs a load maker to its end, at the priority of everybody else. */
import { execFile } from 'node:child_process';

/** Gives what it printed. @throws Error with the end of its output when it fails. */
export function runProgram(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr);
      else reject(new Error(`${command} failed: ${(stdout + stderr).slice(-2_000) || error.message}`, { cause: error }));
    });
  });
}
