/**
 * The best proxy that packages give in Node: `node:http` in front, undici's pool behind, dispatched without streams of its own.
 * `node undici-proxy.ts MODEL_URL PORT`.
 */
import { createServer } from 'node:http';
import { Pool } from 'undici';

const [model = '', port = ''] = process.argv.slice(2);
const pool = new Pool(model, { connections: 128 });

createServer((request, response) => {
  const headers = { ...request.headers };
  for (const name of ['connection', 'keep-alive', 'transfer-encoding', 'expect', 'host']) delete headers[name];
  pool.dispatch(
    { method: request.method as 'POST', path: request.url ?? '/', headers, body: request },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, answered) {
        if (status < 200) return;
        const passed = { ...answered };
        for (const name of ['connection', 'keep-alive', 'transfer-encoding']) delete passed[name];
        response.writeHead(status, passed as { [name: string]: string });
      },
      onResponseData(_controller, chunk) {
        response.write(chunk);
      },
      onResponseEnd() {
        response.end();
      },
      onResponseError() {
        if (response.headersSent) response.destroy();
        else response.writeHead(502).end();
      },
    },
  );
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
