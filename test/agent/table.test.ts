import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import path from 'node:path';
import t from 'tap';
import { columnIndex, numberCell, openTable, readTable, streamTable } from '../../agent/table.ts';
import { ConfigError } from '../../contracts/errors.ts';
import { parquet } from '../support/parquet.ts';

t.test('a table has its columns and rows, whatever the line ends, quotes and byte order mark', async (t) => {
  const folder = t.testdir({ 'a.csv': '\ufeffage,"home, or ""away"""\r\n1,"two\r\nlines"\r\n\r\n,x\r\n' });
  const table = await readTable(path.join(folder, 'a.csv'));
  t.same(table.columns, ['age', 'home, or "away"']);
  t.same(table.rows, [
    ['1', 'two\r\nlines'],
    ['', 'x'],
  ]);
});

t.test('gzip is known by its bytes, not by its name', async (t) => {
  const folder = t.testdir({ 'plain.csv.gz': 'a\n1\n', 'zipped.csv': gzipSync('a\n2\n') });
  t.same(await readTable(path.join(folder, 'plain.csv.gz')), { columns: ['a'], rows: [['1']] });
  t.same(await readTable(path.join(folder, 'zipped.csv')), { columns: ['a'], rows: [['2']] });
});

t.test('in a table of one column a blank line is an empty cell, so that rows keep their places', async (t) => {
  const folder = t.testdir({ 'a.csv': 'a\n1\n\n3\n' });
  t.same((await readTable(path.join(folder, 'a.csv'))).rows, [['1'], [''], ['3']]);
});

t.test('without a header the columns are counted', async (t) => {
  const folder = t.testdir({ 'a.csv': '1,2\n3,4\n' });
  t.same(await readTable(path.join(folder, 'a.csv'), { header: false }), {
    columns: ['0', '1'],
    rows: [
      ['1', '2'],
      ['3', '4'],
    ],
  });
});

t.test('a file that is no CSV is said to be what it is, without its bytes', async (t) => {
  const folder = t.testdir({
    'a.parquet': parquet([{ name: 'x', type: 'double', cells: [1, 2] }]),
    'a.ndjson': '{"x": 1}\n',
    'a.json': '[{"x": 1}]',
    'a.zip': 'PK\u0003\u0004....',
    'a.bin': 'x\n1\0\n',
  });
  for (const [name, what] of [
    ['a.parquet', 'is a Parquet file; only CSV is read here'],
    ['a.ndjson', 'is JSON; only CSV is read here'],
    ['a.json', 'is JSON; only CSV is read here'],
    ['a.zip', 'is a ZIP archive (or a spreadsheet); unpack it, or save the sheet as CSV'],
    ['a.bin', 'is no text; only CSV is read here'],
  ] as const) {
    await t.rejects(openTable(path.join(folder, name)), { name: 'ConfigError', message: `${path.join(folder, name)}: ${what}` }, name);
  }
  const stream = streamTable(Readable.from(['x\n', 'PAR1\u0015"\u0007\n']), 'stdin').then(({ rows }) => rows.next());
  await t.rejects(stream, { message: 'stdin:2: is not CSV: Invalid Opening Quote: a quote is found on field 0 at line 2' });
});

t.test('a header that other signs part is shown beside the column that is missing', (t) => {
  t.throws(() => columnIndex(['age:city'], 'age', 'a.csv'), {
    message:
      'a.csv: has no column age; it was read as one column, age:city; if : parts its cells, write it with commas, semicolons, tabs or bars',
  });
  t.throws(() => columnIndex(['age city'], 'age', 'a.csv'), { message: /if blanks part its cells/ });
  t.throws(() => columnIndex(['ages'], 'age', 'a.csv'), { message: /did you mean ages\?$/ });
  t.end();
});

t.test('what is wrong with a file is said with its name and line', async (t) => {
  const zipped = gzipSync(`a,b\n${Array.from({ length: 5000 }, (_, k) => `${k},${Math.sin(k)}`).join('\n')}\n`);
  const damaged = Buffer.from(zipped);
  damaged.fill(0xff, 2000, 2100);
  const folder = t.testdir({
    'ragged.csv': 'a,b\n1,2\n\n3\n4,5\n',
    'quote.csv': 'a,b\n1,"2\n3,4\n',
    'empty.csv': '',
    'cut.csv.gz': zipped.subarray(0, zipped.length / 2),
    'damaged.csv.gz': damaged,
  });
  for (const [file, code, message] of [
    ['ragged.csv', 'ragged-row', /ragged\.csv:4: has 1 cell where the first line has 2/],
    ['quote.csv', 'broken-csv', /quote\.csv:\d+: is not CSV/],
    ['empty.csv', 'empty-table', /empty\.csv: is empty/],
    ['cut.csv.gz', 'broken-gzip', /cut\.csv\.gz: the gzip data ends too early/],
    ['damaged.csv.gz', 'broken-gzip', /damaged\.csv\.gz: the gzip data is damaged/],
    ['missing.csv', 'no-file', /missing\.csv: there is no such file/],
    ['.', 'no-file', /is a folder/],
  ] as const) {
    await t.rejects(readTable(path.join(folder, file)), { name: 'ConfigError', code, message }, file);
  }
});

t.test('a huge table is read row by row, and leaving early closes it', async (t) => {
  let made = 0;
  const source = Readable.from(
    (function* () {
      yield 'a,b\n';
      for (; made < 1_000_000; made++) yield `${made},${made}\n`;
    })(),
  );
  const { columns, rows } = await streamTable(source, 'generated');
  t.same(columns, ['a', 'b']);
  for await (const row of rows) if (row[0] === '10') break;
  t.ok(made < 100_000, `${made} rows were read ahead`);
  if (!source.closed) await new Promise((resolve) => source.once('close', resolve));
  t.ok(source.destroyed);
});

t.test('rows before a fault are delivered', async (t) => {
  const folder = t.testdir({ 'a.csv': 'a,b\n1,2\n3\n' });
  const { rows } = await openTable(path.join(folder, 'a.csv'));
  const seen: string[][] = [];
  await t.rejects(
    (async () => {
      for await (const row of rows) seen.push(row);
    })(),
    ConfigError,
  );
  t.ok(seen.length <= 1);
});

t.test('a column that is not there is answered with the nearest one', (t) => {
  t.equal(columnIndex(['age', 'price'], 'price', 'a.csv'), 1);
  t.throws(() => columnIndex(['age', 'price'], 'prise', 'a.csv'), {
    code: 'unknown-column',
    message: 'a.csv: has no column prise; did you mean price?',
  });
  t.end();
});

t.test('a cell is a finite decimal number, or none', (t) => {
  for (const [text, value] of [
    ['1', 1],
    [' -2.5e3 ', -2500],
    ['+.5', 0.5],
    ['1e-300', 1e-300],
    ['0', 0],
  ] as const) {
    t.equal(numberCell(text), value, text);
  }
  for (const text of ['', '  ', 'NA', 'NaN', 'null', 'abc', '1,5', '1 2', 'Infinity', '-inf', '1e999', '0x10', '0b1', '0o7', 'true'])
    t.equal(numberCell(text), null, text);
  t.end();
});
