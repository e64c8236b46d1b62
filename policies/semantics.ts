/**
 * What a schema cannot say: names that must exist, addresses that must not meet, files that must be there.
 *
 * Works on documents with holes, so that one reading of a file reports everything that is wrong with it.
 */
import { type Address, meets, upstreamAddress } from './addresses.ts';
import type { ColumnDocument, Partly, PolicyDocument } from './document.ts';
import { parseDuration } from './durations.ts';
import { at, shown } from './mistakes.ts';
import { pathProtocols } from './schema.ts';
import type { Detectors } from './schema-monitors.ts';
import { checkActions } from './semantics-actions.ts';
import { checkFile } from './semantics-files.ts';
import { checkMonitors } from './semantics-monitors.ts';
import { checkObserve } from './semantics-observe.ts';
import { checkSlices } from './semantics-quality.ts';
import { checkReference, checkWindow } from './semantics-reference.ts';
import { checkTls } from './semantics-tls.ts';
import { remedyFor } from './suggest.ts';
import type { Part, Path } from './yaml.ts';

/** What the checks know and whom they tell. */
export interface Inspection {
  /** Mistakes taken out, defaults filled in. */
  readonly document: Partly<PolicyDocument>;
  /** As the user wrote it: names in here exist even where their owner has a mistake. */
  readonly written: unknown;
  readonly detectors: Detectors;
  /** Folder that relative paths start from. */
  readonly folder: string;
  /** Our own ports. */
  readonly own: readonly Address[];
  readonly mistake: (path: Path, message: string, part?: Part) => void;
  readonly warning: (path: Path, message: string, part?: Part) => void;
}

/** Runs every check. */
export function inspect(inspection: Inspection): void {
  checkUpstreams(inspection);
  checkTls(inspection);
  checkLimits(inspection);
  checkObserve(inspection);
  checkSampling(inspection);
  checkColumns(inspection);
  checkReference(inspection);
  checkWindow(inspection);
  checkFalseAlarms(inspection);
  checkMonitors(inspection);
  checkSlices(inspection);
  checkActions(inspection);
}

/** Reports a duration beyond a limit: timers hold about 24 days, and callers wait. */
export function checkLongest(inspection: Inspection, at: Path, text: string | undefined, longest: string): void {
  if (text !== undefined && parseDuration(text) > parseDuration(longest))
    inspection.mistake(at, `is \`${text}\` and must be at most ${longest}`);
}

/** Reports names that stand twice in a list of named things. */
export function checkNames(
  inspection: Inspection,
  at: Path,
  things: readonly ({ readonly name?: string | undefined } | undefined)[],
): void {
  const seen = new Set<string>();
  for (const [index, thing] of things.entries()) {
    if (thing?.name === undefined) continue;
    if (seen.has(thing.name)) inspection.mistake([...at, index, 'name'], `the name \`${thing.name}\` is taken already — choose another`);
    seen.add(thing.name);
  }
}

/** Names in a list of named things, as written. */
export function namesAt(written: unknown, path: Path): string[] {
  const things = at(written, path);
  if (!Array.isArray(things)) return [];
  return things.map((thing) => at(thing, ['name'])).filter((name) => typeof name === 'string');
}

/** A column as far as it is known. */
export interface Declared {
  readonly name: string;
  readonly side: 'inputs' | 'outputs';
  readonly signal: string;
  readonly type: ColumnDocument['type'] | undefined;
}

/** The columns as far as they are known: names from the text as written, types where they are right. */
export function declaredColumns(inspection: Inspection): { readonly inputs: readonly Declared[]; readonly outputs: readonly Declared[] } {
  const of = (side: 'inputs' | 'outputs') => {
    const types = new Map((inspection.document.spec?.schema?.[side] ?? []).map((column) => [column?.name, column?.type]));
    return namesAt(inspection.written, ['spec', 'schema', side]).map((name) => ({
      name,
      side,
      signal: `${side}.${name}`,
      type: types.get(name),
    }));
  };
  return { inputs: of('inputs'), outputs: of('outputs') };
}

function checkUpstreams(inspection: Inspection): void {
  const here = ['spec', 'traffic', 'upstreams'];
  const upstreams = inspection.document.spec?.traffic?.upstreams ?? {};
  let servers = 0;
  for (const [name, upstream] of Object.entries(upstreams)) {
    if (name === 'fallback') {
      if (upstream?.onnx !== undefined) checkFile(inspection, [...here, name, 'onnx'], upstream.onnx);
      continue;
    }
    servers++;
    checkLongest(inspection, [...here, name, 'timeout'], upstream?.timeout, '1h');
    for (const key of ['url', 'grpcUrl'] as const) {
      const url = upstream?.[key];
      if (url === undefined) continue;
      const address = upstreamAddress(url);
      if (typeof address === 'string') inspection.mistake([...here, name, key], address);
      else if (inspection.own.some((own) => meets(address, own))) {
        inspection.mistake([...here, name, key], `${shown(url)} is Driftline’s own address — name the model server’s`);
      }
    }
  }
  if (servers === 0 && at(inspection.written, here) !== undefined && Object.keys(upstreams).length > 0) {
    inspection.mistake(here, 'names no model server — add `primary: {url: http://HOST:PORT}`', 'key');
  }
}

function checkSampling({ document, warning }: Inspection): void {
  const { rate, keepAlways } = document.spec?.traffic?.sampling ?? {};
  if (rate === 0 && keepAlways?.length === 0)
    warning(
      ['spec', 'traffic', 'sampling', 'rate'],
      'no call is recorded, so nothing is watched — raise it, or name what is kept in `keepAlways`',
    );
}

