/**
 * A record on its way into the store: made text at once, and the text put into memory that no garbage collector looks at. As an object of forty
 * parts that waits for a commit it cost the collector more than all that is done with it.
 */
import type { DriftlineRecord } from '../../contracts/record.ts';

/** What its row holds. */
export interface StoredRecord {
  readonly id: string;
  readonly requestId: string | null;
  readonly at: number;
  readonly firstRow: number | null;
  readonly rows: number;
  readonly kept: boolean;
  /** The whole record as JSON, or that in UTF-8. */
  readonly body: string | Buffer;
}

/** Texts are put into pieces of memory of this size, and so many of them are kept for the next batch: some 4,000 records of a kilobyte. */
const CHUNK_BYTES = 256 * 1024;
const CHUNKS_KEPT = 16;

/** The texts of the records of one batch. */
export class RecordTexts {
  /** Those that are full, the one that is written to, and those that are free. */
  readonly #chunks: Buffer[] = [];
  #writing = -1;
  #used = CHUNK_BYTES;

  /** Makes a record text. What its row holds is there until `clear`. */
  store(record: DriftlineRecord): StoredRecord {
    const text = JSON.stringify(record);
    // No character takes more than three bytes.
    const chunk = this.#room(3 * text.length);
    const from = this.#used;
    this.#used += chunk.write(text, from);
    return new Written(record, chunk, from, this.#used);
  }

  /** From here on the memory is used again. */
  clear(): void {
    const kept = this.#chunks.filter(({ length }) => length === CHUNK_BYTES).slice(0, CHUNKS_KEPT);
    this.#chunks.splice(0, this.#chunks.length, ...kept);
    this.#writing = -1;
    this.#used = CHUNK_BYTES;
  }

  #room(bytes: number): Buffer {
    const open = this.#chunks[this.#writing];
    if (open !== undefined && this.#used + bytes <= open.length) return open;
    this.#used = 0;
    const free = this.#chunks[++this.#writing];
    if (free !== undefined && bytes <= free.length) return free;
    const fresh = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
    this.#chunks.splice(this.#writing, 0, fresh);
    return fresh;
  }
}

/** A record whose text lies in a chunk. */
class Written implements StoredRecord {
  readonly id: string;
  readonly requestId: string | null;
  readonly at: number;
  readonly firstRow: number | null;
  readonly rows: number;
  readonly kept: boolean;
  readonly #chunk: Buffer;
  readonly #from: number;
  readonly #to: number;

  constructor({ id, requestId, at, firstRow, rows, keptFor }: DriftlineRecord, chunk: Buffer, from: number, to: number) {
    this.id = id;
    this.requestId = requestId;
    this.at = at;
    this.firstRow = firstRow;
    this.rows = rows;
    this.kept = keptFor !== null;
    this.#chunk = chunk;
    this.#from = from;
    this.#to = to;
  }

  get body(): Buffer {
    return this.#chunk.subarray(this.#from, this.#to);
  }
}

/** A record that is not written: it becomes text only if a label asks for it. */
export function unwritten(record: DriftlineRecord): StoredRecord {
  const { id, requestId, at, firstRow, rows, keptFor } = record;
  return {
    ...{ id, requestId, at, firstRow, rows },
    kept: keptFor !== null,
    get body() {
      return JSON.stringify(record);
    },
  };
}

/** @param body as it was stored */
export function recordOf({ body }: { readonly body: unknown }): DriftlineRecord {
  return JSON.parse(String(body)) as DriftlineRecord;
}
