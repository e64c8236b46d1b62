import t from 'tap';
import { readRequestFields, readTrailers } from '../../../proxy/http2/request-fields.ts';
import { request } from './h2-wire.ts';

// nghttp2 refuses most of these before they come here; this is what stands when it does not.
const flat = (fields: readonly (readonly [string, string])[]) => fields.flat();

t.test('an HTTP/2 head becomes the text of an HTTP/1.1 one', async (t) => {
  const fields = flat([...request({ ':method': 'POST' }), ['cookie', 'a=1'], ['x-a', 'b'], ['cookie', 'c=2'], ['te', 'trailers']]);
  t.same(readRequestFields(fields, true), {
    head: 'POST /v2 HTTP/1.1\r\nhost: model\r\nx-a: b\r\nte: trailers\r\ncookie: a=1; c=2',
    grpc: false,
  });
  t.match(readRequestFields(fields, false)?.head, /transfer-encoding: chunked$/);
  t.notMatch(readRequestFields([...fields, 'content-length', '3'], false)?.head, 'transfer-encoding');
  const byHost = flat([...request({ ':authority': null }), ['host', 'other']]);
  t.match(readRequestFields(byHost, true)?.head, 'host: other');
  const same = flat([...request(), ['host', 'MODEL']]);
  t.match(readRequestFields(same, true)?.head, 'host: model');
});

t.test('gRPC is told by its content type, and gRPC-Web is not gRPC', async (t) => {
  const grpc = (type: string, method = 'POST') =>
    readRequestFields(flat([...request({ ':method': method }), ['content-type', type]]), false)?.grpc;
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc;x=y', 'Application/gRPC'])
    t.equal(grpc(type), true, type);
  for (const type of ['application/grpc-web', 'application/grpc-web+proto', 'application/json']) t.equal(grpc(type), false, type);
  t.equal(grpc('application/grpc', 'GET'), false);
});

t.test('whatever is malformed, or would leave its line, is none', async (t) => {
  const wrong: readonly (readonly [string, string])[][] = [
    ...['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'].map((name) => [...request(), [name, 'x'] as const]),
    ...['a\r\nb', 'a\nb', 'a\rb', 'a\0b', ' a', 'a ', '\ta'].map((value) => [...request(), ['x-a', value] as const]),
    ...['X-A', 'x a', 'x:a', 'x\r\na', ''].map((name) => [...request(), [name, 'x'] as const]),
    ...[':method', ':path', ':authority', ':scheme'].map((name) => request({ [name]: 'a\r\nb' })),
    ...[':method', ':path', ':authority', ':scheme'].map((name) => request({ [name]: null })),
    [...request(), ['te', 'gzip']],
    [...request(), [':path', '/b']],
    [['x-a', 'b'], ...request()],
    [['cookie', 'b'], ...request()],
    [...request(), [':protocol', 'websocket']],
    [...request(), ['host', 'other']],
    [...request(), ['host', 'model'], ['host', 'model']],
    request({ ':authority': '' }),
    request({ ':path': '' }),
    request({ ':scheme': 'ftp' }),
  ];
  for (const fields of wrong) t.equal(readRequestFields(flat(fields), true), null, JSON.stringify(fields));
  for (const fields of [
    ['host', 'a'],
    ['content-length', '1'],
    ['transfer-encoding', 'chunked'],
    ['x-a', 'b\nc'],
    [':path', '/'],
    ['X', 'y'],
  ]) {
    t.equal(readTrailers(fields), null, JSON.stringify(fields));
  }
  t.same(readTrailers(['x-a', 'b', 'x-c-bin', 'AAA=']), [
    ['x-a', 'b'],
    ['x-c-bin', 'AAA='],
  ]);
});
