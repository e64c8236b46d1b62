/** The usual proxy of the Node world: fastify with `@fastify/http-proxy`. `node fastify-proxy.ts MODEL_URL PORT`. */
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const [upstream = '', port = ''] = process.argv.slice(2);
const app = fastify();
await app.register(proxy, { upstream, undici: { connections: 128 } });
await app.listen({ port: Number(port), host: '127.0.0.1' });
process.stdout.write('ready\n');
