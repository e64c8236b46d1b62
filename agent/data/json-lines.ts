/**
 * JSON lines (NDJSON): one object a line. Objects inside become columns with dotted names, lists stay one cell.
 */
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { ConfigError } from '../../contracts/errors.ts';
import { fileError } from '../table.ts';
import { type Batch, type DataStream, MOST_COLUMNS, type Value } from './batch.ts';

const BATCH_ROWS = 1_000;
/** Characters of one line. */
const LONGEST_LINE = 16 * 1024 * 1024;
const DEEPEST = 4;

/** Reads objects from a file's bytes. */
export function openJsonLines(source: Readable, path: string): DataStream {
  return { format: 'json-lines', typed: true, columns: [], batches: batchesOf(source, path) };
}

async function* batchesOf(source: Readable, path: string): AsyncGenerator<Batch, void, undefined> {
  const known = new Set<string>();
  let columns = new Map<string, Value[]>();
  let rows = 0;
  let number = 0;
  const batch = (): Batch => {
    const taken = columns;
    return { rows, columns: [...taken.keys()], column: (name) => Array.from({ length: rows }, (_, row) => taken.get(name)?.[row]) };
  };
  try {
    for await (const { text, last } of linesOf(source, path)) {
      number++;
      if (text.trim() === '') continue;
      spread(objectIn(text, `${path}:${number}`, last), '', 1, (name, value) => {
        if (!known.has(name)) {
          if (known.size === MOST_COLUMNS)
            throw new ConfigError(
              'too-many-columns',
              `${path}:${number}: brings more than ${MOST_COLUMNS} columns; ${name} is one too many`,
            );
          known.add(name);
        }
        let cells = columns.get(name);
        if (cells === undefined) {
          cells = [];
          columns.set(name, cells);
        }
        cells[rows] = value;
      });
      rows++;
      if (rows < BATCH_ROWS) continue;
      const full = batch();
      yield { ...full };
      columns = new Map();
      rows = 0;
    }
  } catch (error) {
    throw fileError(error, path);
  }
  if (rows > 0) yield batch();
}

function objectIn(text: string, place: string, last: boolean): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const remedy = last ? 'the file seems to be cut off here; copy it again' : 'mend the line: one object a line';
    throw new ConfigError('broken-json', `${place}: is not JSON; ${remedy}`, [], error);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new ConfigError('broken-json', `${place}: is no object; write one object a line, such as {"age": 31}`);
}

function spread(value: object, prefix: string, depth: number, give: (name: string, value: Value) => void): void {
  for (const [key, cell] of Object.entries(value) as [string, Value][]) {
    const name = `${prefix}${key}`;
    if (typeof cell === 'object' && cell !== null && !Array.isArray(cell) && depth < DEEPEST) spread(cell, `${name}.`, depth + 1, give);
    else give(name, cell);
  }
}

/** Lines without their ends; `last` = no line end came after it. */
async function* linesOf(source: Readable, path: string): AsyncGenerator<{ text: string; last: boolean }, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let line = 0;
  let first = true;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    let text = decoder.write(chunk);
    if (first) text = text.replace(/^\ufeff/, '');
    first = false;
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      line++;
      yield { text: part, last: false };
    }
    if (rest.length > LONGEST_LINE)
      throw new ConfigError('long-line', `${path}:${line + 1}: is longer than 16 MiB; write one object a line`);
  }
  if (rest !== '') yield { text: rest, last: true };
}
