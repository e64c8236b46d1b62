/**
 * Plants faults in source files, one at a time, and looks whether a test turns red: `node test/support/mutate.ts [--each 5] [--seed 1] FILE…`.
 *
 * Works on a copy of the tree. A fault is another operator, comparison, constant or sense of one place, drawn by the seed. The tests are those
 * that import the file or what is built on it, and the detectors' common ones, of these what names a detector that is built on the file. Each runs once without a
 * fault first: one that is red by itself would catch everything, and the CPU time it takes then is what a fault is measured by. A fault is
 * red when a test fails, endless when a test uses far more CPU than that (the wall clock is not asked: a busy machine is no proof), and has
 * survived otherwise. Survivors are printed with their line; exit 1 when there are any. By hand, not in CI: it takes minutes.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { DetectorDefinition } from '../../contracts/detector.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { Random } from '../../detectors/performance/random.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const FOLDERS = ['agent', 'bin', 'contracts', 'detectors', 'exporters', 'policies', 'proxy', 'scorer', 'test'];
/** Over the whole catalogue, the quickest first: how the names of those of its tests begin that are about a detector, or null for none. */
const COMMON: { readonly [test: string]: (detector: DetectorDefinition) => string | null } = {
  'test/detectors/contract.test.ts': ({ type }) => `${type}\\b`,
  'test/detectors/bad-input.test.ts': ({ type }) => `${type}:`,
  'test/detectors/sketches/references.test.ts': ({ kind }) => (kind === 'windowed' ? '' : null),
  'test/detectors/peers.test.ts': ({ type }) => (type === 'adwin' || type === 'hddm-w' ? type : null),
  'test/detectors/vectors.test.ts': ({ type, kind }) => (kind === 'streaming' ? `detectors.${type.replaceAll('-', '_')}.json` : 'tests.'),
};
/** CPU that a test may take beside a fault: so many times what it takes without one, and at least so many seconds. */
const TIMES_AS_LONG = 4;
const LEAST_SECONDS = 10;
/** A property that fails is red at once: making its example small takes longer than all the rest. */
const NO_SHRINKING = "import fc from 'fast-check';\nfc.configureGlobal({ endOnFailure: true });\n";

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

/** A test file, what of it is run, and the CPU seconds after which it counts as endless. */
interface Trial {
  readonly test: string;
  readonly grep: string | null;
  readonly mostSeconds: number;
}

/** The rank of a test that has nothing to do with a file. */
const NOT_ITS = 3;

type Outcome = 'green' | 'red' | 'endless';

const { values: flags, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { each: { type: 'string', default: '5' }, seed: { type: 'string', default: '1' } },
});
const copy = mkdtempSync(path.join(tmpdir(), 'driftline-mutate-'));
const trials = new Map<string, Trial>();
const imports = new Map<string, string[]>();
let survived = 0;
try {
  for (const folder of FOLDERS) cpSync(path.join(ROOT, folder), path.join(copy, folder), { recursive: true });
  for (const file of ['package.json', 'tsconfig.json', '.taprc']) cpSync(path.join(ROOT, file), path.join(copy, file));
  writeFileSync(path.join(copy, 'no-shrinking.js'), NO_SHRINKING);
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  for (const file of files) survived += tryFile(path.relative(ROOT, path.resolve(file)));
} finally {
  rmSync(copy, { recursive: true, force: true });
}
process.exitCode = survived === 0 ? 0 : 1;

/** Faults that nothing caught. */
function tryFile(file: string): number {
  const source = readFileSync(path.join(ROOT, file), 'utf8');
  const faults = draw(faultsIn(source), Number(flags.each), new Random(Number(flags.seed)));
  const counts = { green: 0, red: 0, endless: 0 };
  for (const { at, found, becomes } of faults) {
    writeFileSync(path.join(copy, file), source.slice(0, at) + becomes + source.slice(at + found.length));
    const outcome = outcomeOf(file, source);
    counts[outcome]++;
    if (outcome === 'red') continue;
    const line = source.slice(0, at).split('\n').length;
    const what = outcome === 'green' ? 'survived' : 'endless';
    // The line as the fault has it: it may stand at any of several places.
    console.log(
      `  ${what} ${file}:${line} ${found.trim()} → ${becomes.trim()}: ${readFileSync(path.join(copy, file), 'utf8').split('\n')[line - 1]!.trim()}`,
    );
  }
  writeFileSync(path.join(copy, file), source);
  console.log(`${file}: ${faults.length} planted, ${counts.red} red, ${counts.endless} endless, ${counts.green} survived`);
  return counts.green;
}

