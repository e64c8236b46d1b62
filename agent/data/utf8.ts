/**
 * Bytes that are UTF-8, or a message that says where they are not: else two names with foreign letters could become one category.
 */
import { ConfigError } from '../../contracts/errors.ts';

const LINE_FEED = 10;

/** Passes the bytes through. @throws ConfigError `not-utf8` with file and line */
export async function* utf8(bytes: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for await (const chunk of bytes) {
    try {
      decoder.decode(chunk, { stream: true });
    } catch {
      throw notUtf8(path, line + firstBadLine(chunk));
    }
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, at + 1)) line++;
    yield chunk;
  }
  try {
    decoder.decode();
  } catch {
    throw notUtf8(path, line);
  }
}

/** Lines of the chunk before the one with the fault; the last where the fault lies in its end. */
function firstBadLine(chunk: Buffer): number {
  let lines = 0;
  for (let from = 0; ; lines++) {
    const to = chunk.indexOf(LINE_FEED, from);
    // A letter may have begun in the chunk before: its rest alone is no fault.
    const rest = from === 0 ? chunk.findIndex((byte) => (byte & 0xc0) !== 0x80) : from;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(chunk.subarray(Math.max(0, rest), to === -1 ? chunk.length : to));
    } catch {
      return lines;
    }
    if (to === -1) return lines;
    from = to + 1;
  }
}

function notUtf8(path: string, line: number): ConfigError {
  return new ConfigError('not-utf8', `${path}:${line}: is not UTF-8; convert the file (iconv -f WINDOWS-1252 -t UTF-8)`);
}
