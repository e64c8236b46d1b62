/**
 * Driftline's data path alone: proxy and ring as `driftline run` has them, with a thread that reads the ring and throws away what it
 * reads. `node data-path.ts MODEL_URL off|on|unread|observe`: capture off; on; on, but nobody reads, so that the ring is full; on, and
 * bytes only passed on.
 */
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openProxy } from '../../proxy/proxy.ts';
import { EVERYTHING } from '../../proxy/sampling.ts';
import { RingReader } from '../../proxy/ring.ts';

if (isMainThread) {
  const [model = '', capture = 'on'] = process.argv.slice(2);
  const { hostname, port } = new URL(model);
  const proxy = await openProxy({
    mode: capture === 'observe' ? 'observe' : 'intervene',
    listen: { host: '127.0.0.1', port: 0 },
    upstreams: [{ name: 'primary', host: hostname, port: Number(port), timeoutMs: 30_000, version: null }],
    fallback: null,
    active: 'primary',
    maxBodyBytes: 256 * 1024,
    sampling: capture === 'off' ? { rate: 0, keepAlways: [] } : EVERYTHING,
  });
  if (capture === 'on' || capture === 'observe')
    new Worker(fileURLToPath(import.meta.url), { workerData: proxy.rings[0], name: 'analysis' });
  process.stdout.write(`ready on http://127.0.0.1:${proxy.address.port}\n`);
} else {
  // Waiting for the ring alone does not keep a thread.
  parentPort?.on('message', () => {});
  const reader = new RingReader(workerData as SharedArrayBuffer);
  for (;;) {
    while (reader.read() !== null);
    await reader.waitForMore(1_000);
  }
}