/** Timers hold about 24 days, and nobody waits so long. */
function checkLimits(inspection: Inspection): void {
  const { limits, breaker } = inspection.document.spec?.traffic ?? {};
  for (const [key, value] of Object.entries(limits ?? {})) {
    if (/(Timeout|Alive|Grace)$/.test(key) && typeof value === 'string') {
      checkLongest(inspection, ['spec', 'traffic', 'limits', key], value, '1d');
    }
  }
  checkLongest(inspection, ['spec', 'traffic', 'breaker', 'openFor'], breaker?.openFor, '1h');
}

/** Header fields whose values no record has. */
const NEVER_KEPT = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

function checkColumns(inspection: Inspection): void {
  const spec = inspection.document.spec;
  for (const side of ['inputs', 'outputs'] as const) {
    const columns = spec?.schema?.[side] ?? [];
    checkNames(inspection, ['spec', 'schema', side], columns);
    for (const [index, column] of columns.entries()) {
      if (column !== undefined) checkColumn(inspection, ['spec', 'schema', side, index], column);
    }
  }
  const prediction = spec?.model?.prediction;
  const outputs = namesAt(inspection.written, ['spec', 'schema', 'outputs']);
  if (prediction !== undefined && outputs.length > 0 && !outputs.includes(prediction)) {
    inspection.mistake(
      ['spec', 'model', 'prediction'],
      `there is no output column \`${prediction}\` — ${remedyFor(prediction, outputs, 'add it')}`,
    );
  }
}

function checkColumn(inspection: Inspection, here: Path, column: Partly<ColumnDocument>): void {
  const wrong = (key: string, message: string) => inspection.mistake([...here, key], message, 'key');
  const isNumber = column.type === 'number' || column.type === 'integer';
  const isCategory = column.type === 'categorical' || column.type === 'boolean';
  if (column.min !== undefined && column.max !== undefined && column.min > column.max)
    wrong('min', `min ${column.min} is above max ${column.max} — swap them`);
  if (column.type === undefined) return;
  for (const key of ['min', 'max'] as const) {
    if (column[key] !== undefined && !isNumber) wrong(key, `\`${key}\` does not go with type ${column.type} — remove it`);
  }
  for (const key of ['values', 'maxUnseen'] as const) {
    if (column[key] !== undefined && !isCategory) wrong(key, `\`${key}\` does not go with type ${column.type} — remove it`);
  }
  checkSource(inspection, here, column);
}

/** Where a column's values come from: one place, and one that the protocol has. */
function checkSource(inspection: Inspection, here: Path, column: Partly<ColumnDocument>): void {
  const wrong = (key: string, message: string) => inspection.mistake([...here, key], message, 'key');
  const written = (key: string) => at(inspection.written, [...here, key]) !== undefined;
  if (column.from !== undefined) {
    for (const key of ['tensor', 'index', 'path', 'derive', 'of'] as const) {
      if (column[key] !== undefined) wrong(key, `\`${key}\` does not go with \`from\` — remove one of them`);
    }
    const name = column.from.slice('header:'.length).toLowerCase();
    if (NEVER_KEPT.has(name)) inspection.mistake([...here, 'from'], `the field ${name} is never kept — use another, or remove the column`);
    return;
  }
  if (column.derive !== undefined && !written('of')) inspection.mistake(here, '`derive` needs the key `of` — add `of: "$.…"`');
  if (column.of !== undefined) {
    if (!written('derive')) inspection.mistake(here, '`of` needs the key `derive` — add `derive: entropy`, or use `path`');
    for (const key of ['tensor', 'index', 'path'] as const) {
      if (column[key] !== undefined) wrong(key, `\`${key}\` does not go with \`of\` — remove one of them`);
    }
    if (column.type !== 'number') inspection.mistake([...here, 'type'], `an entropy is a number — write \`type: number\``);
  }
  const protocol = inspection.document.spec?.traffic?.protocol;
  if (protocol !== undefined && pathProtocols.has(protocol)) {
    if (!written('path') && !written('of') && !written('derive')) {
      inspection.mistake(here, `needs the key \`path\`: ${protocol} has no names of its own — add \`path: "$.…"\``);
    }
    for (const key of ['tensor', 'index'] as const) {
      if (column[key] !== undefined && column.of === undefined)
        wrong(key, `\`${key}\` does not go with protocol ${protocol} — use \`path\``);
    }
  } else if (protocol !== undefined && protocol !== 'auto') {
    for (const key of ['path', 'of'] as const) {
      if (column[key] !== undefined) wrong(key, `\`${key}\` does not go with protocol ${protocol} — use \`tensor\` and \`index\``);
    }
  }
}

/** A budget in time says nothing of a window until the rate of traffic is known. */
function checkFalseAlarms(inspection: Inspection): void {
  const spec = inspection.document.spec;
  const per = spec?.falseAlarms?.per;
  if (per === undefined || per.endsWith('windows') || per.endsWith('window')) return;
  if (at(inspection.written, ['spec', 'traffic', 'expectedRows']) !== undefined) return;
  inspection.warning(
    ['spec', 'falseAlarms', 'per'],
    'the rate of traffic is not known: it is measured first, and until then nothing is judged — add `spec.traffic.expectedRows: {count: …, per: 1d}`',
  );
}
