/**
 * Loads a policy: bytes → YAML → schema → semantics → the compiled form, or every mistake on the way.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { ConfigError, type Mistake } from '../contracts/errors.ts';
import type { Policy } from '../contracts/policy.ts';
import type { Address } from './addresses.ts';
import { compilePolicy } from './compile.ts';
import type { PolicyDocument } from './document.ts';
import { at, explain, type Finding, formatMistake, refusedValues } from './mistakes.ts';
import { policySchema } from './schema.ts';
import type { Detectors } from './schema-monitors.ts';
import { inspect } from './semantics.ts';
import { type Environment, expandVariables } from './variables.ts';
import { readYaml } from './yaml.ts';

/** What a policy is read against. */
export interface PolicyContext {
  readonly detectors: Detectors;
  /** For `${NAME}`; default: the process's. */
  readonly env?: Environment;
  /** Our own ports: an upstream there would be a loop. */
  readonly own?: readonly Address[];
  /** Stands in for the primary upstream's `url`. */
  readonly upstream?: string;
  /** Stands in for the primary upstream's `grpcUrl`. */
  readonly grpcUpstream?: string;
}

/** What reading a policy gives. */
export interface ParsedPolicy {
  /** Null when there are mistakes. */
  readonly policy: Policy | null;
  /** In the order in which they stand in the file. */
  readonly mistakes: readonly Mistake[];
  /** What works but should be looked at. */
  readonly warnings: readonly Mistake[];
}

/** The document as data, with what is wrong taken out; for those who look at policies rather than run them. */
export interface ReadDocument {
  /** Defaults filled in; null when there is no reading it. */
  readonly document: unknown;
  /** As it was written, variables expanded. */
  readonly written?: unknown;
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly Mistake[];
}

/**
 * Reads a policy from its file.
 *
 * @throws ConfigError `policy-unreadable` when the file cannot be read, `policy-invalid` with every mistake in it.
 */
export function loadPolicy(file: string, context: PolicyContext): Policy {
  const { policy, mistakes } = parsePolicy(readPolicyFile(file), file, context);
  if (policy !== null) return policy;
  throw invalid(file, mistakes);
}

/** The file's bytes. @throws ConfigError `policy-unreadable`. */
export function readPolicyFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException; // fs throws nothing else
    const why =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : code === 'EACCES' ? 'it may not be read' : code;
    throw new ConfigError('policy-unreadable', `policy: ${file}: ${why}; name a policy file`, [], error);
  }
}

/** Reads a policy from its bytes; relative paths start at the file's folder. Never throws for what the text says. */
export function parsePolicy(content: string | Uint8Array, file: string, context: PolicyContext): ParsedPolicy {
  const bytes = Buffer.from(content);
  const { document, written, mistakes, warnings } = readDocument(bytes.toString('utf8'), file, context);
  if (mistakes.length > 0) return { policy: null, mistakes, warnings };
  const hash = createHash('sha256').update(bytes).digest('hex');
  // No mistakes: the schema's checks have passed, which is what the type says.
  return {
    policy: compilePolicy(document as PolicyDocument, { hash, file, folder: path.dirname(path.resolve(file)), written }),
    mistakes,
    warnings,
  };
}

/** Reads the text as far as it goes: all the checks, without compiling. */
export function readDocument(text: string, file: string, context: PolicyContext): ReadDocument {
  const yaml = readYaml(text, file);
  if (yaml.mistakes.length > 0) return { document: null, mistakes: yaml.mistakes, warnings: [] };
  const mistakes: Mistake[] = [];
  const warnings: Mistake[] = [];

  if (context.upstream !== undefined) replaceUpstream(yaml.value, 'url', context.upstream);
  if (context.grpcUpstream !== undefined) replaceUpstream(yaml.value, 'grpcUrl', context.grpcUpstream);
  const document = expandVariables(yaml.value, context.env ?? process.env, (where, message) => mistakes.push(yaml.mistake(where, message)));
  const written = structuredClone(document);
  const findings = refusedValues(document);
  const validate = validatorFor(context.detectors);
  if (!validate(document)) {
    findings.push(...(validate.errors ?? []).map((error) => explain(error, document)).filter((finding) => finding !== null));
  }
  for (const { path: where, part, message } of withoutEchoes(findings)) mistakes.push(yaml.mistake(where, message, part));
  for (const { path: where, kind } of findings) if (kind !== 'missing') takeOut(document, where);
  inspect({
    document: document as object, // readYaml gives maps only; what else was wrong has been taken out
    written,
    detectors: context.detectors,
    folder: path.dirname(path.resolve(file)),
    own: context.own ?? [],
    mistake: (where, message, part) => mistakes.push(yaml.mistake(where, message, part)),
    warning: (where, message, part) => warnings.push(yaml.mistake(where, message, part)),
  });
  return { document, written, mistakes: inOrder(mistakes), warnings: inOrder(warnings) };
}

