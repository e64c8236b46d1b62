/**
 * The data thread: runs the data port and obeys the main side in `proxy.ts`. It parses framing and nothing else.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { collectGarbage } from './collect-garbage.ts';
import { Counters } from './counters.ts';
import { LOOK_OFTEN_MS, LoopDelay } from './loop-delay.ts';
import { Pressure } from './pressure.ts';
import { RingWriter } from './ring.ts';
import { type Address, DataServer } from './server.ts';
import type { TrafficOptions } from './traffic.ts';

/** Small buffers share slabs of this size: Node's 8 KiB are used up by two calls. */
const POOL_BYTES = 64 * 1024;

/** What the thread starts with. */
export interface ThreadData {
  readonly listen: Address;
  /** Whether other threads listen there too. */
  readonly reusePort: boolean;
  readonly traffic: TrafficOptions;
  readonly active: string;
  readonly ring: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly pressure: SharedArrayBuffer;
  readonly loopDelay: SharedArrayBuffer;
}

/** What the main side asks; each is answered by a `Reply` with its number. */
export type Order = { readonly number: number } & (
  | { readonly kind: 'route'; readonly to: string }
  | { readonly kind: 'configure'; readonly traffic: TrafficOptions }
  | { readonly kind: 'end-keep-alive' }
  | { readonly kind: 'drain'; readonly timeoutMs: number }
  | { readonly kind: 'collect-garbage' }
  | { readonly kind: 'close' }
);

export type Reply =
  | { readonly kind: 'listening'; readonly address: Address }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | { readonly kind: 'done'; readonly number: number; readonly before: string; readonly route: string }
  | { readonly kind: 'failed'; readonly number: number; readonly message: string }
  /** A fault of our own, kept inside one connection. */
  | { readonly kind: 'fault'; readonly text: string };

if (parentPort !== null) {
  Buffer.poolSize = POOL_BYTES;
  const port = parentPort;
  const reply = (message: Reply) => port.postMessage(message);
  // `openProxy` starts this thread with exactly that.
  const data = workerData as ThreadData;
  const server = await DataServer.create({
    ...data.traffic,
    active: data.active,
    ring: new RingWriter(data.ring),
    counters: new Counters(data.counters),
    pressure: new Pressure(data.pressure),
    report: (fault) => reply({ kind: 'fault', text: fault instanceof Error ? (fault.stack ?? fault.message) : String(fault) }),
  });

  const obey = async (order: Order): Promise<void> => {
    switch (order.kind) {
      case 'route':
        server.traffic.setRoute(order.to);
        break;
      case 'configure':
        await server.configure(order.traffic);
        break;
      case 'end-keep-alive':
        server.endKeepAlive();
        break;
      case 'drain':
        await server.drain(order.timeoutMs);
        break;
      case 'collect-garbage':
        collectGarbage();
        break;
      case 'close':
        await server.close();
        break;
    }
  };

  port.on('message', (order: Order) => {
    const before = server.traffic.route;
    obey(order).then(
      () => {
        reply({ kind: 'done', number: order.number, before, route: server.traffic.route });
        if (order.kind === 'close') port.close();
      },
      (error: Error) => reply({ kind: 'failed', number: order.number, message: error.message }),
    );
  });

  server.listen(data.listen, data.reusePort).then(
    (address) => {
      reply({ kind: 'listening', address });
      new LoopDelay(data.loopDelay).watch(LOOK_OFTEN_MS);
    },
    (error: NodeJS.ErrnoException) => {
      reply({ kind: 'refused', code: error.code ?? '', message: error.message });
      port.close();
    },
  );
}
