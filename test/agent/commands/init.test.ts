import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { Command } from 'commander';
import t, { type Test } from 'tap';
import { readRows } from '../../../agent/backtest/rows.ts';
import { checkCommand } from '../../../agent/commands/check.ts';
import { initCommand } from '../../../agent/commands/init.ts';
import { readTable } from '../../../agent/table.ts';
import { detectors } from '../../../detectors/catalogue.ts';
import { loadPolicy } from '../../../policies/load.ts';
import { protocols } from '../../../policies/schema.ts';
import { parquet } from '../../support/parquet.ts';
import { referenceColumns } from '../../support/reference-columns.ts';
import { runCommand } from '../../support/run-command.ts';

t.setTimeout(120_000);

const known = new Map(detectors.map((detector) => [detector.type, detector]));

/** What the command line would have told is thrown. */
async function run(t: Test, command: Command, words: readonly string[]) {
  const ran = await runCommand(t, command, words);
  if (ran.thrown !== null) throw ran.thrown;
  return ran;
}

const init = (t: Test, ...words: string[]) => run(t, initCommand(), words);
/** `driftline check` finds no mistake. */
async function passes(t: Test, file: string) {
  const { status, stderr } = await run(t, checkCommand(), [file]);
  t.equal(status, 0, `check ${path.basename(file)}: ${stderr}`);
}

const CUSTOMERS = [
  'customer_id,email,age,income,share,region,member,signed_up,country,notes,label',
  ...Array.from({ length: 400 }, (_, row) =>
    [
      `c-${row * 7919}`,
      `ann${row}@example.org`,
      18 + ((row * 31) % 60),
      row % 20 === 0 ? '' : (row * 7919) % 90_001,
      ((row * 37) % 100) / 100,
      ['north', 'south', '"east, far"'][row % 3],
      row % 2 === 0,
      `2024-03-${10 + (row % 20)}`,
      'NO',
      `note about row ${row}`,
      row % 2,
    ].join(','),
  ),
].join('\n');

