/**
 * A V2 body with binary tensor data: JSON of a stated length, then the tensors' bytes in the order in which the JSON lists them.
 *
 * Source: Triton, binary tensor data extension.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { MessageBody } from '../../contracts/protocol.ts';
import { fieldValue } from './content.ts';

/** The field that announces the extension; KServe's answers have no other sign of it. */
export const JSON_LENGTH_FIELD = 'Inference-Header-Content-Length';
const JSON_LENGTH_NAME = JSON_LENGTH_FIELD.toLowerCase();

/** The bytes after the JSON, taken from the front. */
export class BinaryParts {
  readonly #bytes: Uint8Array;
  readonly #truncated: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, truncated: boolean) {
    this.#bytes = bytes;
    this.#truncated = truncated;
  }

  /**
   * The next `size` bytes as a view; null when the copy ends before them.
   *
   * @throws DecodeError `raw-size` when the body itself ends before them.
   */
  take(size: number, place: string): Uint8Array | null {
    const end = this.#at + size;
    const left = Math.max(0, this.#bytes.length - this.#at);
    if (end > this.#bytes.length && !this.#truncated) {
      throw new DecodeError('raw-size', `${place}: ${size} bytes of binary data announced, ${left} are left`);
    }
    const part = end > this.#bytes.length ? null : this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  /** @throws DecodeError `raw-size` when bytes are left that no tensor has announced. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0 && !this.#truncated) throw new DecodeError('raw-size', `body: ${left} bytes after the last tensor's`);
  }
}

/**
 * The JSON of a body and what follows it; `parts` is null where the extension is not announced.
 *
 * @throws DecodeError `json-length` when the announced length is none or more than the body; `headerless-tensor` when it is 0: then the
 * whole body is one tensor, whose datatype and shape only the server knows; `truncated`.
 */
export function splitBody(body: MessageBody): { readonly json: MessageBody; readonly parts: BinaryParts | null } {
  const field = fieldValue(body.headers, JSON_LENGTH_NAME);
  if (field === null) return { json: body, parts: null };
  const { bytes, headers, truncated = false } = body;
  const length = /^\d{1,15}$/.test(field) ? Number(field) : null;
  if (length === 0) throw new DecodeError('headerless-tensor', 'body: one raw tensor; its datatype and shape stand in no message');
  if (length !== null && length > bytes.length && truncated) {
    throw new DecodeError('truncated', `body: ${length} bytes of JSON, of which ${bytes.length} were copied; raise maxBodyBytes`);
  }
  if (length === null || length > bytes.length) {
    throw new DecodeError('json-length', `body: ${JSON_LENGTH_FIELD} should be a number up to the ${bytes.length} bytes of the body`);
  }
  return { json: { bytes: bytes.subarray(0, length), headers }, parts: new BinaryParts(bytes.subarray(length), truncated) };
}
