/**
 * How long the whole demo takes, model server, sender, receiver and all, and what the sidecar adds to a call in it.
 */
import path from 'node:path';
import { runTool } from '../test/support/child.ts';
import type { Report } from './figure.ts';
import { figureOf } from './figure.ts';

const RUNS = 2;

/** What of the demo's summary is looked at. */
interface Summary {
  readonly predictions: number;
  readonly failed: number;
  readonly addedLatencyMs: { readonly p50: number; readonly p99: number };
}

/** Takes a minute a run. @throws Error when a prediction failed. */
export async function benchDemo(): Promise<Report> {
  const seconds: number[] = [];
  const summaries: Summary[] = [];
  for (let run = 0; run < RUNS; run++) {
    const startedAt = performance.now();
    const out = await runTool(process.execPath, [path.join(import.meta.dirname, '../agent/main.ts'), 'demo', '--exit', '--json']);
    seconds.push((performance.now() - startedAt) / 1_000);
    // The summary is the only line that is an object; the alerts' texts come by stderr.
    const line = out.split('\n').find((text) => text.startsWith('{"predictions"')) ?? '{}';
    const summary = JSON.parse(line) as Summary;
    if (summary.failed !== 0) throw new Error(`the demo failed ${summary.failed} predictions`);
    summaries.push(summary);
  }
  return {
    name: 'demo',
    about: `\`driftline demo --exit --json\`: ${summaries[0]?.predictions.toLocaleString('en')} calls one after another, each with a label later.`,
    figures: [
      figureOf('the whole demo', 's', seconds),
      figureOf(
        'calls per second of the whole demo',
        '1/s',
        seconds.map((time, run) => summaries[run]!.predictions / time),
      ),
      figureOf(
        'added latency, p50',
        'ms',
        summaries.map(({ addedLatencyMs }) => addedLatencyMs.p50),
      ),
      figureOf(
        'added latency, p99',
        'ms',
        summaries.map(({ addedLatencyMs }) => addedLatencyMs.p99),
      ),
    ],
    versions: {},
  };
}
