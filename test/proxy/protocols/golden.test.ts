/**
 * Every captured exchange against an independent decoder: `test/golden/protocols/make.py` wrote what each body holds.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { DecodeError } from '../../../contracts/errors.ts';
import type { Header } from '../../../contracts/exchange.ts';
import type { Message, Protocol, Target } from '../../../contracts/protocol.ts';
import type { Scalar, Tensor } from '../../../contracts/tensor.ts';
import { type Mapping, protocolsFor } from '../../../proxy/catalogue.ts';
import { decodeContent } from '../../../proxy/protocols/content.ts';

type Side = 'request' | 'response';
type Element = string | number | boolean | null | { readonly n: string } | { readonly json: unknown };

interface Captured {
  readonly headers: readonly Header[];
  readonly body_b64?: string;
}

interface Exchange {
  readonly case: string;
  readonly request: Captured & { readonly method: string; readonly path: string };
  readonly response: (Captured & { readonly status: number }) | null;
}

interface Expected {
  readonly server: string;
  readonly case: string;
  readonly side: Side;
  readonly protocol: string | null;
  readonly skipped?: string;
  readonly undecoded?: string;
  readonly model?: string | null;
  readonly version?: string | null;
  readonly id?: string | null;
  readonly events?: number;
  readonly tokens?: number;
  readonly tensors?: readonly (Omit<Tensor, 'data'> & { readonly data: readonly Element[] })[];
}

interface Policy {
  readonly protocol: string;
  /** Name of the file, where it is not the policy's. */
  readonly captures?: string;
  readonly mappings: { readonly [path: string]: Mapping };
}

const golden = new URL('../../golden/', import.meta.url);
const policies = JSON.parse(readFileSync(new URL('protocols/policies.json', golden), 'utf8')) as { readonly [server: string]: Policy };
const expectations = lines<Expected>('protocols/expected.jsonl');

