/**
 * HPACK (RFC 7541): reads header blocks of one direction of an HTTP/2 connection, from its first block on.
 *
 * As an onlooker it knows no settings of its own: the encoder's table size updates are followed, up to a cap of ours.
 */
import { MAX_HEAD_BYTES } from '../limits.ts';
import { decodeHuffman } from './huffman.ts';
import { Unobservable } from './unobservable.ts';

/** What the table starts with (RFC 9113 §6.5.2, SETTINGS_HEADER_TABLE_SIZE). */
const DEFAULT_TABLE_BYTES = 4096;
/** No encoder that is worth following asks for more. */
const MAX_TABLE_BYTES = 64 * 1024;
/** What an entry costs beyond its texts (§4.1). */
const ENTRY_BYTES = 32;

/** Appendix A: names, and values where there are any, in the order of their indices from 1 on. */
const STATIC: readonly (readonly [name: string, value: string])[] = (
  ':authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204|:status=206|' +
  ':status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|' +
  'access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|content-encoding|content-language|' +
  'content-length|content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|' +
  'if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|' +
  'referer|refresh|retry-after|server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate'
)
  .split('|')
  .map((entry) => {
    const [name = '', value = ''] = entry.split('=');
    return [name, value] as const;
  });

export class HpackDecoder {
  /** Newest last. */
  #table: (readonly [name: string, value: string])[] = [];
  #tableBytes = 0;
  #limitBytes = DEFAULT_TABLE_BYTES;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  /** Bytes that the dynamic table holds, by §4.1. */
  get tableBytes(): number {
    return this.#tableBytes;
  }

  /** Names and values in turn, latin1, in the order of the block. @throws Unobservable; the decoder is of no use then. */
  decode(block: Buffer): string[] {
    this.#block = block;
    this.#at = 0;
    const fields: string[] = [];
    let listBytes = 0;
    while (this.#at < block.length) {
      const byte = block[this.#at]!;
      if (byte >= 0x20 && byte < 0x40) {
        if (fields.length > 0) throw new Unobservable('unreadable', 'a table size update after a field');
        this.#resize(this.#integer(5));
        continue;
      }
      const [name, value] = byte >= 0x80 ? this.#entry(this.#integer(7)) : this.#literal(byte);
      listBytes += name.length + value.length + ENTRY_BYTES;
      if (listBytes > MAX_HEAD_BYTES) throw new Unobservable('too-large', 'a header list is too large');
      fields.push(name, value);
    }
    return fields;
  }

  /** §6.2: with indexing (`01`), without (`0000`), never to be indexed (`0001`). */
  #literal(byte: number): readonly [string, string] {
    const indexed = byte >= 0x40;
    const index = this.#integer(indexed ? 6 : 4);
    const name = index === 0 ? this.#string() : this.#entry(index)[0];
    const field = [name, this.#string()] as const;
    if (indexed) this.#add(field);
    return field;
  }

  #entry(index: number): readonly [string, string] {
    const entry = index <= STATIC.length ? STATIC[index - 1] : this.#table[this.#table.length - (index - STATIC.length)];
    if (entry === undefined) throw new Unobservable('unreadable', 'an index beyond the tables');
    return entry;
  }

  #add(field: readonly [name: string, value: string]): void {
    this.#tableBytes += sizeOf(field);
    this.#table.push(field);
    this.#evict();
  }

  #resize(bytes: number): void {
    if (bytes > MAX_TABLE_BYTES) throw new Unobservable('too-large', 'a dynamic table is too large');
    this.#limitBytes = bytes;
    this.#evict();
  }

  /** §4.3, §4.4: the oldest go until the rest fits; an entry that is larger than the table empties it. */
  #evict(): void {
    let gone = 0;
    while (this.#tableBytes > this.#limitBytes) this.#tableBytes -= sizeOf(this.#table[gone++]!);
    if (gone > 0) this.#table.splice(0, gone);
  }

  /** §5.1, at most 2^28: nothing that is counted here may be larger. */
  #integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (shift > 21) throw new Unobservable('too-large', 'an integer is too large');
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  /** §5.2. */
  #string(): string {
    const isHuffman = (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const from = this.#at;
    const to = from + length;
    if (to > this.#block.length) throw new Unobservable('unreadable', 'a string ends beyond its block');
    this.#at = to;
    if (!isHuffman) return this.#block.toString('latin1', from, to);
    const text = decodeHuffman(this.#block, from, to);
    if (text === null) throw new Unobservable('unreadable', 'a string is not in the Huffman code');
    return text;
  }

  #byte(): number {
    if (this.#at >= this.#block.length) throw new Unobservable('unreadable', 'the block ends within a field');
    return this.#block[this.#at++]!;
  }
}

function sizeOf([name, value]: readonly [string, string]): number {
  return name.length + value.length + ENTRY_BYTES;
}