/** What the tests say of the fault that stands in the copy. `source` is the file without it. */
function outcomeOf(file: string, source: string): Outcome {
  for (const [test, grep] of testsOf(file)) {
    const outcome = run(trialOf(test, grep, file, source));
    if (outcome !== 'green') return outcome;
  }
  return 'green';
}

/** CPU seconds of all children that have ended, of the test among them. */
function childSeconds(): number {
  const [, rest = ''] = readFileSync('/proc/self/stat', 'utf8').split(') ');
  const fields = rest.split(' ');
  // proc(5): cutime and cstime, in ticks of 10 ms.
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Measured the first time it is needed, on the copy without a fault. */
function trialOf(test: string, grep: string | null, file: string, source: string): Trial {
  const key = `${test} ${grep}`;
  const known = trials.get(key);
  if (known !== undefined) return known;
  const faulty = readFileSync(path.join(copy, file), 'utf8');
  writeFileSync(path.join(copy, file), source);
  const before = childSeconds();
  const outcome = run({ test, grep, mostSeconds: 600 });
  if (outcome !== 'green') throw new Error(`${test} is ${outcome} without a fault: it can judge none`);
  const trial = { test, grep, mostSeconds: Math.ceil(Math.max(LEAST_SECONDS, TIMES_AS_LONG * (childSeconds() - before))) };
  trials.set(key, trial);
  writeFileSync(path.join(copy, file), faulty);
  return trial;
}

function run({ test, grep, mostSeconds }: Trial): Outcome {
  // The limit is the kernel's own, on CPU time.
  const { status, signal } = spawnSync(
    'sh',
    ['-c', `ulimit -t ${mostSeconds}; exec "$0" --import ./no-shrinking.js "$1"`, process.execPath, test],
    {
      cwd: copy,
      env: {
        ...process.env,
        TAP_BAIL: '1',
        TAP_TIMEOUT: '0',
        NODE_OPTIONS: '',
        NODE_COMPILE_CACHE: path.join(copy, 'compiled'),
        ...(grep === null ? {} : { TAP_GREP: grep }),
      },
      stdio: 'ignore',
    },
  );
  if (signal !== null) return signal === 'SIGKILL' || signal === 'SIGXCPU' ? 'endless' : 'red';
  return status === 0 ? 'green' : 'red';
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

/** Test files by what of them is run: the file's own, others that import it, those of what is built on it, then the common ones. */
function testsOf(file: string): [test: string, grep: string | null][] {
  const own = `test/${file.replace(/\.ts$/, '.test.ts')}`;
  const rankOf = (test: string): number => {
    if (test === own) return 0;
    if (importedBy(test).includes(file)) return 1;
    // What imports the catalogue is built on everything.
    return importedBy(test).includes('detectors/catalogue.ts') || !importsOf(test).has(file) ? NOT_ITS : 2;
  };
  const whole = readdirSync(path.join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .map((test) => `test/${test}`)
    .filter((test) => /^test\/(detectors|agent\/(window|reference|compare)).*\.test\.ts$/.test(test) && !Object.hasOwn(COMMON, test))
    .map((test) => ({ test, rank: rankOf(test) }))
    .filter(({ test, rank }) => rank < (test.startsWith('test/detectors/') ? NOT_ITS : 2))
    .sort((a, b) => a.rank - b.rank);
  const built = detectors.filter(({ type }) => importsOf(`detectors/${type}.ts`).has(file));
  const common = Object.entries(COMMON).flatMap(([test, namesOf]): [string, string][] => {
    const names = new Set(built.map(namesOf).filter((begin) => begin !== null));
    return names.size === 0 ? [] : [[test, `/^(${[...names].join('|')})/`]];
  });
  return [...whole.map(({ test }): [string, null] => [test, null]), ...common];
}

/** All files that a file is built on, itself included. */
function importsOf(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const imported of importedBy(file)) importsOf(imported, found);
  return found;
}

function importedBy(file: string): string[] {
  let imported = imports.get(file);
  if (imported === undefined) {
    const found = readFileSync(path.join(ROOT, file), 'utf8').matchAll(/^(?:import|export|\}) .*from '(\.[^']+)';$/gm);
    imported = [...found].map(([, to]) => path.join(path.dirname(file), to!));
    imports.set(file, imported);
  }
  return imported;
}
