/**
 * Runs a proxy in front of the port given, tells its own port on stdout, and ends when stdin does. Started with few files to open.
 */
import { openProxy } from '../../proxy/proxy.ts';
import { upstream } from './wire.ts';

const proxy = await openProxy({
  listen: { host: '127.0.0.1', port: 0 },
  upstreams: [upstream(Number(process.argv[2]))],
  fallback: null,
  active: 'model',
  maxBodyBytes: 1024,
});
process.stdout.write(`${proxy.address.port}\n`);
process.stdin.resume();
process.stdin.on('end', () => void proxy.close());
