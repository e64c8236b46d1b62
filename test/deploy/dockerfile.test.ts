import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { readDockerfile, wordsOf } from '../../deploy/docker/dockerfile.ts';

const root = path.join(import.meta.dirname, '../..');
const stages = readDockerfile();
const image = stages.at(-1)!;
const restOf = (word: string) => image.instructions.filter((one) => one.word === word).map((one) => one.rest);

t.test('every stage stands on one pinned Node 24', async (t) => {
  t.equal(stages.length, 3);
  for (const { base } of stages) t.match(base, /^node:24\.\d+\.\d+-\w+-slim$/);
  t.equal(new Set(stages.map(({ base }) => base)).size, 1);
});

t.test('the image runs without root, ends by SIGTERM, says how it is, and keeps its state in a volume', async (t) => {
  t.match(restOf('USER'), [/^[1-9]\d{4}:[1-9]\d{4}$/]);
  t.same(restOf('STOPSIGNAL'), ['SIGTERM']);
  t.match(restOf('HEALTHCHECK'), [/127\.0\.0\.1:9090\/livez/]);
  t.same(restOf('VOLUME'), ['/var/lib/driftline']);
  t.same(restOf('EXPOSE'), ['8080 9090']);
  t.equal(wordsOf(image, 'CMD').at(-1), '/var/lib/driftline');
  const version = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version;
  t.match(restOf('LABEL'), [new RegExp(`org.opencontainers.image.version="${version}"`)]);
});

t.test('the program starts with the launcher’s flags', async (t) => {
  const { flags } = (await import(pathToFileURL(path.join(root, 'bin/flags.js')).href)) as { readonly flags: readonly string[] };
  t.same(wordsOf(image, 'ENTRYPOINT').slice(1, -1), flags);
});

t.test('no development dependency and no source code gets in', async (t) => {
  const dependencies = stages.find(({ name }) => name === 'dependencies');
  t.match(dependencies?.instructions.find(({ word }) => word === 'RUN')?.rest, /^npm ci --omit=dev --omit=optional/);
  const copied = restOf('COPY').join('\n');
  t.notMatch(copied, /contracts|detectors|exporters|proxy|scorer|test/);
});

t.test('what is copied exists, and the context lets it in', async (t) => {
  const allowed = readFileSync(path.join(root, '.dockerignore'), 'utf8').split('\n');
  for (const stage of stages) {
    for (const { word, rest } of stage.instructions) {
      if (word !== 'COPY' || rest.startsWith('--from')) continue;
      for (const source of rest.split(' ').slice(0, -1)) {
        t.ok(existsSync(path.join(root, source)), source);
        t.ok(
          allowed.some((line) => line.startsWith('!') && `${source}/`.startsWith(`${line.slice(1)}/`)),
          `.dockerignore lets ${source} in`,
        );
      }
    }
  }
});

t.test('every folder of code that the compiler takes is copied for the build', async (t) => {
  const { include } = JSON.parse(readFileSync(path.join(root, 'tsconfig.build.json'), 'utf8'));
  const copied = stages[0]!.instructions.filter(({ word }) => word === 'COPY').map(({ rest }) => rest.split(' ')[0]);
  for (const folder of include) t.ok(copied.includes(folder.split('/')[0]), folder);
});
