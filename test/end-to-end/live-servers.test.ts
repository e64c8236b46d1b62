/**
 * A real Triton, a real KServe and a real LitServe, called directly and through Driftline: the same status, fields and bytes, and the records decoded.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { Status } from '../../agent/status.ts';
import type { Cell, Columns, DriftlineRecord } from '../../contracts/record.ts';
import type { Skipped } from '../support/build-cache.ts';
import { type RealServer, startKserve, startLitserve, startTriton } from '../support/model-servers.ts';
import { type Answer, call, runSidecar, type Sidecar, until } from '../support/program.ts';

// The first run on a machine downloads 600 MB.
t.setTimeout(590_000);

/** A line of `test/golden/captures`, whose README says where it was recorded. */
interface Captured {
  readonly case: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: readonly (readonly [name: string, value: string])[];
    readonly framing: string;
    readonly body_b64?: string;
  };
}

/** A line of `test/golden/protocols/expected.jsonl`: what the requests mean, by another implementation. */
interface Expected {
  readonly server: string;
  readonly case: string;
  readonly side: 'request' | 'response';
  readonly protocol: string | null;
  readonly id?: string | null;
  readonly undecoded?: string;
  readonly tensors?: readonly { readonly name: string; readonly shape: readonly number[]; readonly data: readonly unknown[] }[];
}

/** Counters and timings differ from one answer to the next; Triton's answer to HEAD has a body, which Node's client refuses. */
const LEFT_OUT = new Set(['meta-stats', 'meta-metrics', 'meta-head-live']);
/**
 * Hop-by-hop fields and framing (RFC 9110 §7.6.1), what Driftline adds, and what a server makes anew for each answer. KServe's `explain`
 * answers with the request's own fields; there the address and the fields that Driftline sends upstream are seen.
 */
const NOT_COMPARED =
  /^(connection|keep-alive|transfer-encoding|content-length|x-driftline-id|x-driftline-served-by|date|ce-id|ce-time|host|x-driftline-hop|traceparent)$/i;
const WIDEST_ROW = 64;

function lines<T>(file: string): T[] {
  const text = readFileSync(new URL(`../golden/${file}`, import.meta.url), 'utf8');
  // Golden files have the shapes above.
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as T]));
}

/** A captured request, to be sent again. KServe makes an id of its own where a V2 request names none, so one is put in. */
function requestOf({ case: name, request }: Captured): { body: Buffer | undefined; headers: string[]; id: string | null } {
  let body = Buffer.from(request.body_b64 ?? '', 'base64');
  let id: string | null = null;
  const text = body.toString();
  if (request.path.startsWith('/v2/') && text.startsWith('{"inputs"')) {
    id = `live-${name}`;
    const binaryAt = request.headers.find(([field]) => field.toLowerCase() === 'inference-header-content-length');
    if (binaryAt === undefined) body = Buffer.from(`{"id":"${id}",${text.slice(1)}`);
    else id = null;
  }
  const headers = request.headers.filter(([field]) => !/^(host|content-length|transfer-encoding|connection)$/i.test(field));
  return { body: request.framing === 'none' ? undefined : body, headers: headers.flat(), id };
}

/** What an answer is compared by; `made` is what the server makes anew for each answer. */
function comparable({ status, fields, body }: Answer, made: RegExp | null) {
  const kept = fields.filter(([name]) => !NOT_COMPARED.test(name)).map(([name, value]) => `${name}: ${value}`);
  const text = body.toString('latin1');
  return { status, fields: kept, body: made === null ? text : text.replaceAll(made, '…') };
}

/** A server, and what is particular about it. */
interface Subject {
  /** File of its captures. */
  readonly name: string;
  readonly start: () => Promise<RealServer | Skipped>;
  /** Its lines of expected.jsonl, where they are not under its name. */
  readonly expected?: string;
  /** Where a captured request goes, where the server was started otherwise then. */
  readonly pathOf?: (captured: Captured) => string;
  /** Parts of a body that differ from answer to answer. */
  readonly made?: RegExp;
  readonly leastAnswered: number;
  readonly leastDecoded: number;
  readonly more?: (t: Test, server: RealServer, sidecar: Sidecar) => Promise<void>;
}

