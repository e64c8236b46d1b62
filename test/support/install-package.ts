/**
 * The package as `npm install` would lay it down: compiled, packed, unpacked.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { runTool } from './child.ts';

const root = path.join(import.meta.dirname, '../..');
const SOURCES = ['agent', 'bin', 'contracts', 'deploy', 'detectors', 'docs', 'exporters', 'policies', 'proxy', 'scorer'];
const FILES = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];

/** Builds and packs a copy in an empty folder, unpacks it where `npm install` would put it, and gives that place. */
export async function installPackage(folder: string): Promise<string> {
  const copy = path.join(folder, 'checkout');
  mkdirSync(copy);
  for (const name of [...SOURCES, ...FILES]) cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  // tap gives every process its own loader, which the compiler does not bear.
  const compiler = ['-u', 'NODE_OPTIONS', process.execPath, path.join(root, 'node_modules/.bin/tsc')];
  await runTool('env', [...compiler, '-p', 'tsconfig.build.json'], { cwd: copy });
  await runTool('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: copy });
  const modules = path.join(folder, 'app/node_modules');
  mkdirSync(modules, { recursive: true });
  for (const name of readdirSync(path.join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
  }
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'none';
  execFileSync('tar', ['xzf', path.join(folder, tarball), '-C', modules]);
  cpSync(path.join(modules, 'package'), path.join(modules, 'driftline'), { recursive: true });
  return path.join(modules, 'driftline');
}
