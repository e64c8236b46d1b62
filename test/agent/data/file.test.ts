import path from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { DataColumn } from '../../../agent/data/column.ts';
import { readData } from '../../../agent/data/file.ts';
import { PARQUET_CODECS, parquet } from '../../support/parquet.ts';

const types = (columns: readonly DataColumn[]) => Object.fromEntries(columns.map(({ name, type }) => [name, type]));
const numbers = (length: number) => Array.from({ length }, (_, row) => Math.sin(row) * 100);

t.test('the columns of a CSV file are numbers, categories, booleans, times or texts, with their gaps', async (t) => {
  const rows = Array.from({ length: 120 }, (_, row) =>
    [
      row / 4,
      row % 3 === 0 ? 'NA' : ['north', 'south'][row % 2],
      row % 2 === 0 ? 'True' : 'false',
      `2024-01-${10 + (row % 9)}`,
      `u-${row * 7919}`,
      '',
      '007',
    ].join(','),
  );
  const folder = t.testdir({ 'a.csv': `amount,region,member,day,user,nothing,code\n${rows.join('\n')}\n` });
  const data = await readData(path.join(folder, 'a.csv'));
  t.same(types(data.columns), {
    amount: 'number',
    region: 'category',
    member: 'boolean',
    day: 'time',
    user: 'text',
    nothing: 'empty',
    code: 'category',
  });
  const [amount, region, member, day, , nothing] = data.columns;
  t.match({ rows: data.rows, kept: data.kept, format: data.format }, { rows: 120, kept: 120, format: 'csv' });
  t.match(amount, { present: 120, integer: false, min: 0, max: 29.75, distinct: 120 });
  t.same([...region!.categories].sort(), [
    ['north', 40],
    ['south', 40],
  ]);
  t.equal(region!.present, 80);
  t.same([...member!.numbers].filter((value) => value === 1).length, 60);
  t.equal(day!.min, Date.UTC(2024, 0, 10));
  t.equal(nothing!.present, 0);
});

t.test('delimiters are told from the first lines, with commas in numbers where they do not part cells', async (t) => {
  const folder = t.testdir({
    'semicolon.csv': '\ufeffa;b\n1,5;x, y\n2,25;z\n',
    'tab.tsv': 'a\tb\n1.5\tx, y\n2.25\tz\n',
    'bar.txt': 'a|b\n1.5|x, y\n2.25|z\n',
    'comma.csv': 'a,b\n1.5,"x; y; z"\n2.25,"z; ; ; "\n',
    'gzip.bin': gzipSync('a;b\n1,5;x\n2,25;z\n'),
  });
  for (const file of ['semicolon.csv', 'tab.tsv', 'bar.txt', 'comma.csv', 'gzip.bin']) {
    const { columns } = await readData(path.join(folder, file));
    t.same(types(columns), { a: 'number', b: 'category' }, file);
    t.same([...columns[0]!.numbers], [1.5, 2.25], file);
  }
});

t.test('a line that the look at the beginning cuts in two does not mislead it', async (t) => {
  // The first 64 KiB end inside the second line, between its two cells.
  const folder = t.testdir({ 'a.csv': `a;b,c\n${'x'.repeat(65_000)};${'y'.repeat(2_000)},z\n1;2,5\n` });
  const { columns } = await readData(path.join(folder, 'a.csv'));
  t.equal(columns.length, 2);
});

t.test('JSON lines carry their types; objects inside become dotted columns, late columns are missing before', async (t) => {
  const folder = t.testdir({
    'a.ndjson':
      '{"n": 1, "t": "5", "b": true, "in": {"x": 2.5}}\n\n{"n": null, "t": "6", "b": false, "in": {"x": 3}, "late": [1]}\r\n{"n": 3}',
    'b.gz': gzipSync('{"n": 1}\n{"n": 2}\n'),
  });
  const { columns, rows } = await readData(path.join(folder, 'a.ndjson'));
  t.equal(rows, 3);
  t.same(types(columns), { n: 'number', t: 'category', b: 'boolean', 'in.x': 'number', late: 'category' });
  t.same(
    columns.map(({ present }) => present),
    [2, 2, 2, 2, 1],
  );
  t.match(await readData(path.join(folder, 'b.gz')), { format: 'json-lines', rows: 2 });
});

