/** Takes events by POST and forgets them, as fast as it can: where the KServe agent's logger sends its events. */
import { startServer } from '../../test/support/child.ts';

const PROGRAM = `require('node:http').createServer((request, response) => { request.resume(); request.on('end', () => response.writeHead(202).end()); })
  .listen(0, '127.0.0.1', function () { console.log('ready on http://127.0.0.1:' + this.address().port); })`;

/** A process of its own, so that its work is nobody else's. */
export async function startSink(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = await startServer(process.execPath, ['-e', PROGRAM], /^ready on/);
  return { url: server.ready.slice('ready on '.length), stop: () => server.stop(500) };
}
