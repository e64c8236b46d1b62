/**
 * Our framing against Node's own parser (llhttp) on messages that are nearly right.
 *
 * The law: ours may see less and refuse more; what it accepts is the same message, ending at the same byte, however the bytes are split.
 * By hand: `npm run fuzz -- --cases 1000000 --seed 7`.
 */
import { parseArgs } from 'node:util';
import { type Kind, makeCase, split } from './fuzz-cases.ts';
import { ours, type Seen, seeded, theirs } from './oracle.ts';

/** A law broken by one input. */
export interface Disagreement {
  readonly input: string;
  readonly what: string;
}

export interface Fuzzed {
  readonly found: readonly Disagreement[];
  /** Cases of which we took at least one message. */
  readonly accepted: number;
}

/** Runs so many cases of one kind. */
export function fuzz(kind: Kind, cases: number, seed: number): Fuzzed {
  const random = seeded(seed);
  const found: Disagreement[] = [];
  let accepted = 0;
  for (let n = 0; n < cases; n++) {
    const input = makeCase(kind, random);
    const bytes = Buffer.from(input, 'latin1');
    const type = kind === 'answer' || input.startsWith('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n') ? 'answer' : 'request';
    const whole = ours(type, [bytes]);
    if (whole.seen.length > 0 && (kind !== 'chunked' || whole.seen[0]?.complete === true)) accepted++;
    const disagreement = judge(JSON.stringify(input), whole, theirs(type, [bytes]));
    if (disagreement !== null) found.push(disagreement);
    const parts = ours(type, split(random, bytes));
    if (!(whole.refused && parts.refused) && !same(whole, parts))
      found.push({ input: JSON.stringify(input), what: 'depends on the split' });
  }
  return { found, accepted };
}

interface Reading {
  readonly seen: readonly Seen[];
  readonly refused: boolean;
}

function same(a: Reading, b: Reading): boolean {
  return a.refused === b.refused && a.seen.length === b.seen.length && a.seen.every((message, i) => sameMessage(message, b.seen[i]!));
}

function sameMessage(a: Seen, b: Seen): boolean {
  const sameList = (x: readonly string[], y: readonly string[]) => x.length === y.length && x.every((one, i) => one === y[i]);
  return (
    a.start === b.start &&
    a.body === b.body &&
    a.complete === b.complete &&
    sameList(a.fields, b.fields) &&
    sameList(a.trailers, b.trailers)
  );
}

/** Ours may see less than theirs and refuse more; what it does accept must be the same message, ending at the same byte. */
function judge(
  input: string,
  mine: { seen: readonly Seen[]; refused: boolean },
  other: { seen: readonly Seen[]; refused: boolean },
): Disagreement | null {
  for (const [i, message] of mine.seen.entries()) {
    const judged = other.seen[i];
    if (judged === undefined) return { input, what: `message ${i} is accepted by us alone` };
    if (message.start !== judged.start || message.fields.join('\n') !== judged.fields.join('\n'))
      return { input, what: `head ${i}: ${JSON.stringify([message, judged])}` };
    if (message.complete !== judged.complete && !(mine.refused && judged.complete)) return { input, what: `end of message ${i}` };
    if (message.complete && (message.body !== judged.body || message.trailers.join('\n') !== judged.trailers.join('\n'))) {
      return { input, what: `body ${i}: ${JSON.stringify([message, judged])}` };
    }
  }
  if (other.refused && !mine.refused && mine.seen.length > 0 && mine.seen.at(-1)!.complete === false)
    return { input, what: 'refused by them alone, inside a body' };
  return null;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { cases: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } } });
  const cases = Number(values.cases);
  const seed = Number(values.seed);
  let disagreements = 0;
  for (const [i, kind] of (['request', 'answer', 'chunked'] as const).entries()) {
    const startedAt = performance.now();
    const { found, accepted } = fuzz(kind, Math.ceil(cases / 3), seed + i);
    disagreements += found.length;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stdout.write(`${kind}: ${Math.ceil(cases / 3)} cases, ${accepted} taken by us, ${found.length} disagreements, ${seconds} s\n`);
    for (const { input, what } of found.slice(0, 5)) process.stdout.write(`  ${what}\n  ${input}\n`);
  }
  process.exitCode = disagreements === 0 ? 0 : 1;
}
