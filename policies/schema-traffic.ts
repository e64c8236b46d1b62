/**
 * The part of the policy's schema that says how traffic is treated: who reads it, what is borne, and when an upstream is left alone.
 */
import { choice, count, duration, flag, type JsonSchema, map, share, size } from './schema-words.ts';

/** The keys of `traffic` that are about the data path alone. */
export function dataPathSchema(): {
  readonly mode: JsonSchema;
  readonly parser: JsonSchema;
  readonly retry: JsonSchema;
  readonly limits: JsonSchema;
  readonly breaker: JsonSchema;
} {
  return {
    mode: choice(
      '`intervene`: calls are taken in, checked and sent on. `observe`: bytes pass unchanged, and a copy of them is read; nothing can then be refused, turned or answered here, callers are told no id, and what cannot be read is counted as `unobservedBy`.',
      ['intervene', 'observe'],
      { default: 'intervene' },
    ),
    parser: choice(
      'Who reads HTTP/1.1 of new connections: our own strict framing, or Node’s parser and undici, which cost three times the CPU and lose trailers of requests and interim answers.',
      ['driftline', 'node'],
      { default: 'driftline' },
    ),
    retry: choice(
      'Which calls are sent a second time after their pooled connection turned out to be closed, when no byte was answered and the body is at most 64 KiB: all, those of idempotent methods only (no POST, so no gRPC), or none. What an HTTP/2 server says that it did not take (REFUSED_STREAM, GOAWAY) goes again in any case.',
      ['all', 'idempotent', 'never'],
      { default: 'all' },
    ),
    limits: map(
      'How much and how long the data path bears with anyone; counts are per data thread. Fixed besides: heads of 64 KiB and 200 fields, trailers of 16 KiB, 32 interim answers.',
      {
        connections: count('Client connections open at once; fewer where the process may not open twice as many files.', {
          maximum: 1_000_000,
          default: 1024,
        }),
        connectionsPerAddress: count('Client connections from one address. Behind a gateway all come from one.', {
          maximum: 1_000_000,
          default: 1024,
        }),
        headTimeout: duration('From the first byte of a head to its end, on either side.', { default: '10s' }),
        stallTimeout: duration('Longest silence within a body, and longest wait for a reader that takes nothing.', { default: '60s' }),
        keepAlive: duration('A client connection between two requests.', { default: '75s' }),
        bytesPerSecond: {
          description: 'Least rate at which a client must send a body and take an answer, on average after `rateGrace`; 0 = any.',
          type: 'integer',
          minimum: 0,
          maximum: 1_000_000_000,
          default: 240,
        },
        rateGrace: duration('For so long the least rate does not count.', { default: '5s' }),
        requestBody: size('Largest request body that is passed on. Default: any.', { maximum: 2 ** 40 }),
        upstreamConnections: count('Connections to one upstream at once; calls beyond them wait.', { maximum: 1_000_000, default: 1024 }),
        queuedCalls: {
          ...count('Calls that wait for one upstream; more are refused as `overloaded`.', { maximum: 1_000_000, default: 1024 }),
          minimum: 0,
        },
        queuedBytes: size('Body bytes that these hold together.', { default: '16MiB' }),
        queueTimeout: duration('How long a call waits for its place.', { default: '5s' }),
        connectTimeout: duration('Until the upstream takes a connection.', { default: '3s' }),
        upstreamKeepAlive: duration('A pooled upstream connection between two calls; less than the model server allows.', {
          default: '4s',
        }),
      },
      { default: {} },
    ),
    breaker: map(
      'When an upstream that gives no answers is left alone for a while; calls then go to the fallback or get 503 `circuit-open`. Any status is an answer.',
      {
        enabled: flag('Whether there is one.', { default: true }),
        failures: count('So many calls without an answer in a row open it.', { maximum: 1_000_000, default: 5 }),
        share: share('Or this share of the last `ofLast` calls.', { default: 0.5 }),
        ofLast: count('How many calls the share is of.', { maximum: 10_000, default: 50 }),
        openFor: duration('How long no call is sent; then one is, and its fate decides.', { default: '2s' }),
      },
      { default: {} },
    ),
  };
}