function lines<T>(path: string): T[] {
  return readFileSync(new URL(path, golden), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

function mappingFor(policy: Policy, target: string): Mapping {
  const [path = ''] = target.split('?');
  const found = Object.entries(policy.mappings).find(([prefix]) => path === prefix || (prefix.endsWith('/') && path.startsWith(prefix)));
  return found?.[1] ?? { inputs: [], outputs: [] };
}

function route(protocols: readonly Protocol[], request: Exchange['request']): { protocol: Protocol; target: Target } | null {
  for (const protocol of protocols) {
    const target = protocol.match(request);
    if (target !== null) return { protocol, target };
  }
  return null;
}

/** In the words of expected.jsonl. */
function outcome({ protocol, target }: { protocol: Protocol; target: Target }, side: Side, captured: Captured): object {
  try {
    const bytes = decodeContent(Buffer.from(captured.body_b64 ?? '', 'base64'), captured.headers, 1 << 20);
    const body = { bytes, headers: captured.headers };
    const message = side === 'request' ? protocol.decodeRequest(body, target) : protocol.decodeResponse(body, target);
    const { model, version, requestId, tensors, flow } = message;
    return { model, version, id: requestId, tensors, events: flow?.events ?? undefined, tokens: flow?.tokens ?? undefined };
  } catch (error) {
    if (error instanceof DecodeError) return { undecoded: error.code };
    throw error;
  }
}

function same(actual: Scalar, expected: Element | undefined): boolean {
  if (expected === undefined) return false;
  if (expected === null || typeof expected !== 'object') return Object.is(actual, expected);
  if ('n' in expected) return typeof actual === 'bigint' ? String(actual) === expected.n : Object.is(actual, Number(expected.n));
  return typeof actual === 'string' && JSON.stringify(JSON.parse(actual)) === JSON.stringify(expected.json);
}

/** Differences as text; empty when there are none. */
function differences(actual: object, expected: Expected): string[] {
  const found = actual as Partial<Message> & { undecoded?: string; id?: string | null; events?: number; tokens?: number };
  const wrong: string[] = [];
  const check = (what: string, left: unknown, right: unknown) => {
    if (JSON.stringify(left) !== JSON.stringify(right)) wrong.push(`${what}: ${JSON.stringify(left)}, expected ${JSON.stringify(right)}`);
  };
  check('undecoded', found.undecoded, expected.undecoded);
  check('model', found.model, expected.model);
  check('version', found.version, expected.version);
  check('id', found.id, expected.id);
  check('events', found.events, expected.events);
  check('tokens', found.tokens, expected.tokens);
  check('tensors', found.tensors?.map(frame), expected.tensors?.map(frame));
  if (wrong.length > 0) return wrong;
  found.tensors?.forEach(({ name, data }, index) => {
    const golden = expected.tensors?.[index]?.data ?? [];
    if (data.length !== golden.length) wrong.push(`${name}: ${data.length} elements, expected ${golden.length}`);
    const at = data.findIndex((element, place) => !same(element, golden[place]));
    if (at >= 0) wrong.push(`${name}[${at}]: ${String(data[at])}, expected ${JSON.stringify(golden[at])}`);
  });
  return wrong;
}

function frame({ name, datatype, shape }: Omit<Tensor, 'data'>): object {
  return { name, datatype, shape };
}

for (const [server, policy] of Object.entries(policies)) {
  t.test(`every exchange with ${server} decodes to the tensors, or is refused for the reason, that the judge names`, (t) => {
    const expected = new Map(expectations.filter((row) => row.server === server).map((row) => [`${row.case} ${row.side}`, row]));
    const exchanges = lines<Exchange>(`captures/${policy.captures ?? server}.jsonl`);
    const wrong: string[] = [];
    const tally: Record<string, number> = {};
    for (const exchange of exchanges) {
      const { request, response } = exchange;
      const found = route(protocolsFor(policy.protocol, mappingFor(policy, request.path)), request);
      for (const side of ['request', 'response'] as const) {
        const row = expected.get(`${exchange.case} ${side}`);
        expected.delete(`${exchange.case} ${side}`);
        if (row === undefined) {
          wrong.push(`${exchange.case} ${side}: the judge does not know it`);
          continue;
        }
        if ((found?.protocol.type ?? null) !== row.protocol) wrong.push(`${exchange.case} ${side}: taken for ${found?.protocol.type}`);
        const word = row.skipped?.split(' ')[0] ?? row.undecoded ?? 'decoded';
        tally[`${side} ${word}`] = (tally[`${side} ${word}`] ?? 0) + 1;
        const captured = side === 'request' ? request : response;
        if (found === null || captured === null || row.skipped !== undefined) {
          const skipped = found === null ? 'not-a-prediction' : response === null ? 'no-answer' : `status ${response.status}`;
          if (skipped !== row.skipped) wrong.push(`${exchange.case} ${side}: skipped for ${skipped}, expected ${row.skipped}`);
          continue;
        }
        wrong.push(...differences(outcome(found, side, captured), row).map((text) => `${exchange.case} ${side}: ${text}`));
      }
    }
    t.same(wrong, []);
    t.equal(expected.size, 0, 'nothing that the judge saw is left out');
    t.comment(server, exchanges.length, tally);
    t.end();
  });
}

t.test('the row and column forms of TensorFlow Serving mean the same to `auto` and to `tfserving`', (t) => {
  const [own] = protocolsFor('tfserving', { inputs: [], outputs: [] });
  const auto = protocolsFor('auto', { inputs: [], outputs: [] });
  let compared = 0;
  for (const { request, response } of lines<Exchange>('captures/tfserving-constructed.jsonl')) {
    const target = own?.match(request) ?? null;
    const found = route(auto, request);
    if (own === undefined || target === null || found === null) continue;
    t.same(outcome({ protocol: own, target }, 'request', request), outcome(found, 'request', request));
    if (response?.status === 200) t.same(outcome({ protocol: own, target }, 'response', response), outcome(found, 'response', response));
    compared++;
  }
  t.equal(compared, 14);
  t.end();
});
