/**
 * The captured traffic of real model servers, and what has to hold when it passes through the proxy: over any transport that can carry it.
 */
import { readFileSync, readdirSync } from 'node:fs';
import type { Test } from 'tap';
import type { Exchange } from '../../contracts/exchange.ts';

export type Pairs = readonly (readonly [name: string, value: string])[];

/** A line of `test/golden/captures`, whose README says where it was recorded; all of them have an answer. */
export interface Captured {
  readonly case: string;
  readonly server: string;
  readonly protocol: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Pairs;
    readonly framing: string;
    readonly body_b64: string;
  };
  readonly response: {
    readonly http_version: string;
    readonly status: number;
    readonly reason: string;
    readonly headers: Pairs;
    readonly framing: string;
    readonly body_b64: string;
    readonly trailers?: Pairs;
  };
}

/** A message as it reached one end, framing removed. */
export interface Received {
  readonly headers: Pairs;
  readonly body: Buffer;
  /** Of a request. */
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  /** Of an answer; the reason phrase where the transport has one. */
  readonly status?: number | undefined;
  readonly reason?: string | undefined;
}

/** One way to carry an exchange: client, proxy and model server. */
export interface Transport {
  /** For the names of assertions. */
  readonly name: string;
  /** HTTP/2 knows lower-case names only (RFC 9113 §8.2). */
  readonly lowerCase: boolean;
  /** Fields that the transport itself adds or takes away, beside those of `NOT_COMPARED`. */
  readonly notCompared?: RegExp;
  /** Sends the request through the proxy to a server that gives the captured answer. */
  carry(captured: Captured): Promise<{ readonly asked: Received; readonly answered: Received; readonly exchange: Exchange }>;
}

/** Hop-by-hop fields, framing (RFC 9110 §7.6.1) and what Driftline adds. */
const NOT_COMPARED = /^(connection|keep-alive|transfer-encoding|content-length|te|upgrade|proxy-connection|x-driftline-.*|traceparent)$/i;

/** Every captured exchange of HTTP/1.1. */
export function capturedExchanges(): Captured[] {
  const folder = new URL('../golden/captures/', import.meta.url);
  return (
    readdirSync(folder)
      .filter((file) => file.endsWith('.jsonl'))
      .flatMap((file) => readFileSync(new URL(file, folder), 'utf8').split('\n'))
      .filter((line) => line !== '')
      // The lines were written by the recorder in the shape above.
      .map((line) => JSON.parse(line) as Captured)
      .filter(({ protocol, response }) => protocol === 'http/1.1' && response !== null)
  );
}

/** Both bodies as they travelled, framing removed, content encoding not. */
export function bodiesOf({ request, response }: Captured): { readonly asked: Buffer; readonly answered: Buffer } {
  return { asked: Buffer.from(request.body_b64, 'base64'), answered: Buffer.from(response.body_b64, 'base64') };
}

/** Each exchange reaches the far side and comes back as captured, and the proxy's copy is the same; returns how many did. */
export async function replay(t: Test, captures: readonly Captured[], transport: Transport): Promise<number> {
  for (const captured of captures) {
    const { request, response } = captured;
    const name = `${transport.name}: ${captured.server} ${captured.case}`;
    const { asked, answered, exchange } = await transport.carry(captured);
    const bodies = bodiesOf(captured);
    const fields = (pairs: Pairs) =>
      pairs
        .filter(([field]) => !NOT_COMPARED.test(field) && transport.notCompared?.test(field) !== true)
        .map(([field, value]) => `${transport.lowerCase ? field.toLowerCase() : field}: ${value}`);
    t.equal(answered.status, response.status, name);
    if (answered.reason !== undefined) t.equal(answered.reason, response.reason, name);
    t.same(fields(answered.headers), fields(response.headers), `${name}: fields of the answer`);
    t.ok(answered.body.equals(bodies.answered), `${name}: body of the answer`);
    t.same([asked.method, asked.path], [request.method, request.path], name);
    t.same(fields(asked.headers), fields(request.headers), `${name}: fields of the request`);
    t.ok(asked.body.equals(bodies.asked), `${name}: body of the request`);
    t.match(exchange, { status: response.status, outcome: 'answered', path: request.path }, name);
    const copied = bodies.asked.equals(exchange.request.bytes) && bodies.answered.equals(exchange.response.bytes);
    t.ok(copied, `${name}: the copies of both bodies`);
  }
  return captures.length;
}