/** The columns that a policy without a schema makes of tensors: one for each value of a row, text where JSON has no number for it. */
function columnsOf(tensors: NonNullable<Expected['tensors']>): Columns {
  const rowsOf = (shape: readonly number[]) => shape[0] ?? 1;
  const rows = Math.max(0, ...tensors.map(({ shape }) => rowsOf(shape)));
  const columns: { [name: string]: Cell[] } = {};
  for (const { name, shape, data } of tensors) {
    const width = shape.slice(1).reduce((product, size) => product * size, 1);
    if (rowsOf(shape) !== rows || width === 0 || width > WIDEST_ROW) continue;
    for (let at = 0; at < width; at++) {
      const cells = Array.from({ length: rows }, (_, row) => cellOf(data[row * width + at]));
      columns[width === 1 ? name : `${name}[${at}]`] = cells;
    }
  }
  return columns;
}

/** Golden files write what JSON cannot: `{n: "NaN"}` for numbers, `{json: …}` for nested data. */
function cellOf(value: unknown): Cell {
  if (typeof value !== 'object' || value === null) return value as Cell;
  if ('n' in value) {
    const text = String(value.n);
    return Number.isSafeInteger(Number(text)) ? Number(text) : text;
  }
  return 'json' in value ? JSON.stringify(value.json) : null;
}

async function recordsOf(sidecar: Sidecar, calls: number): Promise<Map<string, DriftlineRecord>> {
  await until(
    `word of ${calls} calls`,
    () => sidecar.get<Status>('/v1/status'),
    ({ accounting }) => accounting.stored + accounting.notPredictions === calls,
  );
  return new Map((await sidecar.all<DriftlineRecord>('records')).map((record) => [record.id, record]));
}

/** Sends every captured request both ways and looks at the answers and the records. */
async function compare(t: Test, subject: Subject): Promise<void> {
  const { name, start, made = null } = subject;
  const server = await start();
  if ('skipped' in server) {
    t.comment(`skipped: ${server.skipped}`);
    t.pass(server.skipped, { skip: server.skipped });
    return;
  }
  t.teardown(() => server.close());
  const sidecar = await runSidecar(['--upstream', server.url, '--state', path.join(t.testdir(), 'state')]);
  t.teardown(() => sidecar.kill());
  const captures = lines<Captured>(`captures/${name}.jsonl`).filter(({ case: captured }) => !LEFT_OUT.has(captured));
  const expectations = new Map(
    lines<Expected>('protocols/expected.jsonl')
      .filter((row) => row.server === (subject.expected ?? name) && row.side === 'request')
      .map((row) => [row.case, row]),
  );
  const answers = new Map<string, { captured: Captured; answer: Answer; id: string | null }>();
  const statuses: { [status: number]: number } = {};
  for (const captured of captures) {
    const { body, headers, id } = requestOf(captured);
    const options = { method: captured.request.method, headers, chunked: captured.request.framing === 'chunked' };
    const target = subject.pathOf?.(captured) ?? captured.request.path;
    const ask = (to: string) => call(to + target, body === undefined ? options : { ...options, body });
    const direct = await ask(server.url);
    const answer = await ask(sidecar.data);
    const [through, expected] = [comparable(answer, made), comparable(direct, made)];
    if (JSON.stringify(through) !== JSON.stringify(expected)) {
      t.same(through, expected, `${captured.case} is answered as by the server itself`);
    }
    t.equal(answer.headers['x-driftline-served-by'], 'primary', captured.case);
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    const driftlineId = String(answer.headers['x-driftline-id']);
    if (answers.has(driftlineId)) t.fail(`${captured.case}: the id ${driftlineId} was given twice`);
    answers.set(driftlineId, { captured, answer, id });
  }
  t.ok((statuses[200] ?? 0) >= subject.leastAnswered, `statuses: ${JSON.stringify(statuses)}`);

  const records = await recordsOf(sidecar, answers.size);
  let decoded = 0;
  let refused = 0;
  let values = 0;
  for (const [driftlineId, { captured, answer, id }] of answers) {
    const expected = expectations.get(captured.case);
    const record = records.get(driftlineId);
    if (expected === undefined || expected.protocol === null) {
      if (record !== undefined) t.fail(`${captured.case} is no prediction and was recorded`);
      continue;
    }
    if (record === undefined) {
      t.fail(`${captured.case} has no record`);
      continue;
    }
    const { protocol, status, outcome, servedBy } = record;
    t.same(
      { protocol, status, outcome, servedBy },
      { protocol: expected.protocol, status: answer.status, outcome: 'answered', servedBy: 'primary' },
    );
    if (expected.tensors === undefined) {
      t.equal(record.undecoded, expected.undecoded, `${captured.case}: why nothing was decoded`);
      refused++;
      continue;
    }
    t.same(record.inputs, columnsOf(expected.tensors), `${captured.case}: the columns of the request`);
    t.equal(record.requestId, id ?? expected.id ?? null);
    decoded++;
    values += Object.values(record.inputs).reduce((sum, cells) => sum + cells.length, 0);
    outputs(t, captured.case, record, answer);
  }
  t.equal(records.size, decoded + refused, 'nothing else was recorded');
  t.ok(decoded >= subject.leastDecoded, `${decoded} decoded`);
  const { accounting } = await sidecar.get<Status>('/v1/status');
  t.equal(accounting.accepted, accounting.stored + accounting.queued);
  await subject.more?.(t, server, sidecar);
  t.same(await sidecar.stop(), { code: 0, signal: null });
  t.comment(
    `${name}: ${captures.length} requests both ways, statuses ${JSON.stringify(statuses)}; ${decoded} decoded (${values} values), ${refused} not, with their reasons`,
  );
}