t.test('Parquet is read with every codec, over row groups, with nulls, large integers and instants', async (t) => {
  const columns = [
    { name: 'x', type: 'double' as const, cells: [1.5, null, Number.NaN, Number.POSITIVE_INFINITY, -2] },
    { name: 'id', type: 'int64' as const, cells: [1n, 2n, 3n, 2n ** 60n, null] },
    { name: 'city', type: 'text' as const, cells: ['Århus', 'Rome', null, 'Rome', '12'] },
    { name: 'flag', type: 'boolean' as const, cells: [true, false, null, true, true] },
    { name: 'at', type: 'timestamp' as const, cells: [new Date(0), new Date(1_000), null, new Date(2_000), new Date(3_000)] },
  ];
  for (const codec of PARQUET_CODECS) {
    const folder = t.testdir({ 'a.parquet': parquet(columns, { codec, groupRows: 2 }), named: parquet(columns, { codec }) });
    for (const file of ['a.parquet', 'named']) {
      const data = await readData(path.join(folder, file));
      t.match(data, { format: 'parquet', rows: 5 }, codec);
      t.same(types(data.columns), { x: 'number', id: 'number', city: 'category', flag: 'boolean', at: 'time' }, codec);
      const [x, id, city, flag, at] = data.columns;
      t.equal(x!.present, 3, 'NaN is no value');
      t.match(id, { present: 4, max: 2 ** 60 });
      t.same([...city!.categories].sort(), [
        ['12', 1],
        ['Rome', 2],
        ['Århus', 1],
      ]);
      t.equal(
        [...flag!.numbers].reduce((sum, value) => sum + value),
        3,
      );
      t.match(at, { min: 0, max: 3_000 });
    }
  }
});

