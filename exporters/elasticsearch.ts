/**
 * Elasticsearch: events into data streams, one verdict a document.
 *
 * `create` with an `_id` made from the event makes retries harmless: 409 says that an earlier attempt got through. Bulk
 * requests go through the client's transport, not its bulk helper, because that one gives up for good when a whole answer
 * is an error. A 413, or a 400 for the whole request, is halved until the document at fault stands alone.
 *
 * Statuses: 2xx and 409 delivered; 429 and 5xx retried; 401, 403 and 404 retried as well, since a missing privilege or
 * stream is for people to mend and no fault of the event; any other 4xx is the document's own and refuses it.
 */
import { Client, errors } from '@elastic/elasticsearch';
import { DeliveryError } from '../contracts/errors.ts';
import type { Event } from '../contracts/event.ts';
import type { Exporter, Verdict } from '../contracts/exporter.ts';
import { type Sender, toDocument } from './elasticsearch-documents.ts';
import { installTemplates } from './elasticsearch-templates.ts';

export interface ElasticsearchOptions {
  readonly nodes: readonly string[];
  /** Null = the cluster asks for none. */
  readonly apiKey: string | null;
  /** Last part of each data stream's name. */
  readonly namespace: string;
  readonly sender: Sender;
  readonly batch: Exporter['batch'];
}

/** A document as the two lines of a bulk request, with the place of its event in the batch. */
interface BulkEntry {
  readonly index: number;
  readonly lines: string;
}

/** One line of a bulk answer, as far as it is read. */
interface BulkItem {
  readonly status?: number;
  readonly failure_store?: string;
  readonly error?: { readonly type?: string; readonly reason?: string };
}

/** Well under the 100 MB that a cluster takes by default; large requests only make one node's memory work harder. */
const REQUEST_BYTES = 5 * 1024 * 1024;

const DELIVERED: Verdict = { kind: 'delivered' };

/** An exporter for one cluster. */
export function elasticsearch(options: ElasticsearchOptions): Exporter {
  let client: Client | null = null;
  return {
    name: 'elasticsearch',
    batch: options.batch,
    async open(signal) {
      // Retrying and its pace are delivery's, so that a wait is counted and cut short in one place.
      client ??= new Client({
        nodes: [...options.nodes],
        maxRetries: 0,
        compression: true,
        requestTimeout: 30_000,
        ...(options.apiKey === null ? {} : { auth: { apiKey: options.apiKey } }),
      });
      try {
        await installTemplates(client, signal);
      } catch (error) {
        throw asDeliveryError(error, 'index template', 'manage_index_templates');
      }
    },
    async send(events, signal) {
      if (client === null) throw new DeliveryError('not-open', 'elasticsearch: not open yet', { retryable: true });
      const verdicts: Verdict[] = events.map(() => ({ kind: 'retry', reason: 'not sent yet' }));
      const entries = toEntries(events, options, verdicts);
      let failure: DeliveryError | null = null;
      for (const request of requestsOf(entries)) {
        failure = await sendRequest(client, request, verdicts, signal);
        if (failure !== null) break;
      }
      // With nothing settled the batch as a whole failed; otherwise what is left carries its reason.
      if (failure !== null && verdicts.every((verdict) => verdict.kind === 'retry')) throw failure;
      return verdicts;
    },
    async close() {
      const open = client;
      client = null;
      await open?.close();
    },
  };
}

function toEntries(events: readonly Event[], options: ElasticsearchOptions, verdicts: Verdict[]): BulkEntry[] {
  const entries: BulkEntry[] = [];
  for (const [index, event] of events.entries()) {
    try {
      const { stream, id, body } = toDocument(event, options.namespace, options.sender);
      entries.push({ index, lines: `${JSON.stringify({ create: { _index: stream, _id: id } })}\n${JSON.stringify(body)}\n` });
    } catch {
      verdicts[index] = { kind: 'refused', reason: 'not-serializable' };
    }
  }
  return entries;
}

