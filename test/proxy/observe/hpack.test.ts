/** The decoder against RFC 7541's own examples, and against what `node:http2` writes and reads. */
import { once } from 'node:events';
import { connect, createServer, type Http2Session } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { FrameReader } from '../../../proxy/observe/frames.ts';
import { HpackDecoder } from '../../../proxy/observe/hpack.ts';
import { Unobservable } from '../../../proxy/observe/unobservable.ts';

t.setTimeout(120_000);

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

/** `name: value` lines as names and values in turn. */
const fields = (...lines: string[]) =>
  lines.flatMap((line) => [line.slice(0, line.indexOf(': ', 1)), line.slice(line.indexOf(': ', 1) + 2)]);

const FIRST = fields(':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com');
const SECOND = [...FIRST, 'cache-control', 'no-cache'];
const THIRD = fields(':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value');
const ANSWER_1 = fields(
  ':status: 302',
  'cache-control: private',
  'date: Mon, 21 Oct 2013 20:13:21 GMT',
  'location: https://www.example.com',
);
const ANSWER_2 = [':status', '307', ...ANSWER_1.slice(2)];
const ANSWER_3 = fields(
  ':status: 200',
  'cache-control: private',
  'date: Mon, 21 Oct 2013 20:13:22 GMT',
  'location: https://www.example.com',
  'content-encoding: gzip',
  'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
);
/** The examples of answers assume a table of 256 bytes. */
const TABLE_256 = '3fe101';

/** Blocks of one connection with what they say, and the table's bytes after each. Source: RFC 7541, appendix C. */
const EXAMPLES: { readonly [section: string]: readonly (readonly [hex: string, fields: string[], tableBytes: number])[] } = {
  'C.2.1 literal with indexing': [
    ['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', fields('custom-key: custom-header'), 55],
  ],
  'C.2.2 literal without indexing': [['040c 2f73 616d 706c 652f 7061 7468', fields(':path: /sample/path'), 0]],
  'C.2.3 literal never indexed': [['1008 7061 7373 776f 7264 0673 6563 7265 74', fields('password: secret'), 0]],
  'C.2.4 indexed': [['82', fields(':method: GET'), 0]],
  'C.3 requests without Huffman': [
    ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', FIRST, 57],
    ['8286 84be 5808 6e6f 2d63 6163 6865', SECOND, 110],
    ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', THIRD, 164],
  ],
  'C.4 requests with Huffman': [
    ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', FIRST, 57],
    ['8286 84be 5886 a8eb 1064 9cbf', SECOND, 110],
    ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', THIRD, 164],
  ],
  'C.5 answers without Huffman': [
    [
      `${TABLE_256}4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      ANSWER_1,
      222,
    ],
    ['4803 3330 37c1 c0bf', ANSWER_2, 222],
    [
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
      ANSWER_3,
      215,
    ],
  ],
  'C.6 answers with Huffman': [
    [
      `${TABLE_256}4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      ANSWER_1,
      222,
    ],
    ['4883 640e ffc1 c0bf', ANSWER_2, 222],
    [
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
      ANSWER_3,
      215,
    ],
  ],
};

for (const [section, blocks] of Object.entries(EXAMPLES)) {
  t.test(`RFC 7541 ${section}`, async (t) => {
    const decoder = new HpackDecoder();
    for (const [hex, expected, tableBytes] of blocks) {
      t.strictSame(decoder.decode(bytes(hex)), expected);
      t.equal(decoder.tableBytes, tableBytes);
    }
  });
}

const BROKEN: readonly (readonly [what: string, hex: string, reason: string])[] = [
  ['index 0', '80', 'unreadable'],
  ['an index beyond both tables', 'be', 'unreadable'],
  ['a string longer than its block', '400a63', 'unreadable'],
  ['a block that ends within a field', '40', 'unreadable'],
  ['a table size update after a field', '8220', 'unreadable'],
  ['an integer without end', '7fffffffffffffffff', 'too-large'],
  ['a table of a mebibyte', '3fe1ff3f', 'too-large'],
  ['Huffman padding of zeroes', '4081f0 8100', 'unreadable'],
  ['Huffman padding of a whole octet', '0082 1fff 00', 'unreadable'],
  ['the end-of-string symbol within a string', '0084 ffff ffff 00', 'unreadable'],
];
for (const [what, hex, reason] of BROKEN) {
  t.test(`${what} is ${reason}`, async (t) => {
    const thrown = t.throws(() => new HpackDecoder().decode(bytes(hex)), Unobservable);
    t.match(thrown, { reason });
  });
}

