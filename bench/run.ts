/**
 * `npm run bench -- NAME [--json]`: runs one benchmark and prints its figures with the circumstances they were taken in.
 */
import { parseArgs } from 'node:util';
import type { Report } from './figure.ts';
import { circumstances, describeReport } from './figure.ts';

const BENCHES: { readonly [name: string]: () => Promise<Report> } = {
  demo: async () => (await import('./demo.ts')).benchDemo(),
  detectors: async () => (await import('./detectors.ts')).benchDetectors(),
  windowed: async () => (await import('./windowed.ts')).benchWindowed(),
  'false-alarms': async () => (await import('./false-alarms.ts')).benchFalseAlarms(),
  'streaming-false-alarms': async () => (await import('./streaming-false-alarms.ts')).benchStreamingFalseAlarms(),
  proxy: async () => (await import('./proxy.ts')).benchProxy(),
  latency: async () => (await import('./latency.ts')).benchLatency(),
  bodies: async () => (await import('./bodies.ts')).benchBodies(),
};

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean', default: false } }, allowPositionals: true });
const name = positionals[0] ?? '';
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
if (bench === undefined) {
  process.stderr.write(`bench: name one of ${Object.keys(BENCHES).join(', ')}: npm run bench -- NAME [--json]\n`);
  process.exitCode = 2;
} else {
  const finish = circumstances();
  try {
    const report = await bench();
    const where = finish(report.versions);
    process.stdout.write(values.json ? `${JSON.stringify({ ...report, ...where })}\n` : `${describeReport(report, where)}\n`);
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 3;
  }
}
