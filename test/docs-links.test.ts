import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { REASON_STATUS } from '../proxy/reasons.ts';

const root = path.join(import.meta.dirname, '..');
const pages = [
  ...readdirSync(root).filter((file) => file.endsWith('.md')),
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];
const read = (page: string) => readFileSync(path.join(root, page), 'utf8');
const textOf = (page: string) => read(page).replace(/^ *```[\s\S]*?^ *```/gm, '');

/** As GitHub makes them from headings. */
function anchors(page: string): string[] {
  const headings = [...read(page).matchAll(/^#+ (.+)$/gm)];
  return headings.map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}

t.test('every relative link leads to a file, and to a heading that is there', async (t) => {
  let links = 0;
  for (const page of pages) {
    for (const [, target = ''] of textOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      links++;
      const [file = '', anchor] = target.split('#');
      const full = file === '' ? page : path.join(path.dirname(page), file);
      t.ok(existsSync(path.join(root, full)), `${page}: ${target}`);
      if (anchor !== undefined) t.ok(anchors(full).includes(anchor), `${page}: ${target} has its heading`);
    }
  }
  t.ok(links > 30, `${links} links were looked at`);
});

t.test('every file that a page names by its path exists', async (t) => {
  let names = 0;
  for (const page of pages) {
    for (const [, name = ''] of textOf(page).matchAll(
      /`((?:\.ci|agent|bench|bin|contracts|deploy|detectors|docs|exporters|policies|proxy|scorer|test)\/[^`\s]*)`/g,
    )) {
      if (/[A-Z]{3,}|[*<]/.test(name)) continue;
      names++;
      t.ok(existsSync(path.join(root, name)), `${page}: ${name}`);
    }
  }
  t.ok(names > 20, `${names} names were looked at`);
});

t.test('every command and npm script that README and CONTRIBUTING name exists', async (t) => {
  // The table that `driftline --help` is made from; starting the program takes seconds on a busy machine.
  const known = [...read('agent/main.ts').matchAll(/^ {2}'?([\w-]+)'?: async \(\) => \(await import/gm)].map(
    ([, command]) => command ?? '',
  );
  const { scripts } = JSON.parse(read('package.json'));
  const commands = new Set<string>();
  for (const page of ['README.md', 'CONTRIBUTING.md', 'docs/operations.md']) {
    for (const [, command = ''] of read(page).matchAll(/(?:npx|`)\s*driftline ([a-z][\w-]+)/g)) commands.add(command);
    for (const [, script = ''] of read(page).matchAll(/npm run ([a-z]+)/g)) t.ok(scripts[script], `npm run ${script}`);
  }
  t.ok(commands.size >= 6, [...commands].join(' '));
  for (const command of commands) t.ok(known.includes(command), command);
  for (const command of known) t.ok(commands.has(command), `the pages tell of ${command}`);
});

t.test('every metric, and every reason that callers see, stands in operations', async (t) => {
  const page = read('docs/operations.md');
  const source = read('agent/admin/metrics.ts');
  const metrics = [...source.matchAll(/'(driftline_\w+)'/g)].map(([, metric]) => metric ?? '');
  t.ok(metrics.length > 15);
  for (const metric of metrics) t.ok(page.includes(`\`${metric}\``), metric);
  for (const [, metric = ''] of page.matchAll(/`(driftline_\w+)/g)) t.ok(metrics.includes(metric), `${metric} exists`);
  for (const reason of Object.keys(REASON_STATUS)) if (reason !== 'internal') t.ok(page.includes(`\`${reason}\``), reason);
});

t.test('every direct dependency has its line in the decisions', async (t) => {
  const page = read('docs/decisions/0005-dependencies.md');
  const { dependencies } = JSON.parse(read('package.json'));
  for (const name of Object.keys(dependencies)) t.ok(page.includes(`\`${name}\``), name);
});
