/**
 * The peers' side of the detectors' figures: river and scipy by pip, MOA by Maven, each installed once and kept in the cache.
 *
 * What cannot be installed here (no Python 3.11, no JDK, no network) is said on stderr, and its rows are left out.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { cached } from '../test/support/build-cache.ts';
import { isInstalled, runTool } from '../test/support/child.ts';

/** One peer, ready to be measured. */
export interface Peer {
  /** Name and version. */
  readonly label: string;
  /** Names of the figures that it has. */
  readonly figures: readonly string[];
  /** Nanoseconds of CPU per step, one a run, in a process of its own. */
  readonly measure: (figure: string) => readonly number[];
}

const SOURCES = join(import.meta.dirname, 'peers');
const PYTHON = 'python3.11';
const MOA = ['ddm', 'eddm', 'hddm-a', 'hddm-w', 'page-hinkley', 'adwin, clock 32, bits', 'adwin, clock 32', 'adwin, clock 1'];
const RIVER = [...MOA, 'kswin'];
const SCIPY = ['ks', 'wasserstein', 'chi-squared'];

/** Those that this machine can run. The first time takes a minute. */
export async function installedPeers(): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const [name, install] of [
    ['river and scipy', installRiver],
    ['MOA', installMoa],
  ] as const) {
    try {
      peers.push(...(await install()));
    } catch (error) {
      const why = error instanceof Error ? error.message.trim().slice(-200) : String(error);
      process.stderr.write(`bench: without ${name}, which cannot be installed here: ${why}\n`);
    }
  }
  return peers;
}

async function installRiver(): Promise<Peer[]> {
  const requirements = join(SOURCES, 'requirements.txt');
  const site = await cached('bench-river', [requirements], async (folder) => {
    await runTool(PYTHON, ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', '--target', folder, '-r', requirements]);
  });
  const program = join(SOURCES, 'river_and_scipy.py');
  const env = { ...process.env, PYTHONPATH: site };
  const measure = (figure: string) => JSON.parse(execFileSync(PYTHON, [program, figure], { encoding: 'utf8', env }));
  return [
    { label: 'river 0.26.1', figures: RIVER, measure },
    { label: 'scipy 1.17.1', figures: SCIPY, measure },
  ];
}

async function installMoa(): Promise<Peer[]> {
  if (!(await isInstalled('mvn')) || !(await isInstalled('javac'))) throw new Error('mvn or javac is missing');
  const [project, program] = [join(SOURCES, 'moa/pom.xml'), join(SOURCES, 'moa/Detectors.java')];
  const classes = await cached('bench-moa', [project, program], async (folder) => {
    await runTool('mvn', ['-q', '-B', '-f', project, 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`]);
    await runTool('javac', ['-cp', join(folder, '*'), '-d', folder, program]);
  });
  const measure = (figure: string) =>
    JSON.parse(execFileSync('java', ['-cp', `${classes}:${join(classes, '*')}`, 'Detectors', figure], { encoding: 'utf8' }));
  return [{ label: 'MOA 2024.07', figures: MOA, measure }];
}
