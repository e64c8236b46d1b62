import t from 'tap';
import { detectors } from '../../detectors/catalogue.ts';
import { parsePolicy } from '../../policies/load.ts';
import { formatMistake } from '../../policies/mistakes.ts';
import { DEFAULT_BREAKER, DEFAULT_TRAFFIC_LIMITS } from '../../proxy/limits.ts';

const known = new Map(detectors.map((detector) => [detector.type, detector]));

function parse(words: string) {
  const text = `apiVersion: driftline/v1
kind: Policy
metadata: {name: p}
spec:
  model: {name: m}
  traffic:
    upstreams: {primary: {url: "http://127.0.0.1:1"}}
${words.replace(/^/gm, '    ')}
`;
  const { policy, mistakes } = parsePolicy(text, 'policy.yaml', { detectors: known });
  return { traffic: policy?.traffic, mistakes: mistakes.map(formatMistake) };
}

t.test('without a word the data path bears what it bears without a policy', (t) => {
  const { traffic } = parse('');
  t.same(traffic?.limits, DEFAULT_TRAFFIC_LIMITS);
  t.same(traffic?.breaker, DEFAULT_BREAKER);
  t.match(traffic, { parser: 'driftline', retry: 'all' });
  t.end();
});

t.test('every limit, the breaker, the parser and the retry say what the data path does', (t) => {
  const { traffic, mistakes } = parse(`parser: node
retry: idempotent
limits:
  connections: 1
  connectionsPerAddress: 2
  headTimeout: 3s
  stallTimeout: 4s
  keepAlive: 5s
  bytesPerSecond: 0
  rateGrace: 7s
  requestBody: 8MiB
  upstreamConnections: 9
  queuedCalls: 0
  queuedBytes: 11KiB
  queueTimeout: 12ms
  connectTimeout: 13ms
  upstreamKeepAlive: 14s
breaker: {failures: 15, share: 0.16, ofLast: 17, openFor: 18s}`);
  t.same(mistakes, []);
  t.match(traffic, {
    parser: 'node',
    retry: 'idempotent',
    limits: {
      maxClients: 1,
      maxClientsPerAddress: 2,
      headTimeoutMs: 3000,
      stallTimeoutMs: 4000,
      keepAliveMs: 5000,
      minBytesPerSecond: 0,
      rateGraceMs: 7000,
      maxRequestBytes: 8 * 1024 ** 2,
      maxUpstreamConnections: 9,
      maxQueuedCalls: 0,
      maxQueuedBytes: 11 * 1024,
      queueTimeoutMs: 12,
      connectTimeoutMs: 13,
      upstreamIdleMs: 14_000,
    },
    breaker: { failures: 15, share: 0.16, ofLast: 17, openMs: 18_000 },
  });
  t.equal(parse('breaker: {enabled: false}').traffic?.breaker, null);
  t.end();
});

t.test('a limit that is none is told with its place and a remedy', (t) => {
  t.same(parse('limits: {headTimout: 5s}').mistakes, [
    'policy.yaml:8:14 spec.traffic.limits.headTimout unknown key `headTimout` — did you mean headTimeout?',
  ]);
  t.match(parse('limits: {connections: 0}').mistakes, [
    /^policy\.yaml:8:27 spec\.traffic\.limits\.connections is 0 and must be at least 1/,
  ]);
  t.match(parse('limits: {queueTimeout: 2d}').mistakes, [/^policy\.yaml:8:28 .*queueTimeout is `2d` and must be at most 1d/]);
  t.match(parse('breaker: {openFor: 2h}').mistakes, [/^policy\.yaml:8:24 .*openFor is `2h` and must be at most 1h/]);
  t.match(parse('parser: nginx').mistakes, [/^policy\.yaml:8:13 spec\.traffic\.parser is `nginx` and must be .*driftline.*node/]);
  t.match(parse('retry: always').mistakes, [/retry is `always` and must be/]);
  t.end();
});

t.test('sampling keeps everything unless told otherwise, and takes a share and three kinds of call', (t) => {
  t.same(parse('').traffic?.sampling, { rate: 1, keepAlways: ['schema_violation', 'upstream_error', 'has_feedback'] });
  t.same(parse('sampling: {rate: 0.25, keepAlways: []}').traffic?.sampling, { rate: 0.25, keepAlways: [] });
  t.same(parse('sampling: {rate: 1.5}').mistakes, ['policy.yaml:8:22 spec.traffic.sampling.rate is 1.5 and must be at most 1']);
  t.match(parse('sampling: {keepAlways: [errors]}').mistakes, [
    /^policy\.yaml:8:29 spec\.traffic\.sampling\.keepAlways\.0 .*schema_violation, upstream_error or has_feedback/,
  ]);
  t.end();
});