/** The answer's tensors against the record, where the answer is strict JSON of V2. */
function outputs(t: Test, name: string, record: DriftlineRecord, answer: Answer): void {
  if (record.protocol !== 'kserve-v2' || answer.status !== 200 || answer.headers['content-encoding'] !== undefined) return;
  let tensors: Expected['tensors'];
  try {
    tensors = JSON.parse(answer.body.toString()).outputs;
  } catch {
    // Binary, or bare NaN, which strict JSON has not; the golden tests know what these mean.
    return;
  }
  const isExact = (value: unknown) => typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value);
  if (tensors === undefined || !tensors.every(({ data }) => data?.every(isExact))) return;
  t.same(record.outputs, columnsOf(tensors), `${name}: the columns of the answer`);
}

/** A chat of LitServe, its stream read as it comes: the answer's id, and whether it came in pieces. */
async function chat(at: string, content: string): Promise<{ id: string; events: string[]; early: boolean }> {
  const body = JSON.stringify({ model: 'lit', stream: true, messages: [{ role: 'user', content }] });
  const answer = await fetch(`${at}/v1/chat/completions`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  let text = '';
  let reads = 0;
  for await (const piece of answer.body ?? []) {
    text += Buffer.from(piece).toString();
    reads++;
  }
  const events = text.split('\n\n').filter((event) => event !== '');
  return { id: String(answer.headers.get('x-driftline-id')), events, early: reads > 1 };
}

async function chats(t: Test, _server: RealServer, sidecar: Sidecar): Promise<void> {
  const words = 'one two three four pause five six seven';
  const whole = await chat(sidecar.data, words);
  const broken = await chat(sidecar.data, 'one two fail three');
  t.ok(whole.early, 'the stream comes in pieces');
  const both = await until(
    'both records',
    () => sidecar.all<DriftlineRecord>('records'),
    (records) => [whole, broken].every(({ id }) => records.some((record) => record.id === id)),
  );
  const record = both.find(({ id }) => id === whole.id);
  const reversed = words.replaceAll(/\w+/g, (word) => [...word].reverse().join(''));
  t.match(record, { outcome: 'answered', undecoded: null, outputs: { content: [`${reversed} `], finish_reason: ['stop'] } });
  const { timing } = record ?? {};
  if (timing?.firstTokenMs == null) throw new Error('no time of the first token');
  t.equal(timing.events, 9, 'eight words and the end');
  t.ok(timing.firstByteMs <= timing.firstTokenMs && timing.firstTokenMs < timing.lastByteMs);
  t.match(broken.events.at(-1), /"error"/);
  t.match(
    both.find(({ id }) => id === broken.id),
    { status: 200, outcome: 'failed', reason: 'error-in-stream' },
  );
}

t.test('a real Triton answers through Driftline as it answers directly, and its calls are on record', (t) =>
  compare(t, { name: 'triton', start: startTriton, leastAnswered: 35, leastDecoded: 38 }),
);
t.test('a real KServe answers through Driftline as it answers directly, and its calls are on record', (t) =>
  compare(t, { name: 'kserve', start: startKserve, leastAnswered: 30, leastDecoded: 30 }),
);
t.test('a real LitServe answers through Driftline as it answers directly, and its chats are on record', (t) =>
  compare(t, {
    name: 'litserve',
    start: startLitserve,
    expected: 'litserve-auto',
    // The stream of lines was captured from a server that had nothing else.
    pathOf: ({ case: name, request }) => (name.startsWith('stream-') ? '/lines' : request.path),
    made: /(?<="id":")chatcmpl-\w+|(?<="created":)\d+/g,
    leastAnswered: 12,
    leastDecoded: 7,
    more: chats,
  }),
);
