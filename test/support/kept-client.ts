/**
 * A client that keeps one connection and calls on it every few milliseconds until an answer says `Connection: close`.
 */
import { connect } from 'node:net';

interface Teardown {
  teardown(end: () => unknown): void;
}

/** How it ended: told to close, closed between two calls, closed while a call was waiting for its answer, or not at all. */
export type Fate = 'told' | 'closed' | 'lost' | 'never';

const PAUSE_MS = 2;
/** Some seconds. */
const MOST_CALLS = 2_000;

/** @param answered is called at each answer */
export function untilTold(
  t: Teardown,
  { address }: { readonly address: { readonly host: string; readonly port: number } },
  answered: () => void,
): Promise<Fate> {
  const socket = connect({ ...address });
  t.teardown(() => socket.destroy());
  let received = '';
  let waiting = false;
  let calls = 0;
  const ask = () => {
    received = '';
    waiting = true;
    socket.write('POST /v2/models/m/infer HTTP/1.1\r\nHost: model\r\nContent-Length: 2\r\n\r\n{}');
  };
  return new Promise((resolve) => {
    socket.on('connect', ask);
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      // Whatever the model server answers, its body ends so.
      if (!received.endsWith('}')) return;
      waiting = false;
      calls++;
      answered();
      if (/\r\nconnection: close\r\n/i.test(received)) resolve('told');
      else if (calls === MOST_CALLS) resolve('never');
      else setTimeout(ask, PAUSE_MS);
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(waiting ? 'lost' : 'closed'));
  });
}