t.test('what is wrong with a file is said with its name, its line and a remedy', async (t) => {
  const column = { name: 'x', type: 'double' as const, cells: numbers(50) };
  const whole = parquet([column], { codec: 'SNAPPY' });
  const damaged = Buffer.from(whole);
  damaged.fill(0xff, 10, 200);
  const zipped = gzipSync(`a,b\n${numbers(3_000).join(',1\n')},1\n`);
  const long = Array.from({ length: 20_000 }, (_, row) => `${row},${row}`).join('\n');
  const cases: readonly [string, string | Buffer, string, string][] = [
    ['empty.csv', '', 'empty-table', 'empty.csv: is empty; a table begins with a line of column names'],
    ['blank.csv', '\ufeff \n\n', 'empty-table', 'blank.csv: is empty; a table begins with a line of column names'],
    ['header.csv', 'a,b\n', 'no-rows', 'header.csv: has a header and no rows; there is nothing to read'],
    [
      'numbers.csv',
      '1.5,2\n3,4\n',
      'no-header',
      'numbers.csv:1: holds numbers where the names of the columns should be; add a first line that names them',
    ],
    ['twice.csv', 'a,b,a\n1,2,3\n', 'repeated-column', 'twice.csv:1: names two columns a; rename one'],
    ['ragged.csv', 'a,b\n1,2\n1,2,3\n', 'ragged-row', 'ragged.csv:3: has 3 cells where the first line has 2; mend the row'],
    [
      'cut.csv',
      'a,b,c\n1,2,3\n4,5',
      'ragged-row',
      'cut.csv:3: has 2 cells where the first line has 3; mend the row, or copy the file again if it ends here',
    ],
    [
      'deep.csv',
      `a,b\n${long}\n1\n2,3\n`,
      'ragged-row',
      'deep.csv:20002: has 1 cell where the first line has 2; mend the row, or copy the file again if it ends here',
    ],
    [
      'quote.csv',
      'a,b\n1,"2\n3,4\n',
      'broken-csv',
      'quote.csv:2: is not CSV: a quote is opened in this row and never closed; close it, or copy the file again',
    ],
    ['cut.csv.gz', zipped.subarray(0, zipped.length / 2), 'broken-gzip', 'cut.csv.gz: the gzip data ends too early; copy the file again'],
    [
      'latin.csv',
      Buffer.from('a,b\n1,x\n2,Köln\n', 'latin1'),
      'not-utf8',
      'latin.csv:3: is not UTF-8; convert the file (iconv -f WINDOWS-1252 -t UTF-8)',
    ],
    [
      'far.csv',
      Buffer.concat([Buffer.from(`a,b\n${long}\n`), Buffer.from([0xc3]), Buffer.from(',1\n')]),
      'not-utf8',
      'far.csv:20002: is not UTF-8; convert the file (iconv -f WINDOWS-1252 -t UTF-8)',
    ],
    ['wide.csv', Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'), 'other-format', 'wide.csv: is UTF-16; save it as UTF-8'],
    ['bytes.csv', Buffer.from('a,b\n1,\0\n'), 'not-text', 'bytes.csv: is no text; CSV, JSON lines and Parquet can be read'],
    [
      'sheet.csv',
      Buffer.from('PK\u0003\u0004....'),
      'other-format',
      'sheet.csv: is a ZIP archive (or a spreadsheet); unpack it, or save the sheet as CSV',
    ],
    ['list.json', '[{"a": 1}]', 'json-array', "list.json:1: is one JSON list; write one object a line (jq -c '.[]' does it)"],
    ['broken.ndjson', '{"a": 1}\n{"a": }\n{"a": 3}\n', 'broken-json', 'broken.ndjson:2: is not JSON; mend the line: one object a line'],
    ['cut.ndjson', '{"a": 1}\n{"a": 2', 'broken-json', 'cut.ndjson:2: is not JSON; the file seems to be cut off here; copy it again'],
    ['mixed.ndjson', '{"a": 1}\n7\n', 'broken-json', 'mixed.ndjson:2: is no object; write one object a line, such as {"age": 31}'],
    [
      'no.parquet',
      'a,b\n1,2\n',
      'not-parquet',
      'no.parquet: is not a Parquet file, in spite of its name; CSV and JSON lines go under any other name',
    ],
    ['void.parquet', '', 'empty-table', 'void.parquet: is empty; copy the file again'],
    [
      'cut.parquet',
      whole.subarray(0, whole.length - 20),
      'broken-parquet',
      'cut.parquet: the Parquet file is cut off (its footer is missing); copy it again',
    ],
    [
      'zip.gz',
      gzipSync(whole),
      'zipped-parquet',
      'zip.gz: is a Parquet file inside gzip, and Parquet is read from its end; unpack it (gunzip)',
    ],
    ['none.parquet', parquet([{ ...column, cells: [] }]), 'no-rows', 'none.parquet: has a header and no rows; there is nothing to read'],
  ];
  const folder = t.testdir({ ...Object.fromEntries(cases.map(([name, content]) => [name, content])), 'bad.parquet': damaged });
  for (const [name, , code, message] of cases) {
    await t.rejects(readData(path.join(folder, name)), { name: 'ConfigError', code, message: path.join(folder, message) }, name);
  }
  const bad = readData(path.join(folder, 'bad.parquet'));
  await t.rejects(bad, {
    name: 'ConfigError',
    code: 'broken-parquet',
    message: /bad\.parquet: column x cannot be read in row group 1 \(.+\); copy or write/,
  });
  await t.rejects(readData(path.join(folder, 'missing.csv')), { code: 'no-file', message: /missing\.csv: there is no such file/ });
  await t.rejects(readData(path.join(folder, 'missing.parquet')), { code: 'no-file' });
  await t.rejects(readData(folder), { code: 'no-file', message: /is a folder/ });
});

t.test('cut off anywhere, a Parquet file is refused and never half read', async (t) => {
  const whole = parquet([{ name: 'x', type: 'double', cells: numbers(20) }], { codec: 'GZIP' });
  for (let length = 0; length < whole.length; length += 7) {
    const folder = t.testdir({ 'a.parquet': whole.subarray(0, length) });
    await t.rejects(readData(path.join(folder, 'a.parquet')), { name: 'ConfigError' }, `${length} bytes`);
  }
});

t.test('only the columns asked for are read, and one that is not there has a remedy', async (t) => {
  const folder = t.testdir({ 'a.csv': 'age,city\n1,x\n2,y\n' });
  const { columns } = await readData(path.join(folder, 'a.csv'), { columns: ['city'] });
  t.same(types(columns), { city: 'category' });
  await t.rejects(readData(path.join(folder, 'a.csv'), { columns: ['agee'] }), {
    code: 'unknown-column',
    message: /has no column agee; did you mean age\?/,
  });
});

t.test('of a file with too many cells an even sample is kept, the same each time; counts stay those of all rows', async (t) => {
  const rows = 20_000;
  const lines = Array.from({ length: rows }, (_, row) => `${row},${row % 4 === 0 ? '' : 'x'}`).join('\n');
  const folder = t.testdir({ 'a.csv': `n,c\n${lines}\n` });
  const read = () => readData(path.join(folder, 'a.csv'), { mostCells: 4_000 });
  const [one, other] = [await read(), await read()];
  const [n, c] = one.columns;
  t.match(one, { rows, kept: 2_000 });
  t.equal(n!.numbers.length, 2_000);
  t.equal(c!.present, (rows * 3) / 4);
  t.same(n!.numbers, other.columns[0]!.numbers);
  const mean = n!.numbers.reduce((sum, value) => sum + value, 0) / 2_000;
  // The mean of 2,000 draws lies within 4 deviations (4 · 20,000/√12/√2,000 = 516) of the middle.
  t.ok(Math.abs(mean - rows / 2) < 516, `mean ${mean}`);
  t.ok(Math.abs(c!.missingKept / 2_000 - 0.25) < 0.04, `${c!.missingKept} missing`);
});

t.test('more different texts than are told apart, and numbers at the ends of the doubles are read in bounded room', async (t) => {
  const texts = Array.from({ length: 105_000 }, (_, row) => `k${row},${[1e300, -1e300, 1e-300, 'inf', '-Infinity'][row % 5]}`).join('\n');
  const folder = t.testdir({ 'a.csv': `k,v\n${texts}\n` });
  const [k, v] = (await readData(path.join(folder, 'a.csv'))).columns;
  t.match(k, { type: 'text', distinct: 100_000, present: 105_000 });
  t.equal(k!.examples.length, 1_000);
  t.match(v, { type: 'number', invalid: 42_000, min: -1e300, max: 1e300, autocorrelation: null });
});

t.test('few strings among numbers are mistakes, many make another type', async (t) => {
  const column = (share: number) => Array.from({ length: 1_000 }, (_, row) => (row % 100 < share ? 'oops' : row)).join('\n');
  const folder = t.testdir({ 'few.csv': `v\n${column(3)}\n`, 'many.csv': `v\n${column(30)}\n` });
  const [few] = (await readData(path.join(folder, 'few.csv'))).columns;
  t.match(few, { type: 'number', invalid: 30, present: 1_000 });
  const [many] = (await readData(path.join(folder, 'many.csv'))).columns;
  t.not(many!.type, 'number');
});

t.test('a column that rises from row to row is told, and how much rows resemble the one before', async (t) => {
  const rows = Array.from({ length: 500 }, (_, row) => `${1000 + 3 * row},${Math.sin(row / 50)},${(row * 7919) % 1009}`).join('\n');
  const folder = t.testdir({ 'a.csv': `id,slow,mixed\n${rows}\n` });
  const [id, slow, mixed] = (await readData(path.join(folder, 'a.csv'))).columns;
  t.match([id!.rising, slow!.rising, mixed!.rising], [true, false, false]);
  t.ok(slow!.autocorrelation! > 0.99);
  t.ok(Math.abs(mixed!.autocorrelation!) < 0.3);
});

t.test('dates and infinities among other words keep their names, in CSV and as numbers of a typed file', async (t) => {
  const words = ['31.01.2024', '2024-02-01', 'inf', 'never', 'TRUE'];
  const folder = t.testdir({
    'a.csv': `v\n${Array.from({ length: 100 }, (_, row) => words[row % 5]).join('\n')}\n`,
    'b.parquet': parquet([{ name: 'v', type: 'double', cells: [Infinity, -Infinity, Infinity] }]),
  });
  const [mixed] = (await readData(path.join(folder, 'a.csv'))).columns;
  t.match(mixed, { type: 'category', distinct: 5, times: 40 });
  t.same([...mixed!.categories.keys()], words);
  const [infinite] = (await readData(path.join(folder, 'b.parquet'))).columns;
  t.same(
    [...infinite!.categories],
    [
      ['Infinity', 2],
      ['-Infinity', 1],
    ],
  );
});

t.test('true is the same in any letters, and words that stand for nothing are told with their rows', async (t) => {
  const folder = t.testdir({ 'a.csv': 'b,c\ntrue,NA\nTRUE,x\nFalse,null\nNA,NA\n,\n' });
  const [b, c] = (await readData(path.join(folder, 'a.csv'))).columns;
  t.match(b, { type: 'boolean', distinct: 2, present: 3 });
  t.same(
    [...b!.categories],
    [
      ['true', 2],
      ['false', 1],
    ],
  );
  t.same(
    [...c!.missingWords],
    [
      ['NA', 2],
      ['null', 1],
    ],
  );
});

t.test('times are times in JSON and Parquet too, where they are text', async (t) => {
  const times = Array.from({ length: 60 }, (_, row) => new Date(Date.UTC(2024, 0, 1) + row * 3_600_000).toISOString());
  const folder = t.testdir({
    'a.csv': `at\n${times.join('\n')}\n`,
    'a.ndjson': times.map((at) => JSON.stringify({ at })).join('\n'),
    'a.parquet': parquet([{ name: 'at', type: 'text', cells: times }]),
  });
  for (const file of ['a.csv', 'a.ndjson', 'a.parquet']) {
    const [at] = (await readData(path.join(folder, file))).columns;
    t.match(at, { type: 'time', min: Date.UTC(2024, 0, 1), distinct: 60 }, file);
  }
});
