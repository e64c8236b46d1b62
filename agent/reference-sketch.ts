/**
 * Reference files without rows: `*.sketch.json`, which `driftline init --sketch` writes and a policy's `reference` names.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ConfigError, SnapshotError } from '../contracts/errors.ts';
import type { Json } from '../contracts/json.ts';
import type { Policy } from '../contracts/policy.ts';
import type { ReferenceSketch } from '../contracts/sketch.ts';
import { TableSketch } from '../detectors/sketches/table-sketch.ts';
import { signalType } from './signals.ts';
import { fileError } from './table.ts';

/** A column of a sketch file. */
export interface SketchedColumn {
  readonly sketch: ReferenceSketch;
  /** Short hash of all that is kept of it. */
  readonly hash: string;
}

const FORMAT = 'driftline/reference-sketch/v1';
const REMEDY = 'write it again with driftline init --sketch';

/** Whether a reference of that path is a sketch. */
export function isSketchFile(path: string): boolean {
  return path.endsWith('.sketch.json');
}

/** A sketch as the text of its file. */
export function sketchText(table: TableSketch): string {
  return `${JSON.stringify({ format: FORMAT, table: table.snapshot() })}\n`;
}

/** The sketch in a file. @throws ConfigError naming the file and what is wrong with it */
export async function readSketchFile(path: string): Promise<TableSketch> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fileError(error, path);
  }
  let file: { readonly format?: unknown; readonly table?: Json } | null;
  try {
    file = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    const line = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    throw new ConfigError('broken-sketch', `${path}:${line}: is not JSON, or cut off; copy it again, or ${REMEDY}`, [], error);
  }
  if (typeof file !== 'object' || file?.format !== FORMAT)
    throw new ConfigError('not-a-sketch', `${path}: is no reference sketch of this version (format ${FORMAT}); ${REMEDY}`);
  try {
    return TableSketch.restore(file.table ?? null);
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    throw new ConfigError('broken-sketch', `${path}: is damaged (${error.message.split(';')[0]}); ${REMEDY}`, [], error);
  }
}

/**
 * The schema's columns of a sketch file by signal.
 *
 * @throws ConfigError when the file cannot be used, or keeps a column as another type than the schema's
 */
export async function readSketchedColumns(path: string, schema: Policy['schema']): Promise<ReadonlyMap<string, SketchedColumn>> {
  const found = new Map<string, SketchedColumn>();
  const table = await readSketchFile(path);
  for (const side of ['inputs', 'outputs'] as const) {
    for (const { name, type } of schema[side]) {
      const column = table.columns.get(name);
      const watched = signalType(type);
      if (column === undefined || watched === 'unwatched') continue;
      if ((column.kind === 'numbers') !== (watched === 'number'))
        throw new ConfigError(
          'other-type',
          `${path}: keeps ${name} as ${column.kind}, and the schema has it as ${type}; correct the type, or ${REMEDY}`,
        );
      const hash = createHash('sha256').update(JSON.stringify(column.snapshot())).digest('hex').slice(0, 16);
      found.set(`${side}.${name}`, { sketch: column.reference(), hash });
    }
  }
  return found;
}
