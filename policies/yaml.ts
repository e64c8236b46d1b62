/**
 * Reads YAML as a policy may use it, and remembers where everything stands.
 *
 * The core schema only: no merge keys, no tags of one's own, unique keys. Size, depth and aliases are capped, size
 * and depth before the parser sees the text, so that a hostile file costs little.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { Mistake } from '../contracts/errors.ts';

/** Names of keys and positions of list items, from the root. */
export type Path = readonly (string | number)[];

/** Whether a mistake lies in a key or in what it holds. */
export type Part = 'key' | 'value';

/** A YAML file read: plain data, and the place of each part of it. */
export interface YamlFile {
  /** Undefined when there are mistakes. */
  readonly value: unknown;
  readonly mistakes: readonly Mistake[];
  /** A mistake at a part of the document; at the nearest part around it where that one does not exist. */
  mistake(path: Path, message: string, part?: Part): Mistake;
}

const LIMIT_BYTES = 1024 * 1024;
const LIMIT_DEPTH = 40;
const LIMIT_ALIASES = 100;

const CORE_TAGS = new Set(['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`));

/** Reads a text; never throws. */
export function readYaml(text: string, file: string): YamlFile {
  const at = (line: number, column: number, path: string, message: string): Mistake => ({ file, line, column, path, message });
  const refused = (mistakes: readonly Mistake[]): YamlFile => ({
    value: undefined,
    mistakes,
    mistake: (path, message) => at(1, 1, path.join('.'), message),
  });

  if (Buffer.byteLength(text) > LIMIT_BYTES) return refused([at(1, 1, '', 'the file is larger than 1 MiB — split data from policy')]);
  const deep = firstDeeper(text, LIMIT_DEPTH);
  if (deep !== null)
    return refused([at(deep.line, deep.column, '', `nested more than ${LIMIT_DEPTH} levels deep — a policy needs a dozen`)]);

  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'core',
    merge: false,
    uniqueKeys: true,
    stringKeys: true,
    resolveKnownTags: false,
    prettyErrors: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const mistakes: Mistake[] = [];
  const add = (offset: number, message: string) => {
    const { line, column } = place(offset);
    mistakes.push(at(line, column, '', message));
  };

  // After the first break in the grammar, the parser's further complaints are echoes of it.
  const [first, ...others] = document.errors;
  for (const error of [first, ...others.filter((other) => other.code === 'DUPLICATE_KEY')]) {
    if (error !== undefined) add(error.pos[0], inWords(error.code, error.message));
  }
  if (mistakes.length === 0) {
    visit(document, {
      Node(_, node) {
        if (node.tag !== undefined && !CORE_TAGS.has(node.tag))
          add(node.range?.[0] ?? 0, `tag ${node.tag} is not allowed — write plain values`);
      },
    });
    if (document.contents === null) add(0, 'the policy is empty — begin with `apiVersion: driftline/v1`');
    else if (!isMap(document.contents))
      add(document.contents.range?.[0] ?? 0, 'a policy is a map of keys — begin with `apiVersion: driftline/v1`');
  }
  let value: unknown;
  if (mistakes.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: LIMIT_ALIASES });
    } catch (error) {
      // yaml throws a ReferenceError for too many aliases and for one that stands before its anchor.
      add(firstAlias(document), `${error instanceof Error ? error.message : String(error)} — write the values out`);
    }
  }
  return {
    value,
    mistakes,
    mistake(path, message, part = 'value') {
      const { line, column } = place(offsetOf(document, path, part));
      return at(line, column, path.join('.'), message);
    },
  };
}

/** The place where the nesting first exceeds the limit, or null. Works on the lexer's tokens: no recursion, one pass. */
function firstDeeper(text: string, limit: number): { line: number; column: number } | null {
  const indents: number[] = [];
  let flow = 0;
  let line = 1;
  let column = 1;
  let opensLine = true;
  for (const token of new Lexer().lex(text)) {
    // Marks of the lexer's own: document start, flow error, scalar follows.
    if (token === '\u0002' || token === '\u0018' || token === '\u001f') continue;
    const blank = /^[ \t\r\n]*$/.test(token) || token.startsWith('#');
    if (!blank && flow === 0 && (opensLine || token === '-' || token === '?')) {
      while (indents.length > 0 && indents.at(-1)! >= column) indents.pop();
      indents.push(column);
    }
    if (token === '[' || token === '{') flow++;
    else if (token === ']' || token === '}') flow = Math.max(0, flow - 1);
    if (indents.length + flow > limit) return { line, column };
    if (!blank) opensLine = false;
    const breaks = token.split('\n');
    if (breaks.length > 1) {
      line += breaks.length - 1;
      column = 1 + breaks.at(-1)!.length;
      opensLine = true;
    } else column += token.length;
  }
  return null;
}

function inWords(code: string, message: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'the key is written twice in one map — keep one';
    case 'MULTIPLE_DOCS':
      return 'the file holds more than one document — one policy a file';
    case 'TAB_AS_INDENT':
      return 'a tab indents this line — use spaces';
    case 'TAG_RESOLVE_FAILED':
      return `${message} — write plain values`;
    default:
      return `not valid YAML: ${message.replace(/\.$/, '')}`;
  }
}

function firstAlias(document: Document): number {
  let offset = 0;
  visit(document, {
    Alias(_, alias) {
      offset = alias.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

/** Where a part begins in the text: of its key, or of its value. */
function offsetOf(document: Document, path: Path, part: Part): number {
  let node: unknown = document.contents;
  let offset = start(node) ?? 0;
  for (const [depth, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return offset;
      const key = start(pair.key) ?? offset;
      node = pair.value;
      offset = depth === path.length - 1 && part === 'key' ? key : (start(node) ?? key);
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = start(node) ?? offset;
    } else return offset;
  }
  return offset;
}

function start(node: unknown): number | undefined {
  const range = (node as Node | null | undefined)?.range;
  // An empty value stands nowhere: its key is the better place.
  return range === undefined || range === null || (isScalar(node) && node.value === null && range[0] === range[1]) ? undefined : range[0];
}
