import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { readRows } from '../../../agent/backtest/rows.ts';
import { readData } from '../../../agent/data/file.ts';
import { readReferences } from '../../../agent/reference.ts';
import type { Cell } from '../../../contracts/record.ts';
import { policyOf } from '../../support/policies.ts';

const policyWith = (columns: string, file: string, prediction = '') =>
  policyOf(`  model: {name: m${prediction}}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {${columns}}
  reference: {source: file, path: "${file}"}
`);

/** The cells of column x as a reference and as rows of a backtest. */
async function readers(column: string, file: string): Promise<{ reference: readonly Cell[]; rows: readonly Cell[] }> {
  const policy = policyWith(`inputs: [{name: x, ${column}}]`, file);
  const { main } = await readReferences(policy);
  const { columns } = await readRows(policy, [file]);
  return { reference: main!.columns.get('inputs.x')!, rows: columns.get('inputs.x')! };
}

t.test('a cell of CSV is one thing to the reference and to the rows of a backtest', async (t) => {
  const cases: readonly [string, readonly [string, Cell][]][] = [
    [
      'type: number',
      [
        ['1.5', 1.5],
        [' 2 ', 2],
        ['-3e2', -300],
        ['', null],
        [' ', null],
        ['NA', null],
        ['null', null],
        ['NaN', null],
        ['0x10', '0x10'],
        ['inf', 'Infinity'],
        ['-Infinity', '-Infinity'],
        ['true', 'true'],
        ['2024-01-31', '2024-01-31'],
        ['unknown', 'unknown'],
      ],
    ],
    [
      'type: boolean',
      [
        ['True', true],
        ['FALSE', false],
        ['1', true],
        ['0.0', false],
        ['2', 2],
        ['N/A', null],
        [' ', null],
        ['yes', 'yes'],
      ],
    ],
    [
      'type: categorical',
      [
        [' north ', 'north'],
        ['007', '007'],
        ['0x10', '0x10'],
        ['True', 'True'],
        ['inf', 'inf'],
        ['31.01.2024', '31.01.2024'],
        ['NA', null],
        ['None', null],
        [' ', null],
      ],
    ],
    [
      'type: categorical, values: [NA, EU]',
      [
        ['NA', 'NA'],
        [' NA', 'NA'],
        ['EU', 'EU'],
        ['null', null],
        ['', null],
      ],
    ],
  ];
  for (const [column, cells] of cases) {
    const folder = t.testdir({ 'a.csv': `x,y\n${cells.map(([text]) => `${text},1\n`).join('')}` });
    const { reference, rows } = await readers(column, path.join(folder, 'a.csv'));
    const wanted = cells.map(([, cell]) => cell);
    t.strictSame(reference, wanted, `${column}, reference`);
    t.strictSame(rows, wanted, `${column}, rows`);
  }
});

t.test('what is missing, a number or infinite to a reference is so to compare and init', async (t) => {
  const few = ['NA', ' ', 'null', 'inf', '0x10', 'True', '2024-01-31'];
  const texts = [...few, ...Array.from({ length: 200 }, (_, row) => String(row))];
  const folder = t.testdir({ 'a.csv': `x,y\n${texts.map((text) => `${text},1\n`).join('')}` });
  const file = path.join(folder, 'a.csv');
  const { reference } = await readers('type: number', file);
  const [column] = (await readData(file)).columns;
  t.match(column, { type: 'number', present: 204, invalid: 4 });
  t.strictSame(
    reference.map((cell) => (typeof cell === 'number' ? cell : null)),
    texts.map((_, row) => column!.at(row)),
  );
  t.equal(reference.filter((cell) => cell === null).length, column!.rows - column!.present);
});

t.test('typed files are taken at their word: NA in JSON is a category, and 12 in quotes is text', async (t) => {
  const lines = [{ x: 'NA' }, { x: ' a' }, { x: null }, { x: '' }, { x: true }, { x: 1.5 }, { x: [1] }];
  const folder = t.testdir({
    'a.ndjson': lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    'n.ndjson': '{"x": 12}\n{"x": "12"}\n',
  });
  const found = await readers('type: categorical', path.join(folder, 'a.ndjson'));
  t.strictSame(found.reference, ['NA', ' a', null, null, true, 1.5, '[1]']);
  t.strictSame(found.rows, found.reference);
  const numbers = await readers('type: number', path.join(folder, 'n.ndjson'));
  t.strictSame(numbers.reference, [12, '12'], 'as the server would get it');
  t.strictSame(numbers.rows, numbers.reference);
});

t.test('labels are read as the prediction is, and a column that no schema knows as it looks', async (t) => {
  const folder = t.testdir({ 'a.csv': 'a,flag,city,answer,truth\n1,True,NA,False,False\n,false,Oslo,True,NA\n3,,Rome,True,TRUE\n' });
  const file = path.join(folder, 'a.csv');
  const known = policyWith('outputs: [{name: answer, type: boolean}]', file, ', prediction: answer');
  const { labels, columns } = await readRows(known, [file], { label: 'truth' });
  t.strictSame(labels, [false, null, true]);
  t.strictSame(columns.get('outputs.answer'), [false, true, true]);
  t.strictSame(columns.get('inputs.a'), [1, null, 3]);
  t.strictSame(columns.get('inputs.flag'), [true, false, null]);
  t.strictSame(columns.get('inputs.city'), [null, 'Oslo', 'Rome']);
});

t.test('a file with types and one without may follow each other', async (t) => {
  const folder = t.testdir({});
  const [csv, ndjson] = [path.join(folder, 'a.csv'), path.join(folder, 'b.ndjson')];
  writeFileSync(csv, 'x\n1\nNA\n');
  writeFileSync(ndjson, '{"x": 3}\n{"x": null}\n');
  const { columns } = await readRows(policyWith('inputs: [{name: x, type: number}]', csv), [csv, ndjson]);
  t.strictSame(columns.get('inputs.x'), [1, null, 3, null]);
});
