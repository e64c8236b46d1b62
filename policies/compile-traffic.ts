/**
 * What the document says of traffic, as the data path uses it: upstreams in order, limits in milliseconds and bytes, absolute paths.
 */
import type { BreakerOptions, Endpoint, Policy, TlsFiles, TrafficLimits, Upstream } from '../contracts/policy.ts';
import { upstreamAddress } from './addresses.ts';
import type { LimitsDocument, PolicyDocument } from './document.ts';
import { parseDuration, parseSize } from './durations.ts';

type TrafficDocument = PolicyDocument['spec']['traffic'];

/** Compiles the part of a document without mistakes. @param locate makes a path absolute */
export function traffic(document: TrafficDocument, locate: (relative: string) => string): Policy['traffic'] {
  const { fallback } = document.upstreams;
  return {
    mode: document.mode,
    protocol: document.protocol,
    upstreams: upstreams(document.upstreams, locate),
    ...(document.tls === undefined ? {} : { tls: dataPortFiles(document.tls, locate) }),
    fallback: fallback?.onnx === undefined ? null : { onnx: locate(fallback.onnx), provider: fallback.provider ?? 'cpu' },
    maxBodyBytes: parseSize(document.sampling.maxBodyBytes),
    sampling: { rate: document.sampling.rate, keepAlways: [...document.sampling.keepAlways] },
    parser: document.parser,
    retry: document.retry,
    limits: limits(document.limits),
    breaker: breaker(document.breaker),
    expectedRows: expectedRows(document.expectedRows),
  };
}

/** `primary` first where there is one, the others as written: the first gets the traffic. */
function upstreams(documents: TrafficDocument['upstreams'], locate: (relative: string) => string): Upstream[] {
  const found: Upstream[] = [];
  for (const [name, { url, grpcUrl, tls, timeout, version }] of Object.entries(documents)) {
    if (name === 'fallback') continue;
    const upstream = { name, ...endpoint(url ?? ''), timeoutMs: parseDuration(timeout ?? '30s'), version: version ?? null };
    found.push({
      ...upstream,
      ...(grpcUrl === undefined ? {} : { grpc: endpoint(grpcUrl) }),
      ...(tls === undefined ? {} : { tls: { ...tlsFiles(tls, locate), serverName: tls.serverName ?? null } }),
    });
  }
  return found.sort((a, b) => Number(b.name === 'primary') - Number(a.name === 'primary'));
}

/** @throws Error when it is none; the checks have found that before. */
function endpoint(url: string): Endpoint {
  const address = upstreamAddress(url);
  if (typeof address === 'string') throw new Error(`${url} ${address}`);
  return address;
}

function dataPortFiles(document: NonNullable<TrafficDocument['tls']>, locate: (relative: string) => string): TlsFiles {
  const { cert, key, clientCa } = document;
  return tlsFiles({ cert, key, ...(clientCa === undefined ? {} : { ca: clientCa }) }, locate);
}

function tlsFiles(
  names: { readonly ca?: string; readonly cert?: string; readonly key?: string },
  locate: (relative: string) => string,
): TlsFiles {
  const file = (name: string | undefined) => (name === undefined ? null : locate(name));
  return { ca: file(names.ca), cert: file(names.cert), key: file(names.key) };
}

function limits(document: LimitsDocument): TrafficLimits {
  return {
    maxClients: document.connections,
    maxClientsPerAddress: document.connectionsPerAddress,
    headTimeoutMs: parseDuration(document.headTimeout),
    stallTimeoutMs: parseDuration(document.stallTimeout),
    keepAliveMs: parseDuration(document.keepAlive),
    minBytesPerSecond: document.bytesPerSecond,
    rateGraceMs: parseDuration(document.rateGrace),
    maxRequestBytes: document.requestBody === undefined ? Number.POSITIVE_INFINITY : parseSize(document.requestBody),
    maxUpstreamConnections: document.upstreamConnections,
    maxQueuedCalls: document.queuedCalls,
    maxQueuedBytes: parseSize(document.queuedBytes),
    queueTimeoutMs: parseDuration(document.queueTimeout),
    connectTimeoutMs: parseDuration(document.connectTimeout),
    upstreamIdleMs: parseDuration(document.upstreamKeepAlive),
  };
}

function breaker({ enabled, failures, share, ofLast, openFor }: TrafficDocument['breaker']): BreakerOptions | null {
  return enabled ? { failures, share, ofLast, openMs: parseDuration(openFor) } : null;
}

function expectedRows(document: TrafficDocument['expectedRows']): { count: number; perMs: number } | null {
  return document === undefined ? null : { count: document.count, perMs: parseDuration(document.per) };
}
