/**
 * OpenTelemetry (`otlp` in a policy): records as spans, alerts, actions and feedback as log events, totals and scores as
 * metrics, sent by OTLP over HTTP (protobuf) to where the standard `OTEL_*` variables point.
 *
 * The SDK makes the telemetry, but its batch processors do not send it: they drop what does not fit and tell nobody.
 * Collecting processors take their place, and `send` hands each batch to the SDK's OTLP exporters itself, waits for the
 * endpoint's answer and gives verdicts.
 *
 * Exactly once within a process: an event whose span or log was taken is not sent again when its batch is retried, and
 * one that was added to the totals is not added again. Across processes the span id (a record's own) tells doubles.
 */
import { context, DiagLogLevel, diag, logs, metrics, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { DeliveryError } from '../contracts/errors.ts';
import type { Event } from '../contracts/event.ts';
import type { Exporter, Verdict } from '../contracts/exporter.ts';
import type { DriftlineRecord } from '../contracts/record.ts';
import { isSampled, parseTraceparent } from '../contracts/trace-context.ts';
import { checkEnvironment, isOff, namesService, type Signal } from './opentelemetry-environment.ts';
import { Instruments, isFailure, spanAttributes, toLogRecord } from './opentelemetry-events.ts';
import { PartialSuccess, PullReader, RecentIds, RecordIds } from './opentelemetry-parts.ts';

export interface OpenTelemetryOptions {
  /** `service.name` unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` say otherwise. */
  readonly service: string;
  readonly version: string;
  /** Takes the SDK's own warnings. */
  readonly log: (line: string) => void;
  readonly batch: Exporter['batch'];
}

/** The SDK's exporters share this shape. */
interface OtlpExporter<T> {
  export(items: T, done: (result: { readonly code: number; readonly error?: Error }) => void): void;
  shutdown(): Promise<void>;
}

/** Spans, log records and figures all name the resource they come from. */
type Resourceful = Pick<ReadableSpan, 'resource'>;

/** Ids remembered so that nothing is sent or counted twice; far more than any batch in flight. */
const REMEMBERED = 10_000;

/**
 * An exporter for the endpoint that the environment names. One may be open at a time in a process: the SDK registers itself globally.
 * @throws ConfigError when a variable asks for what is not supported.
 */
export function openTelemetry(options: OpenTelemetryOptions): Exporter {
  checkEnvironment(process.env);
  let pipeline: Pipeline | null = null;
  return {
    name: 'otlp',
    batch: options.batch,
    async open() {
      pipeline ??= new Pipeline(options);
    },
    async send(events, signal) {
      if (pipeline === null) throw new DeliveryError('not-open', 'otlp: not open yet', { retryable: true });
      signal.throwIfAborted();
      return pipeline.send(events);
    },
    async close() {
      const open = pipeline;
      pipeline = null;
      await open?.close();
    },
  };
}

/** The SDK with our collecting ends, and the OTLP exporters beside it. */
class Pipeline {
  readonly #sdk: NodeSDK;
  readonly #spans: ReadableSpan[] = [];
  readonly #logs: ReadableLogRecord[] = [];
  readonly #ids = new RecordIds();
  readonly #traceExporter: OtlpExporter<ReadableSpan[]> | null;
  readonly #logExporter: OtlpExporter<ReadableLogRecord[]> | null;
  readonly #metricExporter: OTLPMetricExporter | null;
  readonly #reader: PullReader | null;
  readonly #instruments: Instruments;
  readonly #version: string;
  readonly #partial: PartialSuccess;
  /** Events whose span or log the endpoint took. */
  readonly #taken = new RecentIds(REMEMBERED);
  /** Events that are part of the totals. */
  readonly #counted = new RecentIds(REMEMBERED);
  /** Collected, but not taken yet; under delta temporality these figures exist nowhere else. */
  #unsent: ResourceMetrics | null = null;
  /** Ends with the batch before. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ service, version, log }: OpenTelemetryOptions) {
    this.#partial = new PartialSuccess(log);
    this.#version = version;
    this.#traceExporter = isOff(process.env, 'traces') ? null : new OTLPTraceExporter();
    this.#logExporter = isOff(process.env, 'logs') ? null : new OTLPLogExporter();
    this.#metricExporter = isOff(process.env, 'metrics') ? null : new OTLPMetricExporter();
    this.#reader = this.#metricExporter === null ? null : new PullReader(this.#metricExporter);
    const idle = { forceFlush: async () => {}, shutdown: async () => {} };
    this.#sdk = new NodeSDK({
      ...(namesService(process.env) ? {} : { serviceName: service }),
      idGenerator: this.#ids,
      spanProcessors: this.#traceExporter === null ? [] : [{ ...idle, onStart() {}, onEnd: (span) => void this.#spans.push(span) }],
      logRecordProcessors: this.#logExporter === null ? [] : [{ ...idle, onEmit: (record) => void this.#logs.push(record) }],
      metricReaders: this.#reader === null ? [] : [this.#reader],
    });
    this.#sdk.start();
    diag.setLogger(this.#partial, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
    this.#instruments = new Instruments(metrics.getMeter('driftline', version));
  }

  /** One batch at a time: a batch that delivery gave up on may still be under way, and what it got through must not go again. */
  send(events: readonly Event[]): Promise<Verdict[]> {
    const sending = this.#turn.then(() => this.#sendBatch(events));
    this.#turn = sending.catch(() => {});
    return sending;
  }

  async close(): Promise<void> {
    await this.#sdk.shutdown();
    await Promise.all([this.#traceExporter?.shutdown(), this.#logExporter?.shutdown(), this.#metricExporter?.shutdown()]);
    for (const registered of [trace, metrics, logs, context, propagation, diag]) registered.disable();
  }

  async #sendBatch(events: readonly Event[]): Promise<Verdict[]> {
    const verdicts = events.map((): Verdict => ({ kind: 'delivered' }));
    // Spans and logs before metrics: an event that is refused here must not be part of the totals.
    await this.#sendItems(events, verdicts, 'traces', this.#traceExporter, this.#spans, (event) => this.#startSpan(event));
    await this.#sendItems(events, verdicts, 'logs', this.#logExporter, this.#logs, (event) => this.#emitLog(event));
    await this.#sendMetrics(events, verdicts);
    return verdicts;
  }

  /** Makes and sends one signal's items; `collected` is where the SDK puts what `make` makes, nothing for some events. */
  async #sendItems<T extends Resourceful>(
    events: readonly Event[],
    verdicts: Verdict[],
    signal: Signal,
    exporter: OtlpExporter<T[]> | null,
    collected: T[],
    make: (event: Event) => void,
  ): Promise<void> {
    if (exporter === null) return;
    const owners: number[] = [];
    collected.length = 0;
    for (const [index, event] of events.entries()) {
      if (this.#taken.has(keyOf(event))) continue;
      make(event);
      // An event that made nothing (another signal's, or not sampled) is not waited for.
      while (owners.length < collected.length) owners.push(index);
    }
    if (owners.length === 0) return;
    await this.#sendHalving(events, verdicts, signal, exporter, collected.splice(0), owners);
  }

  /** Sends items, in halves when they are refused as a whole, so that one that is at fault does not take others along. */
  async #sendHalving<T extends Resourceful>(
    events: readonly Event[],
    verdicts: Verdict[],
    signal: Signal,
    exporter: OtlpExporter<T[]>,
    items: T[],
    owners: number[],
  ): Promise<void> {
    const { error, rejected } = await this.#export(exporter, items, signal);
    if (error !== null && !error.retryable && items.length > 1) {
      const middle = Math.ceil(items.length / 2);
      await this.#sendHalving(events, verdicts, signal, exporter, items.slice(0, middle), owners.slice(0, middle));
      await this.#sendHalving(events, verdicts, signal, exporter, items.slice(middle), owners.slice(middle));
      return;
    }
    // A partial success tells how many were rejected, not which: the count is right, the names are a guess. Sending them
    // again is forbidden (OTLP specification, "Partial Success").
    const firstRejected = owners.length - Math.min(rejected, owners.length);
    for (const [place, index] of owners.entries()) {
      if (error !== null) verdicts[index] = verdictOf(error);
      else if (place >= firstRejected) verdicts[index] = { kind: 'refused', reason: 'partial-success' };
      else this.#taken.add(keyOf(events[index]!));
    }
  }

  async #sendMetrics(events: readonly Event[], verdicts: Verdict[]): Promise<void> {
    if (this.#metricExporter === null || this.#reader === null) return;
    const waiting = events.flatMap((_, index) => (verdicts[index]?.kind === 'delivered' ? [index] : []));
    if (waiting.length === 0) return;
    let error: DeliveryError | null = null;
    if (this.#unsent !== null) error = await this.#exportMetrics(this.#metricExporter, this.#unsent);
    if (error === null) {
      for (const index of waiting) {
        const event = events[index]!;
        if (this.#counted.add(keyOf(event))) this.#instruments.add(event);
      }
      this.#unsent = (await this.#reader.collect()).resourceMetrics;
      if (this.#unsent.scopeMetrics.length === 0) this.#unsent = null;
      else error = await this.#exportMetrics(this.#metricExporter, this.#unsent);
    }
    if (error === null) return;
    // The totals hold more than this batch, so no refusal of theirs is an event's fault.
    for (const index of waiting) verdicts[index] = { kind: 'retry', reason: error.message };
  }

  async #exportMetrics(exporter: OTLPMetricExporter, figures: ResourceMetrics): Promise<DeliveryError | null> {
    const { error } = await this.#export(exporter, figures, 'metrics');
    if (error === null) this.#unsent = null;
    return error;
  }

  async #export<T extends Resourceful | Resourceful[]>(
    exporter: OtlpExporter<T>,
    items: T,
    signal: Signal,
  ): Promise<{ error: DeliveryError | null; rejected: number }> {
    // Detectors may still be asking the host who it is.
    const first: Resourceful | undefined = Array.isArray(items) ? items[0] : items;
    await first?.resource.waitForAsyncAttributes?.();
    this.#partial.reset();
    return new Promise((resolve) => {
      exporter.export(items, ({ code, error }) => {
        resolve({ error: code === 0 ? null : asDeliveryError(error, signal), rejected: this.#partial.rejected });
      });
    });
  }

  #startSpan(event: Event): void {
    if (event.kind !== 'inference') return;
    const { record } = event;
    const upstream = parseTraceparent(record.traceparent);
    // The record is the call that its `traceparent` announced to the model server, so a sampled one takes that identity.
    // Otherwise the sampler of OTEL_TRACES_SAMPLER sees the unsampled parent and decides.
    const parent =
      upstream === null || isSampled(upstream)
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, { traceId: upstream.traceId, spanId: upstream.spanId, traceFlags: 0, isRemote: true });
    this.#ids.next = upstream !== null && isSampled(upstream) ? upstream : null;
    const span = trace
      .getTracer('driftline', this.#version)
      .startSpan(spanName(record), { kind: SpanKind.CLIENT, startTime: record.at, attributes: spanAttributes(record) }, parent);
    if (isFailure(record)) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(record.at + record.latencyMs);
    this.#ids.next = null;
  }

  #emitLog(event: Event): void {
    const record = toLogRecord(event);
    if (record !== null) logs.getLogger('driftline', this.#version).emit(record);
  }
}

function keyOf(event: Event): string {
  return `${event.kind}\0${event.id}`;
}

function spanName(record: DriftlineRecord): string {
  return record.model === null ? record.method : `${record.method} ${record.model}`;
}

function verdictOf(error: DeliveryError): Verdict {
  return error.retryable ? { kind: 'retry', reason: error.message } : { kind: 'refused', reason: error.code };
}

/** Statuses after OTLP/HTTP, "Failures": 400 and 413 are final; a wrong key or path is for people to mend, so the events stay. */
function asDeliveryError(cause: Error | undefined, signal: Signal): DeliveryError {
  const status = cause !== undefined && 'code' in cause && typeof cause.code === 'number' ? cause.code : null;
  const error = (code: string, text: string, retryable: boolean): DeliveryError =>
    new DeliveryError(code, `otlp: ${signal} ${text}`, { retryable, cause });
  if (status === 401 || status === 403) {
    return error('forbidden', `refused (${status}); put a key that may write ${signal} into OTEL_EXPORTER_OTLP_HEADERS`, true);
  }
  if (status === 404)
    return error('not-found', 'refused (404); check OTEL_EXPORTER_OTLP_ENDPOINT and that the endpoint takes this signal', true);
  if (status === 413) return error('too-large', 'refused (413); raise the endpoint’s limit', false);
  if (status !== null && status >= 400 && status < 500 && status !== 429) return error('bad-request', `refused (${status})`, false);
  return error('unreachable', 'not taken; check that the endpoint is reachable', true);
}
