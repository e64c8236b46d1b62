/**
 * A thread that works one calibration out, says it and ends: it takes seconds, which the analysis must not wait for.
 */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { calibrate } from './calibrate.ts';
import type { Calibration, CalibrationTask } from './calibration.ts';

if (parentPort !== null && isTask(workerData)) parentPort.postMessage(calibrate(workerData.calibrationTask));

/** Starts the thread. Rejects with what it threw. */
export function calibrateApart(task: CalibrationTask): Promise<Calibration> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { name: 'calibration', workerData: { calibrationTask: task } });
    worker.unref();
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
  });
}

/** Whether this module runs as that thread, and not as the one that starts it. */
function isTask(data: unknown): data is { readonly calibrationTask: CalibrationTask } {
  return typeof data === 'object' && data !== null && 'calibrationTask' in data;
}
