/**
 * Servers that stand behind or beside the peers, each a process of its own, so that its work is nobody else's.
 */
import { startServer } from '../../test/support/child.ts';

/** One of them, running. */
export interface StandIn {
  readonly url: string;
  stop(): Promise<void>;
}

/** Takes events by POST and forgets them, as fast as it can: where the KServe agent's logger sends its events. */
export function startSink(): Promise<StandIn> {
  return start("request.on('end', () => response.writeHead(202).end());");
}

/** A model server of large bodies: reads a request whole and gives an answer of so many bytes. */
export function startLargeModel(bytes: number): Promise<StandIn> {
  return start(
    `request.on('end', () => response.writeHead(200, { 'content-type': 'application/json', 'content-length': ${bytes} }).end(Buffer.alloc(${bytes}, 32)));`,
  );
}

async function start(answer: string): Promise<StandIn> {
  const program = `require('node:http').createServer((request, response) => { request.resume(); ${answer} })
    .listen(0, '127.0.0.1', function () { console.log('ready on http://127.0.0.1:' + this.address().port); })`;
  const server = await startServer(process.execPath, ['-e', program], /^ready on/);
  return { url: server.ready.slice('ready on '.length), stop: () => server.stop(500) };
}
