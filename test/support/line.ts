/**
 * The analysis line for tests: the real code on a real store, fed with exchanges made here, committed when the test says so.
 */
import { Analysis, type AnalysisOptions } from '../../agent/analyse.ts';
import { readReferences } from '../../agent/reference.ts';
import { type Batch, Committer } from '../../agent/store/commit.ts';
import { openState } from '../../agent/store/open.ts';
import { StoreReader } from '../../agent/store/read.ts';
import type { Exchange } from '../../contracts/exchange.ts';
import type { Policy } from '../../contracts/policy.ts';
import type { Feedback } from '../../contracts/record.ts';

export interface Line {
  readonly analysis: Analysis;
  readonly reader: StoreReader;
  readonly log: string[];
  /** What was committed; null when nothing had happened. */
  commit(): Batch | null;
  /** Ends as a crash does: what was not committed is gone. */
  crash(): void;
}

export async function openLine(
  policy: Policy,
  directory: string,
  now: () => number = () => 0,
  over: Partial<AnalysisOptions> = {},
): Promise<Line> {
  const { db } = openState(directory);
  const reader = new StoreReader(db);
  const committer = new Committer(db);
  const log: string[] = [];
  const analysis = new Analysis({
    policy,
    referenceFiles: await readReferences(policy),
    reader,
    now,
    log: (line) => log.push(line),
    ...over,
  });
  return {
    analysis,
    reader,
    log,
    commit: () => {
      const batch = analysis.take();
      if (batch === null) return null;
      committer.commit(batch);
      analysis.committed();
      return batch;
    },
    crash: () => db.close(),
  };
}

/** A V1 call with one object a row, and its answer. */
export function exchangeOf(
  id: string,
  at: number,
  rows: readonly { readonly [column: string]: unknown }[],
  predictions: readonly unknown[] = rows.map(() => 0),
  over: Partial<Exchange> = {},
): Exchange {
  const request = Buffer.from(JSON.stringify({ instances: rows }));
  const response = Buffer.from(JSON.stringify({ predictions }));
  return {
    id,
    startedAt: at,
    latencyMs: 2,
    method: 'POST',
    path: '/v1/models/m:predict',
    status: 200,
    servedBy: 'primary',
    outcome: 'answered',
    reason: null,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    requestHeaders: [['content-type', 'application/json']],
    responseHeaders: [['content-type', 'application/json']],
    request: { bytes: request, totalBytes: request.length },
    response: { bytes: response, totalBytes: response.length },
    ...over,
  };
}

export function labelOf(id: string, value: Feedback['value'], over: Partial<Feedback> = {}): Feedback {
  return { id, kind: 'label', value, row: null, at: null, receivedAt: 1_000, ...over };
}
