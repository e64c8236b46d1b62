/**
 * The demo's client: sends the stream row by row as V2 calls, and the true labels 200 rows later.
 */
import { Agent, request } from 'node:http';
import type { MarketRow } from './stream.ts';
import { FEATURES, withFault } from './stream.ts';

/** Labels come so many rows after their prediction. */
const LABEL_DELAY_ROWS = 200;
/** Labels are sent in parcels, as a job that joins them would. */
const LABELS_AT_ONCE = 50;
/** Every so many rows the same call also goes straight to the model server, to see what the sidecar adds; not beside a parcel of labels. */
const DIRECT_EVERY = 50;

export interface FeedOptions {
  readonly rows: readonly MarketRow[];
  readonly dataUrl: string;
  readonly adminUrl: string;
  readonly modelUrl: string;
  /** Sent rows from this one on carry the fault; Infinity = none. */
  readonly faultAtRow: number;
  readonly onProgress: (sent: number) => void;
  readonly signal: AbortSignal;
}

export interface FeedResult {
  readonly predictions: number;
  /** Calls that got no 2xx answer with a prediction. */
  readonly failed: number;
  readonly servedBy: { primary: number; fallback: number };
  /** One a sent row: whether the prediction was right; null = no prediction. */
  readonly right: readonly (boolean | null)[];
  readonly labelsAccepted: number;
  /** Of the calls that were sent both ways. */
  readonly throughMs: readonly number[];
  readonly directMs: readonly number[];
}

/** Sends everything in time order over one connection; stops early when aborted. */
export async function feed(options: FeedOptions): Promise<FeedResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const right: (boolean | null)[] = [];
  const servedBy = { primary: 0, fallback: 0 };
  const throughMs: number[] = [];
  const directMs: number[] = [];
  const due: { id: string; label: number }[] = [];
  let failed = 0;
  let labelsAccepted = 0;
  let sending = Promise.resolve();
  const sendLabels = async (until: number) => {
    const lines = due.splice(0, until).map((label) => JSON.stringify(label));
    if (lines.length === 0) return;
    const answer = await call(agent, `${options.adminUrl}/v1/feedback`, `${lines.join('\n')}\n`);
    if (answer.status === 202) labelsAccepted += JSON.parse(answer.text).accepted;
  };
  for (const [index, clean] of options.rows.entries()) {
    if (options.signal.aborted) break;
    const row = index >= options.faultAtRow ? withFault(clean) : clean;
    const body = toV2(row);
    const answer = await call(agent, `${options.dataUrl}/v2/models/elec2/infer`, body);
    const predicted = answer.status === 200 ? predictionOf(answer.text) : null;
    if (predicted === null) failed++;
    if (answer.servedBy === 'primary') servedBy.primary++;
    else if (answer.servedBy === 'fallback') servedBy.fallback++;
    right.push(predicted === null ? null : predicted === clean.label);
    if (answer.id !== null) due.push({ id: answer.id, label: clean.label });
    if (index % DIRECT_EVERY === DIRECT_EVERY / 2) {
      throughMs.push(answer.ms);
      directMs.push((await call(agent, `${options.modelUrl}/v2/models/elec2/infer`, body)).ms);
    }
    if (due.length >= LABEL_DELAY_ROWS + LABELS_AT_ONCE) {
      // Predictions go on meanwhile; the answer comes only when the labels are on disk.
      await sending;
      sending = sendLabels(LABELS_AT_ONCE);
    }
    options.onProgress(index + 1);
  }
  await sending;
  while (due.length > 0) await sendLabels(LABEL_DELAY_ROWS);
  agent.destroy();
  return { predictions: right.length, failed, servedBy, right, labelsAccepted, throughMs, directMs };
}

function toV2(row: MarketRow): string {
  return JSON.stringify({
    inputs: FEATURES.map((name) => ({ name, datatype: 'FP32', shape: [1, 1], data: [row.inputs[name]] })),
  });
}

function predictionOf(text: string): number | null {
  const outputs: { name: string; data: number[] }[] = JSON.parse(text).outputs;
  return outputs.find((output) => output.name === 'label')?.data[0] ?? null;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly ms: number;
  readonly id: string | null;
  readonly servedBy: string | null;
}

/** A call that fails is an answer of status 0. */
function call(agent: Agent, url: string, body: string): Promise<Answer> {
  const begun = performance.now();
  return new Promise((resolve) => {
    const fail = () => resolve({ status: 0, text: '', ms: performance.now() - begun, id: null, servedBy: null });
    const sent = request(url, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    sent.on('error', fail);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString('utf8'),
          ms: performance.now() - begun,
          id: header(response.headers['x-driftline-id']),
          servedBy: header(response.headers['x-driftline-served-by']),
        }),
      );
    });
    sent.end(body);
  });
}

function header(value: string | string[] | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
