/**
 * Node's own HTTP parser (llhttp) as the judge of ours: both read the same bytes, and both say what they saw.
 */
import { createRequire } from 'node:module';
import { BodyReader } from '../../proxy/body.ts';
import { answerFraming, endOfHead, HEAD_END_BYTES, parseAnswerHead, parseRequestHead } from '../../proxy/framing.ts';

/** One message as a parser saw it. */
export interface Seen {
  readonly start: string;
  /** `name: value`, in order. */
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
  readonly complete: boolean;
}

interface InternalParser {
  initialize(type: number, resource: object): void;
  execute(bytes: Buffer): number | Error;
  finish(): number | Error | undefined;
  [callback: number]: unknown;
}

const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: { new (): InternalParser; REQUEST: number; RESPONSE: number; [name: string]: number } & (new () => InternalParser);
  methods: string[];
};
/** What llhttp, with no leniency switched on, makes of the pieces. */
export function theirs(kind: 'request' | 'answer', pieces: readonly Buffer[], method = 'POST'): { seen: Seen[]; refused: boolean } {
  const parser = new HTTPParser();
  parser.initialize(kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {});
  const seen: Seen[] = [];
  let fields: string[] = [];
  let current: { start: string; fields: string[]; body: string; trailers: string[]; complete: boolean } | null = null;
  let late: string[] = [];
  const pairs = (flat: readonly string[]) => flat.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${flat[i + 1]}`] : []));
  // Trailers come this way, and after a message with trailers also the next head, its URL beside it.
  let lateUrl = '';
  parser[HTTPParser.kOnHeaders!] = (flat: string[], url: string) => {
    lateUrl = url;
    if (current === null) fields.push(...flat);
    else late.push(...flat);
  };
  parser[HTTPParser.kOnHeadersComplete!] = (
    _major: number,
    minor: number,
    flat: string[] | undefined,
    number: number,
    url: string | undefined,
    status: number,
    phrase: string,
  ) => {
    fields.push(...(flat ?? []));
    const start = kind === 'request' ? `${methods[number]} ${url ?? lateUrl} 1.${minor}` : `1.${minor} ${status} ${phrase}`;
    current = { start, fields: pairs(fields), body: '', trailers: [], complete: false };
    fields = [];
    late = [];
    seen.push(current);
    return kind === 'answer' && method === 'HEAD' ? 1 : 0;
  };
  parser[HTTPParser.kOnBody!] = (bytes: Buffer) => {
    if (current !== null) current.body += bytes.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete!] = () => {
    if (current === null) return;
    current.complete = true;
    current.trailers = pairs(late);
    current = null;
  };
  for (const piece of pieces) {
    if (parser.execute(piece) instanceof Error) return { seen, refused: true };
  }
  return { seen, refused: false };
}

/** What our parser makes of the pieces; heads are read as connections read them. */
export function ours(kind: 'request' | 'answer', pieces: readonly Buffer[], method = 'POST'): { seen: Seen[]; refused: boolean } {
  const seen: Seen[] = [];
  let input: Buffer = Buffer.alloc(0);
  let current: { start: string; fields: string[]; body: string; trailers: string[]; complete: boolean } | null = null;
  let body: BodyReader | null = null;
  let keepAlive = true;
  for (const piece of pieces) {
    input = body === null ? Buffer.concat([input, piece]) : piece;
    let at = 0;
    while (at < input.length || body?.done) {
      if (body === null) {
        while (kind === 'request' && input[at] === 13 && input[at + 1] === 10) at += 2;
        const end = endOfHead(input, at);
        if (end === -1) break;
        const text = input.toString('latin1', at, end);
        const head = kind === 'request' ? parseRequestHead(text) : parseAnswerHead(text);
        if (head.kind === 'refused') return { seen, refused: true };
        at = end + HEAD_END_BYTES;
        keepAlive = head.keepAlive;
        const start =
          head.kind === 'request'
            ? `${head.method} ${head.target} 1.${head.minorVersion}`
            : `1.${head.minorVersion} ${head.status} ${head.reasonPhrase}`;
        current = { start, fields: head.fields.map(([name, value]) => `${name}: ${value}`), body: '', trailers: [], complete: false };
        seen.push(current);
        body = new BodyReader();
        body.start(head.kind === 'request' ? head.framing : answerFraming(head, method), head.contentLength ?? 0);
      }
      at = body.read(input, at);
      for (const view of body.pieces) current!.body += view.toString('latin1');
      if (body.failure !== null) return { seen, refused: true };
      if (!body.done) break;
      current!.complete = true;
      current!.trailers = body.trailers.map(([name, value]) => `${name}: ${value}`);
      // Nothing is read after a message that closes the connection.
      if (!keepAlive) return { seen, refused: false };
      body = null;
    }
    input = input.subarray(at);
  }
  return { seen, refused: false };
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
