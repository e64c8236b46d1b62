import t from 'tap';
import { ConfigError } from '../../contracts/errors.ts';
import { protocolsFor, protocolTypes } from '../../proxy/catalogue.ts';

const nothing = { inputs: [], outputs: [] };
const mapping = { inputs: [{ name: 'age', path: '$.age' }], outputs: [] };

function taker(path: string, method = 'POST', chosen = nothing): string | null {
  const call = { method, path, headers: [] };
  return protocolsFor('auto', chosen).find((protocol) => protocol.match(call) !== null)?.type ?? null;
}

t.test('each word of the catalogue is the type of its protocol', (t) => {
  t.same(
    protocolTypes.map((type) => [...new Set(protocolsFor(type, nothing).map((protocol) => protocol.type))]),
    protocolTypes.map((type) => [type]),
  );
  t.end();
});

t.test('auto takes a call by its path, and any other POST only with a mapping', (t) => {
  t.equal(taker('/v2/models/m/infer'), 'kserve-v2');
  t.equal(taker('/v2/models/m/versions/3/infer?verbose=1'), 'kserve-v2');
  t.equal(taker('http://host:8080/v1/models/m:predict'), 'kserve-v1');
  t.equal(taker('/v1/models/m/versions/3:predict'), 'tfserving');
  t.equal(taker('/v1/models/m/labels/canary:regress'), 'tfserving');
  t.equal(taker('/v1/models/m:classify'), 'tfserving');
  t.equal(taker('/invocations'), 'mlflow');
  t.equal(taker('/predictions/m/1.0', 'PUT'), 'torchserve');
  t.equal(taker('/v2/models/m/generate'), 'kserve-v2');
  t.equal(taker('/v2/models/m/versions/1/generate_stream'), 'kserve-v2');
  t.equal(taker('/v2/models/m/infer_stream'), 'kserve-v2');
  t.equal(taker('/v1/chat/completions'), 'openai');
  t.equal(taker('/openai/v1/completions?x=1'), 'openai');
  t.equal(taker('/score'), null);
  t.equal(taker('/score', 'POST', mapping as unknown as typeof nothing), 'raw-json');
  t.end();
});

t.test('health, metadata, explanations and other methods are no predictions', (t) => {
  for (const path of ['/v2/health/live', '/v2/models/m', '/v2/models/m/ready', '/v1/chat/completions/7', '/v1/embeddings']) {
    t.equal(taker(path), null, path);
  }
  for (const path of ['/v1/models/m', '/v1/models/m:explain', '/ping', '/explanations/m', '/predictions', '/v2/models//infer']) {
    t.equal(taker(path), null, path);
  }
  t.equal(taker('/v2/models/m/infer', 'GET'), null);
  t.equal(taker('/invocations', 'DELETE'), null);
  t.end();
});

t.test('model and version are read from the path without percent-encoding', (t) => {
  const match = (type: string, path: string) => protocolsFor(type, nothing)[0]?.match({ method: 'POST', path, headers: [] });
  t.same(match('kserve-v2', '/v2/models/my%20model/versions/v1.2.0/infer'), { model: 'my model', version: 'v1.2.0' });
  t.same(match('kserve-v2', '/v2/models/%zz/infer'), { model: '%zz', version: null });
  t.same(match('kserve-v1', '/v1/models/a:b:predict'), { model: 'a:b', version: null });
  t.same(match('tfserving', '/v1/models/m/labels/canary:predict'), { model: 'm', version: 'canary' });
  t.same(match('torchserve', '/predictions/m/2.1?user=7'), { model: 'm', version: '2.1' });
  t.end();
});

t.test('an unknown word and a path that cannot be read are mistakes of the configuration', (t) => {
  t.throws(() => protocolsFor('seldon', nothing), { code: 'unknown-protocol' });
  t.throws(() => protocolsFor('constructor', nothing), ConfigError);
  t.throws(() => protocolsFor('raw-json', { inputs: [{ name: 'a', path: 'a.b' }], outputs: [] }), { code: 'json-path' });
  t.end();
});
