/**
 * A destination for events. `exporters/delivery.ts` does reading, batching, retrying and counting for all of them.
 */
import type { Event } from './event.ts';

/** What a destination said of one event. */
export type Verdict =
  | { readonly kind: 'delivered' }
  /** Will never be taken (mapping conflict, too large …): counted as dropped with this reason. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Not now: sent again later, in order. */
  | { readonly kind: 'retry'; readonly reason: string };

export interface Exporter {
  /** The word in a policy: `elasticsearch`, `otlp`. */
  readonly name: string;
  /** Batch limits that suit the destination. */
  readonly batch: { readonly events: number; readonly waitMs: number };
  /** Makes the destination ready; called again after it failed. @throws DeliveryError, which says what to grant or mend. */
  open(signal: AbortSignal): Promise<void>;
  /** One verdict an event, in order. @throws DeliveryError when the whole batch failed; `retryable` says whether to try again. */
  send(events: readonly Event[], signal: AbortSignal): Promise<readonly Verdict[]>;
  /** Safe twice, and without `open`. */
  close(): Promise<void>;
}
