/**
 * What gives bytes their meaning: one protocol of a model server.
 */
import type { Header } from './exchange.ts';
import type { Tensor } from './tensor.ts';

/** The model that a path names. */
export interface Target {
  readonly model: string | null;
  readonly version: string | null;
  /** The method of a gRPC call (`ModelInfer`); absent for any other. */
  readonly method?: string;
}

/** One body decoded. */
export interface Message {
  /** Id inside the body (V2 `id`), or null. */
  readonly requestId: string | null;
  readonly model: string | null;
  readonly version: string | null;
  readonly tensors: readonly Tensor[];
  /** Names of tensors whose bytes lie beyond the end of a truncated copy. Absent: none. */
  readonly cut?: readonly string[];
  /** Why a 2xx answer is a failure all the same (`error-in-stream`). Absent: it is none. */
  readonly failure?: string;
  /** What a streamed answer or a generated text tells of itself. Absent: it is neither. */
  readonly flow?: Flow;
  /** Which outputs a request wants as binary data. Absent: none. */
  readonly binaryOutputs?: BinaryOutputs;
}

/** A streamed answer, or the tokens of a generated one. */
export interface Flow {
  /** Events or lines with data, end marks not counted; null for an answer in one piece. */
  readonly events: number | null;
  /** Tokens that were generated, by the server's own count; null when it says none. */
  readonly tokens: number | null;
  /** Bytes of the body up to the end of the event with the first generated text, and with the last; null without any. */
  readonly firstTextEnd: number | null;
  readonly lastTextEnd: number | null;
}

/** V2's `binary_data_output` and its exceptions by name. */
export interface BinaryOutputs {
  readonly usual: boolean;
  readonly except: readonly string[];
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
  /** Whether the bytes are only the first of the body; what is not whole must then not be guessed. Absent: they are all. */
  readonly truncated?: boolean;
}

/** An answer ready to be sent. */
export interface EncodedAnswer {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** Further fields that the protocol needs. */
  readonly headers?: readonly Header[];
}

export interface Protocol {
  /** The word in a policy: `kserve-v2`. */
  readonly type: string;
  readonly summary: string;
  /** The model a prediction call is for; null when the call is none of this protocol's predictions (health, metadata …). */
  match(call: CallHead): Target | null;
  /** @throws DecodeError when the bytes are not a request of this protocol; `truncated` when they are too few to tell. */
  decodeRequest(body: MessageBody, target: Target): Message;
  /** @throws DecodeError when the bytes are not a 2xx answer of this protocol; `truncated` when they are too few to tell. */
  decodeResponse(body: MessageBody, target: Target): Message;
  /**
   * Writes an answer for a decoded request to `target`; what the fallback scorer and `serve` send. Null: tensors cannot be an answer of this
   * protocol.
   *
   * @throws DecodeError `not-answerable` when these tensors cannot.
   */
  readonly encodeResponse: ((answer: Message, target?: Target) => EncodedAnswer) | null;
}
