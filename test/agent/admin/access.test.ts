import fastify from 'fastify';
import t from 'tap';
import { guardAccess } from '../../../agent/admin/access.ts';

const AWAY = '10.1.2.3';

function port(token: string | null) {
  const app = fastify();
  guardAccess(app, { token, hosts: ['0.0.0.0'] });
  for (const url of ['/v1/status', '/livez', '/readyz', '/metrics']) app.get(url, async () => 'read');
  app.post('/v1/feedback', async () => 'written');
  return async (method: 'GET' | 'POST', url: string, remoteAddress: string, headers: { [name: string]: string } = {}) =>
    (await app.inject({ method, url, remoteAddress, headers: { host: 'driftline.models.svc:9090', ...headers } })).statusCode;
}
const bearer = { authorization: 'Bearer right' };

t.test('another machine gets in with the token, by whatever name it knows us', async (t) => {
  const call = port('right');
  t.equal(await call('GET', '/v1/status', AWAY, bearer), 200);
  t.equal(await call('POST', '/v1/feedback', AWAY, bearer), 200);
  t.equal(await call('GET', '/v1/status', AWAY), 401);
  t.equal(await call('POST', '/v1/feedback', AWAY, { authorization: 'Bearer wrong' }), 401);
});

t.test('no token is not a token: an empty one lets nobody in', async (t) => {
  const call = port('');
  for (const headers of [{}, { authorization: '' }, { authorization: 'Bearer ' }, { authorization: 'Bearer' }]) {
    t.equal(await call('POST', '/v1/feedback', AWAY, headers), 401);
  }
});

t.test('without a token another machine reaches the probes and the metrics only', async (t) => {
  const call = port(null);
  t.equal(await call('GET', '/v1/status', AWAY), 403);
  t.equal(await call('GET', '/v1/status', AWAY, { authorization: 'Bearer ' }), 403);
  for (const open of ['/livez', '/readyz', '/metrics']) t.equal(await call('GET', open, AWAY), 200, open);
});

t.test('on this machine a name that is not ours is refused, and writing needs the token once there is one', async (t) => {
  const local = { host: 'localhost:9090' };
  for (const [token, written] of [
    [null, 200],
    ['right', 401],
  ] as const) {
    const call = port(token);
    t.equal(await call('GET', '/v1/status', '127.0.0.1', local), 200);
    t.equal(await call('GET', '/v1/status', '127.0.0.1'), 421);
    t.equal(await call('POST', '/v1/feedback', '127.0.0.1', local), written);
    t.equal(await call('POST', '/v1/feedback', '127.0.0.1', { ...local, 'sec-fetch-site': 'cross-site' }), 403);
  }
});
