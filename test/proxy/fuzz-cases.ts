/**
 * Messages that are nearly right, from a seed: heads of requests and answers, and chunked bodies, mutated.
 */
export type Kind = 'request' | 'answer' | 'chunked';

const ODD = [
  '\r',
  '\n',
  '\r\n',
  '\t',
  ' ',
  ':',
  ';',
  ',',
  '\0',
  '\x0b',
  '\x7f',
  '\x80',
  '\xa0',
  '"',
  '=',
  '_',
  '/',
  '#',
  '0',
  'g',
  '-',
  '+',
  '\\',
  '\r\n ',
  '\n\n',
];
const LINES = [
  'Host: a',
  'Content-Length: 5',
  'Content-Length: 5, 5',
  'Content-Length: +5',
  'Content-Length: 0x5',
  'Content-Length: ',
  'Content-Length: 99999999999999999999',
  'Content-Length : 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: chunked\t',
  'Transfer-Encoding: identity',
  'Transfer-Encoding:chunked ',
  'Transfer_Encoding: chunked',
  ' folded: yes',
  'Connection: close',
  'Connection: keep-alive, x-a',
  'Expect: 100-continue',
  'X-A: b\x80c',
  'X-A:',
  ': nameless',
  'nocolon',
  'X-A: a\tb',
  'X(A: b',
];
const BODIES = ['', 'hello', '5\r\nhello\r\n0\r\n\r\n', '2;a=b\r\nhi\r\n0\r\nX-T: 1\r\n\r\n', '0\r\n\r\n', 'a\r\n0123456789\r\n00\r\n\r\n'];
const NEXT = { request: 'GET /next HTTP/1.1\r\nHost: b\r\n\r\n', answer: 'HTTP/1.1 201 Next\r\nContent-Length: 0\r\n\r\n' };
const STARTS = {
  request: [
    'POST / HTTP/1.1',
    'GET /a?b=c HTTP/1.1',
    'PUT /x HTTP/1.0',
    'OPTIONS * HTTP/1.1',
    'HEAD / HTTP/1.1',
    'GET http://a/ HTTP/1.1',
    'PRI * HTTP/2.0',
    'DELETE /%7f HTTP/1.1',
  ],
  answer: [
    'HTTP/1.1 200 OK',
    'HTTP/1.0 200 OK',
    'HTTP/1.1 204 No Content',
    'HTTP/1.1 304 Not Modified',
    'HTTP/1.1 503 \x80',
    'HTTP/1.1 200 ',
    'HTTP/1.1 099 No',
    'HTTP/1.1 100 Continue',
  ],
};

function pick<T>(random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

function mutate(random: () => number, text: string): string {
  let out = text;
  for (let n = Math.floor(random() * 3); n > 0; n--) {
    const at = Math.floor(random() * (out.length + 1));
    const odd = random() < 0.8 ? pick(random, ODD) : String.fromCharCode(Math.floor(random() * 256));
    out = out.slice(0, at) + odd + out.slice(at + Math.floor(random() * 2));
  }
  return out;
}

export function split(random: () => number, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = random() < 0.3 ? bytes.length : 1 + Math.floor(random() * 12);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** Bytes as latin1 text; a second message follows, so that a wrong end shows. */
export function makeCase(kind: Kind, random: () => number): string {
  if (kind === 'chunked') return chunkedCase(random);
  const lines = [pick(random, STARTS[kind])];
  if (random() < 0.85) lines.push('Host: a');
  for (let more = Math.floor(random() * 4); more > 0; more--) lines.push(pick(random, LINES));
  return mutate(random, `${lines.join('\r\n')}\r\n\r\n${pick(random, BODIES)}`) + NEXT[kind];
}

function chunkedCase(random: () => number): string {
  const head = random() < 0.7 ? 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' : '';
  let body = '';
  for (let chunks = Math.floor(random() * 4); chunks > 0; chunks--) {
    const data = 'x'.repeat(1 + Math.floor(random() * 20));
    const size = random() < 0.5 ? data.length.toString(16) : `0${data.length.toString(16).toUpperCase()}`;
    body += `${size}${pick(random, EXTENSIONS)}\r\n${data}\r\n`;
  }
  body += `${pick(random, ['0', '0', '00', '0;last'])}\r\n${pick(random, TRAILERS)}\r\n`;
  return head === ''
    ? `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${mutate(random, body)}${NEXT.answer}`
    : head + mutate(random, body) + NEXT.request;
}

const EXTENSIONS = ['', '', '', ';a', ';a=b', ';a="b c"', '; a=b', ';a=', ';=b', ' ', ';a="b\\"c"'];
const TRAILERS = ['', '', 'X-T: 1\r\n', 'X-T:\r\nX-U: \t2 \r\n', 'Content-Length: 3\r\n', ' x: y\r\n'];