t.test('a list that unfolds from few bytes into many is too large', async (t) => {
  const decoder = new HpackDecoder();
  decoder.decode(Buffer.concat([bytes('4001 61 7fa11e'), Buffer.alloc(4000, 'v')]));
  t.match(
    t.throws(() => decoder.decode(Buffer.alloc(40, 0xbe)), Unobservable),
    { reason: 'too-large' },
  );
});

t.test('a table of size 0 forgets everything, and one that grows again starts empty', async (t) => {
  const decoder = new HpackDecoder();
  decoder.decode(bytes('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'));
  t.strictSame(decoder.decode(bytes('20 3fe11f 82')), [':method', 'GET']);
  t.equal(decoder.tableBytes, 0);
  t.throws(() => decoder.decode(bytes('be')), Unobservable);
});

/** Header lists in one direction, by stream. */
class Lists {
  readonly byStream = new Map<number, string[][]>();
  readonly #decoder = new HpackDecoder();
  readonly #reader = new FrameReader({
    headers: (stream, block) => this.byStream.set(stream, [...(this.byStream.get(stream) ?? []), this.#decoder.decode(block)]),
    promise: (block) => void this.#decoder.decode(block),
    data: () => {},
    reset: () => {},
  });

  read(input: Buffer): void {
    this.#reader.read(input);
  }
}

const name = fc.stringMatching(/^x-[a-z0-9]{1,12}$/);
/** Values that are shorter in the Huffman code, and values that are longer, so that both forms are written. */
const value = fc.oneof(
  fc.stringMatching(/^[a-z0-9/.-]{0,30}$/),
  fc.stringMatching(/^[!-~\xa1-\xff]{1,30}$/),
  fc.stringMatching(/^[A-Za-z0-9]{200,300}$/).map((text) => text.repeat(12)),
);
const list = fc.uniqueArray(fc.tuple(name, value), { maxLength: 12, selector: ([name]) => name });
const LONG = 'long-'.repeat(8000);

t.test('lists that node:http2 writes, on either side, are read as node:http2 reads them, whatever the table’s size', async (t) => {
  for (const headerTableSize of [0, 100, 4096, 65_536]) {
    const server = createServer({ settings: { headerTableSize, maxHeaderListSize: 65_535 }, maxHeaderListPairs: 200 });
    const sent = new Map<number, readonly string[]>();
    server.on('stream', (stream, _headers, _flags, raw) => {
      sent.set(stream.id!, [...(raw as unknown as string[])]);
      const echoed = (raw as unknown as string[]).slice(8);
      stream.respond([':status', '200', ...echoed], { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-id': String(stream.id) }));
      stream.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // The bytes of both directions, in pieces of one to seven bytes or as they come.
    const [requests, answers] = [new Lists(), new Lists()];
    let small = false;
    const cut = (lists: Lists, input: Buffer) => {
      const size = small ? 7 : input.length;
      for (let at = 0; at < input.length; at += size) lists.read(input.subarray(at, at + size));
    };
    const middle = createTcpServer((near) => {
      const far = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
      let preface = 24;
      near.on('data', (input: Buffer) => {
        far.write(input);
        const skipped = Math.min(preface, input.length);
        preface -= skipped;
        cut(requests, input.subarray(skipped));
      });
      far.on('data', (input: Buffer) => {
        near.write(input);
        cut(answers, input);
      });
      for (const socket of [near, far]) socket.setNoDelay(true).on('error', () => {});
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
    });
    middle.listen(0, '127.0.0.1');
    await once(middle, 'listening');
    const client: Http2Session = connect(`http://127.0.0.1:${(middle.address() as AddressInfo).port}`, {
      settings: { headerTableSize, maxHeaderListSize: 65_535 },
      maxSendHeaderBlockLength: 65_535,
    });
    const call = async (extra: readonly (readonly [string, string])[]) => {
      const stream = (client as ReturnType<typeof connect>).request([
        ...[':method', 'GET', ':scheme', 'http', ':authority', 'model', ':path', '/'],
        ...extra.flat(),
      ]);
      stream.resume();
      const [, , raw] = (await once(stream, 'response')) as [unknown, unknown, string[]];
      await once(stream, 'close');
      const id = stream.id!;
      t.strictSame(requests.byStream.get(id), [sent.get(id)]);
      t.strictSame(answers.byStream.get(id), [[...raw], ['x-id', String(id)]]);
    };
    await fc.assert(
      fc.asyncProperty(list, fc.boolean(), async (extra, cutSmall) => {
        small = cutSmall;
        await call(extra);
      }),
      { seed: 7541, numRuns: 30 },
    );
    // Two frames and more (CONTINUATION).
    await call([['x-long', LONG]]);
    client.destroy();
    middle.close();
    server.close();
  }
});
