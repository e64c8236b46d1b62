/**
 * Parts that the OpenTelemetry SDK takes from us in place of its own.
 */
import type { DiagLogger } from '@opentelemetry/api';
import { AggregationTemporality, MetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { RandomIdGenerator } from '@opentelemetry/sdk-trace';

/** Gives the next span the ids that its record already has. */
export class RecordIds {
  readonly #random = new RandomIdGenerator();
  /** Identity of the next span; null = a new one. */
  next: { readonly traceId: string; readonly spanId: string } | null = null;

  readonly generateTraceId = (): string => this.next?.traceId ?? this.#random.generateTraceId();
  readonly generateSpanId = (): string => this.next?.spanId ?? this.#random.generateSpanId();
}

/** Collects when asked. The SDK's periodic reader would send behind delivery's back. */
export class PullReader extends MetricReader {
  constructor(exporter: PushMetricExporter) {
    super({
      aggregationTemporalitySelector: (type) => exporter.selectAggregationTemporality?.(type) ?? AggregationTemporality.CUMULATIVE,
    });
  }

  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** Hears of partial successes, which the SDK reports nowhere but in its diagnostic log; passes other warnings on. */
export class PartialSuccess implements DiagLogger {
  readonly #log: (line: string) => void;
  /** Spans or log records rejected since the last reset. */
  rejected = 0;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  reset(): void {
    this.rejected = 0;
  }

  warn(message: string, ...details: unknown[]): void {
    const found = /"rejected(?:Spans|LogRecords)":"?(\d+)/.exec(String(details[0]));
    if (message.startsWith('Received Partial Success') && found !== null) this.rejected += Number(found[1]);
    else this.#log(`otlp: ${[message, ...details].join(' ')}`);
  }

  error(message: string, ...details: unknown[]): void {
    this.#log(`otlp: ${[message, ...details].join(' ')}`);
  }

  info(): void {}
  debug(): void {}
  verbose(): void {}
}

/** The newest ids, oldest forgotten first. */
export class RecentIds {
  readonly #ids = new Set<string>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Whether the id was new. */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > this.#capacity) this.#ids.delete(this.#ids.values().next().value!);
    return true;
  }
}
