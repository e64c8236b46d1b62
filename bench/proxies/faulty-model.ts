/**
 * A model server that misbehaves: `node faulty-model.ts SEED`. Most calls are answered; one in fifty is answered late, cut off, reset, silent
 * for a while, or with bytes that are no HTTP. A request whose target ends in `?well` is always served well.
 */
import { createServer, type Socket } from 'node:net';
import { answerBody } from '../load/bodies.ts';

const FAULTS = 0.02;
let state = Number(process.argv[2] ?? 1) >>> 0;
const random = () => {
  state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};
const body = answerBody();
const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
const good = head + body;

const faults: readonly ((socket: Socket) => void)[] = [
  (socket) => setTimeout(() => socket.write(good), 200 + 800 * random()),
  (socket) => socket.end(head + body.slice(0, Math.floor(body.length * random()))),
  (socket) => socket.resetAndDestroy(),
  (socket) => setTimeout(() => socket.destroy(), 1_500),
  (socket) => socket.end('I am no HTTP answer\r\n\r\n'),
  (socket) => socket.write(`HTTP/1.1 500 Internal Server Error\r\ncontent-length: 5\r\n\r\nno!!!`),
  (socket) => socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${good}`),
  (socket) => socket.write(`${good}and bytes past the end`),
  (socket) => socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n${body}`),
  (socket) =>
    socket.write(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ),
];

const server = createServer((socket) => {
  let seen = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    seen = Buffer.concat([seen, bytes]);
    for (;;) {
      const end = seen.indexOf('\r\n\r\n');
      if (end < 0) return;
      const text = seen.toString('latin1', 0, end);
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (seen.length < end + 4 + length) return;
      seen = seen.subarray(end + 4 + length);
      const well = /^POST \S*\?well /.test(text) || random() >= FAULTS;
      if (well) socket.write(good);
      else faults[Math.floor(random() * faults.length)]!(socket);
    }
  });
});
server.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`ready on http://127.0.0.1:${address.port}\n`);
});
