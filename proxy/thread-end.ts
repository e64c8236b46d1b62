/**
 * How a thread that ended by itself is told of: whichever way it did, as a fault.
 */
import type { Worker } from 'node:worker_threads';

/** `ended` hears of what was thrown, and of the exit that follows it, so perhaps twice; also of an exit that was asked for. */
export function hearEnd(worker: Worker, ended: (fault: Error) => void): void {
  worker.on('error', (error) => ended(error instanceof Error ? error : new Error(String(error))));
  worker.on('exit', (code) => ended(new Error(`it ended with exit code ${code}`)));
}