/** Cuts a batch into requests of at most `REQUEST_BYTES`, or of a single document that is larger. */
function requestsOf(entries: readonly BulkEntry[]): BulkEntry[][] {
  const requests: BulkEntry[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const size = Buffer.byteLength(entry.lines);
    if (bytes + size > REQUEST_BYTES) {
      requests.push([]);
      bytes = 0;
    }
    requests.at(-1)!.push(entry);
    bytes += size;
  }
  return requests;
}

/** Sends one request and writes the verdicts of its documents; gives back the error that makes going on pointless. */
async function sendRequest(client: Client, request: BulkEntry[], verdicts: Verdict[], signal: AbortSignal): Promise<DeliveryError | null> {
  let items: readonly { readonly create?: BulkItem }[];
  try {
    const answer = await client.transport.request<{ items?: { create?: BulkItem }[] }>(
      {
        method: 'POST',
        path: '/_bulk',
        querystring: { filter_path: 'items.*.status,items.*.error.type,items.*.error.reason,items.*.failure_store' },
        bulkBody: request.map((entry) => entry.lines).join(''),
      },
      { signal },
    );
    items = answer.items ?? [];
  } catch (error) {
    const failure = asDeliveryError(error, 'bulk request', 'create_doc and auto_configure on logs-driftline.* and metrics-driftline.*');
    const halvable = !failure.retryable;
    if (halvable && request.length > 1) {
      const middle = Math.ceil(request.length / 2);
      return (
        (await sendRequest(client, request.slice(0, middle), verdicts, signal)) ??
        (await sendRequest(client, request.slice(middle), verdicts, signal))
      );
    }
    for (const { index } of request) {
      verdicts[index] = halvable ? { kind: 'refused', reason: failure.code } : { kind: 'retry', reason: failure.message };
    }
    return halvable ? null : failure;
  }
  for (const [place, { index }] of request.entries()) verdicts[index] = verdictOf(items[place]?.create);
  return null;
}

function verdictOf(item: BulkItem | undefined): Verdict {
  const status = item?.status;
  if (status === undefined) return { kind: 'retry', reason: 'no answer for the document' };
  // A document in the failure store is not in its stream: nobody who looks there finds it.
  if (status < 300) return item?.failure_store === 'used' ? { kind: 'refused', reason: 'failure-store' } : DELIVERED;
  const type = item?.error?.type ?? `status-${status}`;
  if (status === 409) return DELIVERED;
  if (status === 429 || status >= 500) return { kind: 'retry', reason: `${type} (${status})` };
  if (status === 401 || status === 403)
    return { kind: 'retry', reason: `document refused (${status}, ${type}); grant create_doc on the data stream` };
  if (status === 404) return { kind: 'retry', reason: `data stream missing (404, ${type}); grant auto_configure` };
  return { kind: 'refused', reason: type };
}

/** Turns what the client throws into our error, which says what to do. Node addresses and bodies stay out of the message. */
function asDeliveryError(cause: unknown, what: string, privilege: string): DeliveryError {
  if (!(cause instanceof errors.ResponseError)) {
    const name = cause instanceof Error ? cause.name : 'unknown error';
    const remedy =
      cause instanceof errors.ProductNotSupportedError ? 'the server is not Elasticsearch' : 'check that the nodes are reachable';
    return new DeliveryError('unreachable', `elasticsearch: ${what} failed (${name}); ${remedy}`, { retryable: true, cause });
  }
  const status = cause.statusCode ?? 0;
  const error = (code: string, text: string, retryable: boolean): DeliveryError =>
    new DeliveryError(code, `elasticsearch: ${what} refused (${status}); ${text}`, { retryable, cause });
  if (status === 401) return error('unauthorized', 'the API key is missing, wrong or expired', true);
  if (status === 403) return error('forbidden', `grant ${privilege} to the API key`, true);
  if (status === 404) return error('not-found', 'check the addresses of the nodes', true);
  if (status === 413) return error('too-large', 'raise http.max_content_length or lower the capture limit', false);
  if (status === 400) return error('bad-request', 'the cluster does not understand the request', false);
  return error('busy', 'the cluster is busy or not ready; it is tried again', true);
}
