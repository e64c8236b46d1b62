/**
 * Plants faults in source files, one at a time, and looks whether a test turns red: `node test/support/mutate.ts [--each 5] [--seed 1] FILE…`.
 *
 * Works on a copy of the tree. A fault is another operator, comparison, constant or sense of one place, drawn by the seed. The tests are those
 * that import the file and the detectors' common ones, of these what names the file's detector; the first red one ends the trial, and so does one that hangs. Survivors are printed
 * with their line; exit 1 when there are any. By hand, not in CI: it takes minutes.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { detectorOf } from '../../detectors/catalogue.ts';
import { Random } from '../../detectors/performance/random.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const FOLDERS = ['agent', 'contracts', 'detectors', 'policies', 'proxy', 'test'];
const COMMON = ['contract', 'vectors', 'bad-input', 'peers'].map((name) => `test/detectors/${name}.test.ts`);
/** A fault that loops for ever is as red as any. */
const MOST_MS = 90_000;
let hung = 0;

/** What is looked for in code without its comments and texts, and what it becomes. */
const FAULTS: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/ < /g, () => ' <= '],
  [/ <= /g, () => ' < '],
  [/ > /g, () => ' >= '],
  [/ >= /g, () => ' > '],
  [/ === /g, () => ' !== '],
  [/ !== /g, () => ' === '],
  [/ && /g, () => ' || '],
  [/ \|\| /g, () => ' && '],
  [/ \+ /g, () => ' - '],
  [/ - /g, () => ' + '],
  [/ \* /g, () => ' / '],
  [/ \/ /g, () => ' * '],
  [/ \+= /g, () => ' -= '],
  [/ -= /g, () => ' += '],
  [/\+\+/g, () => '--'],
  [/Math\.max/g, () => 'Math.min'],
  [/Math\.min/g, () => 'Math.max'],
  [/\btrue\b/g, () => 'false'],
  [/\bfalse\b/g, () => 'true'],
  [/(?<![\w.])\d+(\.\d+)?(e-?\d+)?(?![\w.])/g, (found) => (Number(found) === 0 ? '1' : String(Number(found) * 2))],
];

interface Fault {
  readonly at: number;
  readonly found: string;
  readonly becomes: string;
}

const { values: flags, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { each: { type: 'string', default: '5' }, seed: { type: 'string', default: '1' } },
});
const copy = mkdtempSync(path.join(tmpdir(), 'driftline-mutate-'));
let survived = 0;
try {
  for (const folder of FOLDERS) cpSync(path.join(ROOT, folder), path.join(copy, folder), { recursive: true });
  for (const file of ['package.json', 'tsconfig.json', '.taprc']) cpSync(path.join(ROOT, file), path.join(copy, file));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  for (const file of files) survived += tryFile(path.relative(ROOT, path.resolve(file)));
} finally {
  rmSync(copy, { recursive: true, force: true });
}
process.exitCode = survived === 0 ? 0 : 1;

/** Faults that nothing caught. */
function tryFile(file: string): number {
  const source = readFileSync(path.join(ROOT, file), 'utf8');
  const tests = testsOf(file);
  const faults = draw(faultsIn(source), Number(flags.each), new Random(Number(flags.seed)));
  let caught = 0;
  for (const { at, found, becomes } of faults) {
    writeFileSync(path.join(copy, file), source.slice(0, at) + becomes + source.slice(at + found.length));
    if (tests.some((test) => !passes(test, path.basename(file, '.ts')))) caught++;
    else {
      const line = source.slice(0, at).split('\n').length;
      console.log(`  survived ${file}:${line} ${found.trim()} → ${becomes.trim()}: ${source.split('\n')[line - 1]!.trim()}`);
    }
  }
  writeFileSync(path.join(copy, file), source);
  console.log(`${file}: ${caught} of ${faults.length} caught, ${hung} of them by a test that did not end`);
  hung = 0;
  return faults.length - caught;
}

function faultsIn(source: string): Fault[] {
  // Comments, texts, imports and the declaration of options, each blanked so that places stay.
  const code = source
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*|^import .*$|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/gm, (text) => text.replace(/[^\n]/g, ' '))
    .replace(/^const options = \{[\s\S]*?^\} as const;/m, (text) => text.replace(/[^\n]/g, ' '));
  return FAULTS.flatMap(([pattern, change]) =>
    [...code.matchAll(pattern)].map((match) => ({ at: match.index, found: match[0], becomes: change(match[0]) })),
  );
}

function draw(faults: readonly Fault[], count: number, random: Random): Fault[] {
  const rest = [...faults];
  const drawn: Fault[] = [];
  while (drawn.length < count && rest.length > 0) drawn.push(...rest.splice(random.below(rest.length), 1));
  return drawn;
}

/** Tests that import the file and the common ones; quick ones first. */
function testsOf(file: string): string[] {
  const name = path.basename(file);
  const importing = readdirSync(path.join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((test) => test.endsWith('.test.ts') && readFileSync(path.join(ROOT, 'test', test), 'utf8').includes(`/${name}'`))
    .map((test) => `test/${test}`)
    .filter((test) => /^test\/(detectors|agent\/(window|reference|compare))/.test(test) && !COMMON.includes(test));
  const own = `test/${file.replace(/\.ts$/, '.test.ts')}`;
  const [contract, ...common] = COMMON;
  return [...importing.filter((test) => test === own), contract!, ...importing.filter((test) => test !== own), ...common];
}

function passes(test: string, type: string): boolean {
  const only = COMMON.includes(test) && detectorOf(type) !== null ? { TAP_GREP: `/(^|\\W)${type.replaceAll('-', '.')}\\b/` } : {};
  const env = { ...process.env, TAP_BAIL: '1', NODE_OPTIONS: '', ...only };
  const { status, signal } = spawnSync(process.execPath, [test], {
    cwd: copy,
    env,
    timeout: MOST_MS,
    killSignal: 'SIGKILL',
    stdio: 'ignore',
  });
  if (signal !== null) hung++;
  return status === 0;
}
