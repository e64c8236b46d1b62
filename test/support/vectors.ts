/** `npm run vectors -- DIR`: checks every case of a vectors folder, prints a table, and exits 1 when one fails or cannot be judged. */
import { fileURLToPath } from 'node:url';
import { vectorsOf } from './vector-cases.ts';

const folder = process.argv[2] ?? fileURLToPath(new URL('../golden/vectors', import.meta.url));
const rows = vectorsOf(folder).map(({ run }) => run());
const width = Math.max(...rows.map((row) => row.file.length));
const line = (file: string, ...cells: (string | number)[]) =>
  process.stdout.write(`${file.padEnd(width)}${cells.map((cell) => String(cell).padStart(9)).join('')}\n`);

line('file', 'cases', 'passed', 'failed', 'skipped');
for (const row of rows) {
  line(row.file, row.cases, row.passed, row.failures.length, row.skipped);
  for (const failure of row.failures.slice(0, 5)) process.stdout.write(`  ${failure}\n`);
}
const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0);
line(
  'all',
  sum((row) => row.cases),
  sum((row) => row.passed),
  sum((row) => row.failures.length),
  sum((row) => row.skipped),
);
process.exitCode = rows.some((row) => row.failures.length + row.skipped > 0) ? 1 : 0;