t.test('a policy from a data file passes check, with types, ranges, categories, gaps and marks', async (t) => {
  const folder = t.testdir({ 'Customers 2024.csv': CUSTOMERS });
  const out = path.join(folder, 'made');
  const { stdout, stderr } = await init(t, '--from', path.join(folder, 'Customers 2024.csv'), '--target', 'label', '--output', out);
  const policy = path.join(out, 'policy.yaml');
  const text = readFileSync(policy, 'utf8');
  t.equal(stderr, '');
  t.equal(text.split('\n')[0], '# yaml-language-server: $schema=policy.schema.json');
  t.same(readdirSync(out).sort(), ['policy.schema.json', 'policy.yaml', 'reference.csv']);
  await passes(t, policy);
  const { name, schema, reference, window, monitors } = loadPolicy(policy, { detectors: known });
  t.match({ name, window }, { name: 'customers-2024', window: { rows: 80 } });
  t.match(reference, { source: 'file', path: path.join(out, 'reference.csv') });
  const column = (wanted: string) => schema.inputs.find((one) => one.name === wanted);
  t.same(
    schema.inputs.map((one) => `${one.name} ${one.type}`),
    ['age integer', 'income integer', 'share number', 'region categorical', 'member boolean', 'country categorical', 'notes text'],
  );
  t.match(column('age'), { required: true, min: 12, max: 83 });
  t.match(column('income'), { required: false, maxMissing: 0.11, min: 0 });
  t.ok(column('income')!.max! >= 90_000 && column('income')!.max! <= 110_000);
  t.match(column('share'), { min: 0, max: 1 });
  t.match(column('region'), { values: ['east, far', 'north', 'south'], maxUnseen: 0.01 });
  t.match(column('country'), { values: ['NO'] });
  t.same(
    monitors.map((monitor) => monitor.name),
    ['input-drift', 'failed-calls'],
  );
  t.match(text, /age, .*# REVIEW: seen 18 to 77/);
  t.match(text, /income, .*5\.0 % missing so far/);
  t.match(text, /country, .*# REVIEW: .*constant so far/);
  t.match(stdout, /Next: look at the \d+ lines marked REVIEW in .*policy\.yaml, then\n {2}driftline check .*policy\.yaml\n/);
  t.match(stdout, 'the columns stand in the policy itself, under `schema`');
});

t.test('what may name a person is in neither schema, monitors nor reference; hash or drop is a comment only', async (t) => {
  const folder = t.testdir({ 'a.csv': CUSTOMERS });
  const { stdout } = await init(t, '--from', path.join(folder, 'a.csv'), '--output', folder, '--target', 'label');
  const text = readFileSync(path.join(folder, 'policy.yaml'), 'utf8');
  const effective = text.replace(/#.*$/gm, '');
  for (const name of ['customer_id', 'email', 'signed_up', 'label']) t.notMatch(effective, new RegExp(`\\b${name}\\b`), name);
  t.notMatch(effective, 'privacy');
  t.match(text, /# REVIEW: customer_id: .*; hash it/);
  t.match(text, /# REVIEW: email: its values look like an e-mail address; hash it/);
  t.match(text, '`privacy` is refused');
  const { columns, rows } = await readTable(path.join(folder, 'reference.csv'));
  t.same(columns, ['age', 'income', 'share', 'region', 'member', 'country']);
  t.equal(rows.length, 400);
  t.notMatch(readFileSync(path.join(folder, 'reference.csv'), 'utf8'), /@example|note about|c-7919/);
  t.match(stdout, /email +\(personal\) +left out: its values look like an e-mail address; hash it/);
});

t.test('the reference reads back as the values of the file: numbers, gaps, quotes, truth', async (t) => {
  const folder = t.testdir({ 'a.csv': CUSTOMERS });
  await init(t, '--from', path.join(folder, 'a.csv'), '--output', folder, '--target', 'label');
  const reference = await referenceColumns(loadPolicy(path.join(folder, 'policy.yaml'), { detectors: known }));
  t.same(reference.get('inputs.age')!.slice(0, 3), [18, 49, 20]);
  t.same(reference.get('inputs.income')!.slice(0, 2), [null, 7919]);
  t.same(reference.get('inputs.region')!.slice(0, 3), ['north', 'south', 'east, far']);
  t.same(reference.get('inputs.member')!.slice(0, 2), [true, false]);
});

t.test('the file from which a policy was made reads as its reference does, cell by cell, and breaches nothing', async (t) => {
  const lines = Array.from({ length: 200 }, (_, row) =>
    [
      row % 40 === 0 ? 'NA' : row % 41 === 0 ? 'inf' : row % 43 === 0 ? '0x10' : (row * 37) % 101,
      row % 2 === 0 ? 'True' : 'false',
      ['NA', 'EU', 'APAC', ' '][row % 4],
      row % 3 === 0 ? 'TRUE' : 'maybe',
    ].join(','),
  );
  const folder = t.testdir({ 'a.csv': `x,flag,region,word\n${lines.join('\n')}\n` });
  const [from, file] = [path.join(folder, 'a.csv'), path.join(folder, 'policy.yaml')];
  await init(t, '--from', from, '--output', folder);
  const compared = async (wanted: readonly string[]) => {
    const policy = loadPolicy(file, { detectors: known });
    const reference = await referenceColumns(policy);
    const { columns } = await readRows(policy, [from]);
    for (const column of policy.schema.inputs) {
      const cells = columns.get(`inputs.${column.name}`)!;
      // What is of another type is only that in a reference.
      const seen = cells.map((cell) => (cell === '0x10' ? '?' : cell));
      t.same(reference.get(`inputs.${column.name}`), seen, column.name);
    }
    const region = policy.schema.inputs.find(({ name }) => name === 'region')!;
    t.same(region.values, wanted);
    const breaches = columns.get('inputs.region')!.filter((cell) => cell !== null && !region.values!.includes(String(cell)));
    t.same(breaches, []);
    return reference.get('inputs.region')!.slice(0, 4);
  };
  t.same(await compared(['APAC', 'EU']), [null, 'EU', 'APAC', null]);
  const text = readFileSync(file, 'utf8');
  t.match(text, /region, .*read as missing: `NA` in 50 rows; list such a word under `values` where it is a category/);
  writeFileSync(file, text.replace('["APAC", "EU"]', '["APAC", "EU", "NA"]'));
  t.same(await compared(['APAC', 'EU', 'NA']), ['NA', 'EU', 'APAC', null], 'a category once it is listed');
});

t.test('times stay out whatever the format, and where some rows have none', async (t) => {
  const rows = Array.from({ length: 100 }, (_, row) => ({
    at: new Date(Date.UTC(2024, 0, 1 + (row % 28))).toISOString(),
    last: row % 2 === 0 ? 'never' : `${1 + (row % 28)}.03.2024`,
    x: (row * 37) % 101,
  }));
  const folder = t.testdir({
    'a.csv': `at,last,x\n${rows.map(({ at, last, x }) => `${at},${last},${x}`).join('\n')}`,
    'a.ndjson': rows.map((row) => JSON.stringify(row)).join('\n'),
  });
  for (const file of ['a.csv', 'a.ndjson']) {
    const { stdout } = await init(t, '--from', path.join(folder, file), '--output', path.join(folder, `of-${file}`));
    const { schema } = loadPolicy(path.join(folder, `of-${file}`, 'policy.yaml'), { detectors: known });
    t.same(
      schema.inputs.map(({ name }) => name),
      ['x'],
      file,
    );
    t.match(stdout, /last +\(time\) +left out: 50 % of its values are times, which move on by themselves/);
  }
});

t.test('Parquet, JSON lines and semicolons give the same policy as commas', async (t) => {
  const rows = Array.from({ length: 200 }, (_, row) => ({ x: (row * 37) % 101, city: ['Oslo', 'Rome'][row % 2]!, ok: row % 3 === 0 }));
  const folder = t.testdir({
    'd.csv': `x,city,ok\n${rows.map(({ x, city, ok }) => `${x},${city},${ok}`).join('\n')}`,
    's.csv': `x;city;ok\n${rows.map(({ x, city, ok }) => `${x};${city};${ok}`).join('\n')}`,
    'd.ndjson': rows.map((row) => JSON.stringify(row)).join('\n'),
    'd.parquet': parquet(
      [
        { name: 'x', type: 'int64', cells: rows.map(({ x }) => x) },
        { name: 'city', type: 'text', cells: rows.map(({ city }) => city) },
        { name: 'ok', type: 'boolean', cells: rows.map(({ ok }) => ok) },
      ],
      { codec: 'ZSTD', groupRows: 60 },
    ),
  });
  const made = async (file: string, out: string) => {
    await init(t, '--from', path.join(folder, file), '--output', path.join(folder, out));
    const read = (name: string) => readFileSync(path.join(folder, out, name), 'utf8');
    return {
      policy: read('policy.yaml')
        .replace(/from \w\.\w+/, '')
        .replace(/^( +)name: s\b/gm, '$1name: d'),
      reference: read('reference.csv'),
    };
  };
  const expected = await made('d.csv', 'one');
  t.match(expected.reference, /^x,city,ok\n0,Oslo,1\n37,Rome,0\n/);
  t.same(await made('s.csv', 'four'), expected);
  t.same(await made('d.ndjson', 'two'), expected);
  t.same(await made('d.parquet', 'three'), expected);
});

t.test('every protocol gives a policy that can be loaded', async (t) => {
  const folder = t.testdir({ 'a.csv': CUSTOMERS });
  for (const protocol of protocols) {
    const out = path.join(folder, protocol);
    await init(t, '--from', path.join(folder, 'a.csv'), '--output', out, '--protocol', protocol, '--upstream', 'http://10.1.2.3:9000');
    t.match(loadPolicy(path.join(out, 'policy.yaml'), { detectors: known }).traffic, {
      protocol,
      upstreams: [{ host: '10.1.2.3', port: 9000 }],
    });
  }
});

t.test('any names and values make a policy that can be loaded', async (t) => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is the point
  const dollar = '${HOME}';
  const odd = fc.oneof(
    text,
    fc.constantFrom('true', 'null', 'a: b', '# x', dollar, '- y', '"', "'", '*', '&a', '1.5', ' sp ', 'é', '\u0085', 'a,b', '~'),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(odd, { minLength: 1, maxLength: 4, selector: (name) => name.trim() }),
      fc.array(odd, { minLength: 1, maxLength: 3 }),
      async (names, values) => {
        const lines = Array.from({ length: 40 }, (_, row) =>
          JSON.stringify(Object.fromEntries(names.map((name, place) => [name, place === 0 ? row % 7 : values[row % values.length]]))),
        );
        const folder = t.testdir({ 'a.ndjson': lines.join('\n') });
        try {
          await init(t, '--from', path.join(folder, 'a.ndjson'), '--output', folder);
        } catch (error) {
          // A file in which nothing can be watched is told so.
          if ((error as { code?: string }).code === 'no-columns') return;
          throw error;
        }
        const policy = loadPolicy(path.join(folder, 'policy.yaml'), { detectors: known });
        const compared = policy.schema.inputs.filter(({ type }) => type !== 'text').map(({ name }) => `inputs.${name}`);
        t.same([...(await referenceColumns(policy)).keys()].sort(), compared.sort());
      },
    ),
    { seed: 7, numRuns: 40 },
  );
});

t.test('a file in which rows resemble the one before gets a higher floor, and is told', async (t) => {
  const folder = t.testdir({ 'a.csv': `x\n${Array.from({ length: 500 }, (_, row) => Math.sin(row / 40)).join('\n')}` });
  await init(t, '--from', path.join(folder, 'a.csv'), '--output', folder);
  t.match(readFileSync(path.join(folder, 'policy.yaml'), 'utf8'), /atLeast: 0\.15[\s\S]*# REVIEW: rows that follow each other are alike/);
});

t.test('a handful of people is left out, or marked where only the name of the column says so', async (t) => {
  const people = ['Ada Lovelace', 'Alan Turing', 'Grace Hopper', 'Emmy Noether', 'Karl Pearson', 'Mary Cartwright'];
  const lines = Array.from(
    { length: 300 },
    (_, row) => `${people[row % 6]},${people[row % 6]!.split(' ')[0]},${row % 2},${(row * 37) % 101}`,
  );
  const folder = t.testdir({ 'a.csv': `Name,first_name,mobile,x\n${lines.join('\n')}` });
  const { stdout } = await init(t, '--from', path.join(folder, 'a.csv'), '--output', folder);
  const text = readFileSync(path.join(folder, 'policy.yaml'), 'utf8');
  t.notMatch(text, 'Lovelace');
  t.match(stdout, /Name +\(personal\) +left out: its values look like a person’s name; drop it/);
  t.match(text, /first_name, .*# REVIEW: .*by its name it may be a person’s name; leave it out if it names someone/);
  t.notMatch(
    text.split('\n').find((line) => line.includes('name: mobile')),
    'by its name',
  );
});

t.test('a file of few rows is taken, and its small windows are told', async (t) => {
  const rows = (count: number) => `x,y\n${Array.from({ length: count }, (_, row) => `${(row * 37) % 101},${row % 3}`).join('\n')}\n`;
  const folder = t.testdir({ 'few.csv': rows(30), 'many.csv': rows(600) });
  const few = await init(t, '--from', path.join(folder, 'few.csv'), '--output', path.join(folder, 'few'));
  const told = /only 30 rows: windows of 10 show none but large changes \(driftline check says how large\); give some thousand rows/;
  t.match(few.stdout, told);
  t.match(readFileSync(path.join(folder, 'few', 'policy.yaml'), 'utf8'), told);
  const many = await init(t, '--from', path.join(folder, 'many.csv'), '--output', path.join(folder, 'many'));
  t.notMatch(many.stdout, 'large changes');
});

t.test('a name cannot end the comment in which it stands', async (t) => {
  const name = 'e-mail\nspec: {}\u2028# x\u0085y';
  const lines = Array.from({ length: 40 }, (_, row) => JSON.stringify({ [name]: `ann${row}@example.org`, x: row % 7 }));
  const folder = t.testdir({ 'a.ndjson': lines.join('\n') });
  const { stdout } = await init(t, '--from', path.join(folder, 'a.ndjson'), '--output', folder);
  t.match(
    readFileSync(path.join(folder, 'policy.yaml'), 'utf8'),
    '# REVIEW: e-mail spec: {} # x y: its values look like an e-mail address; hash it',
  );
  t.notMatch(stdout, name);
  t.equal(loadPolicy(path.join(folder, 'policy.yaml'), { detectors: known }).schema.inputs.length, 1);
});

t.test('nothing is overwritten without --force', async (t) => {
  const folder = t.testdir({ 'a.csv': CUSTOMERS, 'policy.yaml': 'mine' });
  const words = ['--from', path.join(folder, 'a.csv'), '--output', folder];
  await t.rejects(init(t, ...words), {
    code: 'exists',
    message: /policy\.yaml is there already; choose another --output, or give --force/,
  });
  t.equal(readFileSync(path.join(folder, 'policy.yaml'), 'utf8'), 'mine');
  t.notOk(existsSync(path.join(folder, 'reference.csv')));
  await init(t, ...words, '--force');
  await passes(t, path.join(folder, 'policy.yaml'));
});

t.test('--dry-run prints the policy and writes nothing', async (t) => {
  const folder = t.testdir({ 'a.csv': CUSTOMERS });
  const { stdout, stderr } = await init(
    t,
    '--from',
    path.join(folder, 'a.csv'),
    '--output',
    path.join(folder, 'out'),
    '--dry-run',
    '--yes',
  );
  t.match(stdout, /^# yaml-language-server[\s\S]*apiVersion: driftline\/v1\n/);
  t.match(stderr, /dry run: would write .*policy\.yaml, .*reference\.csv, .*policy\.schema\.json\n$/);
  t.same(readdirSync(folder), ['a.csv']);
});

t.test('a model gives inputs and outputs by name and type, a prediction, and no reference', async (t) => {
  const folder = t.testdir({});
  const model = fileURLToPath(new URL('../../../agent/demo/elec2.onnx', import.meta.url));
  const { stdout } = await init(t, '--from', model, '--output', folder);
  t.same(readdirSync(folder).sort(), ['policy.schema.json', 'policy.yaml']);
  await passes(t, path.join(folder, 'policy.yaml'));
  const { schema, model: told, reference, monitors } = loadPolicy(path.join(folder, 'policy.yaml'), { detectors: known });
  t.same(
    schema.inputs.map(({ name, type }) => `${name} ${type}`),
    ['period', 'nswprice', 'nswdemand', 'vicprice', 'vicdemand', 'transfer'].map((name) => `${name} number`),
  );
  t.match(schema.outputs, [
    { name: 'label', type: 'integer' },
    { name: 'probabilities_0', tensor: 'probabilities', index: 0 },
    { name: 'probabilities_1', tensor: 'probabilities', index: 1 },
  ]);
  t.match({ told, reference }, { told: { prediction: 'label' }, reference: { source: 'traffic' } });
  t.ok(monitors.some(({ needsFeedback }) => needsFeedback));
  t.match(stdout, /no reference: a model has no rows/);
});

t.test('a mistake in the words, or a file that cannot be used, has a remedy', async (t) => {
  const folder = t.testdir({
    'a.csv': CUSTOMERS,
    'ids.csv': `id\n${Array.from({ length: 50 }, (_, row) => row).join('\n')}`,
    'bad.onnx': 'no model',
  });
  const from = (name: string) => ['--from', path.join(folder, name), '--output', path.join(folder, 'out')];
  for (const [words, message] of [
    [[...from('a.csv'), '--target', 'lable'], /has no column lable; did you mean label\?/],
    [[...from('a.csv'), '--protocol', 'kserve'], /--protocol kserve: there is none; did you mean kserve-v1\?|use/],
    [[...from('a.csv'), '--upstream', 'localhost'], /the policy would be refused: .*upstreams\.primary\.url/],
    [from('ids.csv'), /has no column to watch \(id: /],
    [from('none.csv'), /there is no such file/],
    [from('bad.onnx'), /cannot be loaded|no ONNX/],
  ] as const) {
    await t.rejects(init(t, ...words), { message }, words.join(' '));
    t.notOk(existsSync(path.join(folder, 'out')), 'nothing is left behind');
  }
});
