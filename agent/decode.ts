/**
 * From captured bytes to a record. Whatever cannot be decoded is a record all the same, with the reason.
 */
import { DecodeError } from '../contracts/errors.ts';
import type { CapturedBody, Exchange, Header } from '../contracts/exchange.ts';
import type { Column, Policy } from '../contracts/policy.ts';
import type { Message, MessageBody, Protocol, Target } from '../contracts/protocol.ts';
import type { DriftlineRecord, UnreadBody } from '../contracts/record.ts';
import { protocolsFor } from '../proxy/catalogue.ts';
import { decodeContent, fieldValue } from '../proxy/protocols/content.ts';
import { statusOf } from '../proxy/protocols/grpc-status.ts';
import { type Extracted, extractColumns, headerTensors } from './columns.ts';
import { mappingOf } from './mapping.ts';
import { timingOf } from './timing.ts';

/** Inflated bodies larger than this many times the capture limit are left alone. */
const INFLATE_FACTOR = 20;

/** A record without its place among the rows, its violations, and whether it is kept; `analyse` adds all three. */
export type DecodedRecord = Omit<DriftlineRecord, 'firstRow' | 'violations' | 'samplingProbability' | 'keptFor'>;

/** While it is put together. */
type Draft = { -readonly [Field in keyof DecodedRecord]: DecodedRecord[Field] };

/** Makes records by a policy: its protocol, its columns, its rule for the model's version. */
export class Decoder {
  readonly #policy: Policy;
  readonly #protocols: readonly Protocol[];

  constructor(policy: Policy) {
    this.#policy = policy;
    this.#protocols = protocolsFor(policy.traffic.protocol, mappingOf(policy));
  }

  /** Null when the call is no prediction (health, metadata, another path): it passed, and nothing is recorded. */
  decode(exchange: Exchange): DecodedRecord | null {
    const head = { method: exchange.method, path: exchange.path, headers: exchange.requestHeaders };
    let protocol: Protocol | null = null;
    let target: Target | null = null;
    for (const candidate of this.#protocols) {
      target = candidate.match(head);
      if (target !== null) {
        protocol = candidate;
        break;
      }
    }
    if (protocol === null || target === null) return null;

    const { inputs: inputSchema, outputs: outputSchema } = this.#policy.schema;
    let request: Message | null = null;
    let response: Message | null = null;
    let undecoded: string | null = null;
    const status = statusOf(exchange);
    try {
      request = protocol.decodeRequest(this.#content(exchange.request, exchange.requestHeaders), target);
      if (request.cut !== undefined) undecoded = 'truncated';
      if (exchange.outcome === 'answered' && status >= 200 && status < 300) {
        response = protocol.decodeResponse(this.#content(exchange.response, exchange.responseHeaders), target);
        if (response.cut !== undefined) undecoded ??= 'response: truncated';
      }
    } catch (error) {
      // Anything but a DecodeError is a fault of ours; it costs this record's content, never the analysis thread.
      const reason = error instanceof DecodeError ? error.code : 'internal';
      undecoded ??= request === null ? reason : `response: ${reason}`;
    }
    const failure = response?.failure ?? null;
    const inputs = columnsOf(request, exchange.requestHeaders, inputSchema);
    // Half an answer that ends in an error is no prediction.
    const outputs = columnsOf(failure === null ? response : null, exchange.responseHeaders, outputSchema);
    const record: Draft = {
      id: exchange.id,
      requestId: request?.requestId ?? null,
      at: exchange.startedAt,
      model: target.model ?? response?.model ?? request?.model ?? null,
      version: this.#version(exchange, target, response),
      servedBy: exchange.servedBy,
      status,
      outcome: failure === null ? exchange.outcome : 'failed',
      reason: exchange.reason ?? failure,
      protocol: protocol.type,
      undecoded,
      latencyMs: exchange.latencyMs,
      method: exchange.method,
      path: exchange.path,
      traceparent: exchange.traceparent,
      rows: inputs.rows,
      inputs: inputs.columns,
      outputs: outputs.columns,
    };
    const { timing, request: asked, response: answered } = exchange;
    if (timing !== undefined) {
      const flow = response?.flow ?? null;
      const encoded = flow !== null && fieldValue(exchange.responseHeaders, 'content-encoding') !== null;
      record.timing = timingOf(timing, exchange.latencyMs, flow, encoded);
    }
    if (asked.fingerprint !== undefined) record.unreadRequest = unread(asked.totalBytes, asked.fingerprint);
    if (answered.fingerprint !== undefined) record.unreadResponse = unread(answered.totalBytes, answered.fingerprint);
    return record;
  }

  #content(body: CapturedBody, headers: readonly Header[]): MessageBody {
    const truncated = body.totalBytes > body.bytes.length;
    const maxBytes = Math.max(body.bytes.length, this.#policy.traffic.maxBodyBytes) * INFLATE_FACTOR;
    return { bytes: decodeContent(body.bytes, headers, maxBytes, truncated), headers, truncated };
  }

  /** The first source of the policy that answers, else the version that the policy gives the upstream which did. */
  #version(exchange: Exchange, target: Target, response: Message | null): string | null {
    for (const source of this.#policy.model.version) {
      if (source === 'path') {
        const version = target.version ?? response?.version ?? null;
        if (version !== null) return version;
      } else if (source.startsWith('header:')) {
        const name = source.slice('header:'.length).toLowerCase();
        const found =
          exchange.responseHeaders.find(([field]) => field.toLowerCase() === name) ??
          exchange.requestHeaders.find(([field]) => field.toLowerCase() === name);
        if (found !== undefined) return found[1];
      } else if (source.startsWith('config:')) {
        return source.slice('config:'.length);
      }
    }
    return this.#policy.traffic.upstreams.find((upstream) => upstream.name === exchange.servedBy)?.version ?? null;
  }
}

function unread(totalBytes: number, fingerprint: number): UnreadBody {
  return { totalBytes, fingerprint: fingerprint.toString(16).padStart(8, '0') };
}

/** A side of the record; empty where nothing was decoded. */
function columnsOf(message: Message | null, headers: readonly Header[], schema: readonly Column[]): Extracted {
  if (message === null) return { columns: {}, rows: 0 };
  const fromHeaders = headerTensors(headers, schema);
  return extractColumns(fromHeaders.length === 0 ? message.tensors : [...message.tensors, ...fromHeaders], schema);
}