/**
 * The policy of `driftline run --upstream URL`: everything learned from traffic.
 *
 * @throws ConfigError when the upstream is no address, or our own.
 */
export function defaultPolicy(choice: PolicyContext & { readonly upstream: string }): Policy {
  const file = presetFile('default');
  const { policy, mistakes } = parsePolicy(readFileSync(file), file, choice);
  if (policy !== null) return { ...policy, hash: 'default', file: null };
  // The preset itself is sound, as its test shows: what is wrong is the address put in.
  const messages = mistakes.map(({ path: where, message }) => `${where.endsWith('grpcUrl') ? '--grpc-upstream' : '--upstream'} ${message}`);
  throw new ConfigError('upstream-invalid', messages.join('; '));
}

/** Path of a preset that comes with the program. */
function presetFile(name: string): string {
  // Compiled code lies in dist/policies, the presets stay beside the sources.
  const beside = path.join(import.meta.dirname, 'presets', `${name}.yaml`);
  return existsSync(beside) ? beside : path.join(import.meta.dirname, '../../policies/presets', `${name}.yaml`);
}

/** One error that carries all mistakes; its message shows the first. */
function invalid(file: string, mistakes: readonly Mistake[]): ConfigError {
  const many = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes, the first`;
  return new ConfigError('policy-invalid', `policy: ${file} has ${many}: ${mistakes.slice(0, 1).map(formatMistake).join('')}`, mistakes);
}

/** Puts another address in the place of the one that gets the traffic. */
function replaceUpstream(document: unknown, key: 'url' | 'grpcUrl', url: string): void {
  const upstreams = at(document, ['spec', 'traffic', 'upstreams']);
  const names = Object.keys(Object(upstreams)).filter((name) => name !== 'fallback');
  const primary = at(upstreams, [names.includes('primary') ? 'primary' : (names[0] ?? '')]);
  if (typeof primary === 'object' && primary !== null) Reflect.set(primary, key, url);
}

const validators = new WeakMap<Detectors, ValidateFunction>();

function validatorFor(detectors: Detectors): ValidateFunction {
  let validate = validators.get(detectors);
  if (validate === undefined) {
    // Types of the branches of `if` are known from the map around them.
    // Without the optimiser the schema compiles in half the time, which is most of a start's; a policy is validated once.
    const ajv = new Ajv({
      code: { optimize: false },
      allErrors: true,
      verbose: true,
      useDefaults: true,
      strict: true,
      strictTypes: false,
      strictRequired: false,
    });
    validate = ajv.compile(policySchema(detectors));
    validators.set(detectors, validate);
  }
  return validate;
}

/** Removes a part; a list keeps its length, so that positions stay right. */
function takeOut(document: unknown, where: readonly (string | number)[]): void {
  const last = where.at(-1);
  const around = at(document, where.slice(0, -1));
  if (last === undefined || typeof around !== 'object' || around === null) return;
  if (Array.isArray(around)) around[Number(last)] = undefined;
  else Reflect.deleteProperty(around, last);
}

/** Where something is not supported yet, what is missing or too many around it is no mistake of the user's. */
function withoutEchoes(findings: readonly Finding[]): Finding[] {
  const refused = findings.filter(({ kind }) => kind === 'unsupported').map((finding) => finding.path);
  const isAround = (outer: readonly unknown[], inner: readonly unknown[]) =>
    inner.length > outer.length && inner.length <= outer.length + 2 && outer.every((step, index) => step === inner[index]);
  return findings.filter(
    ({ kind, path: where }) => (kind !== 'missing' && kind !== 'too-many') || !refused.some((inner) => isAround(where, inner)),
  );
}

/** By place; the same words at the same place once. */
function inOrder(mistakes: readonly Mistake[]): Mistake[] {
  const unique = new Map(mistakes.map((mistake) => [`${mistake.line}:${mistake.column} ${mistake.path} ${mistake.message}`, mistake]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}
