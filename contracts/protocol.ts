/**
 * What gives bytes their meaning: one protocol of a model server.
 */
import type { Header } from './exchange.ts';
import type { Tensor } from './tensor.ts';

/** The model that a path names. */
export interface Target {
  readonly model: string | null;
  readonly version: string | null;
}

/** One body decoded. */
export interface Message {
  /** Id inside the body (V2 `id`), or null. */
  readonly requestId: string | null;
  readonly model: string | null;
  readonly version: string | null;
  readonly tensors: readonly Tensor[];
}

/** A call's line and fields, before any body is read. */
export interface CallHead {
  readonly method: string;
  /** Request target as sent, query included. */
  readonly path: string;
  readonly headers: readonly Header[];
}

/** The body of a request or an answer, content encoding already removed. */
export interface MessageBody {
  readonly bytes: Uint8Array;
  readonly headers: readonly Header[];
}

export interface Protocol {
  /** The word in a policy: `kserve-v2`. */
  readonly type: string;
  readonly summary: string;
  /** The model a prediction call is for; null when the call is none of this protocol's predictions (health, metadata …). */
  match(call: CallHead): Target | null;
  /** @throws DecodeError when the bytes are not a request of this protocol. */
  decodeRequest(body: MessageBody, target: Target): Message;
  /** @throws DecodeError when the bytes are not a 2xx answer of this protocol. */
  decodeResponse(body: MessageBody, target: Target): Message;
  /** Writes an answer for a decoded request; what the fallback scorer and `serve` send. */
  encodeResponse(answer: Message): { readonly bytes: Uint8Array; readonly contentType: string };
}
