/**
 * Gives what is measured cores and priorities, so that the scheduler's choices and other work on the machine are not what is measured. Linux.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { isInstalled, runTool } from '../test/support/child.ts';

/** The proxy under test runs on the one, the load maker and the model server on the other. */
export const PROXY_CORE = 0;
export const LOAD_CORE = 1;

const PRIORITY = { loadMaker: 6, server: 5, aside: 4 };

/** How processes are placed on this machine. */
export interface Placing {
  /** Whether threads may have real-time priority: only root, or who has CAP_SYS_NICE, gives it. */
  readonly realTime: boolean;
  /** What to put before a load maker's name. */
  readonly loadMaker: readonly string[];
  /** All threads of a process on one core, all with the same real-time priority. */
  server(pid: number, core: number): Promise<void>;
  /** Lets the threads of a process that answer no call run on either core, and behind whoever answers calls there. */
  aside(pid: number, answers: RegExp): Promise<void>;
  /** This process, and what it starts from now on. */
  bench(core: number): Promise<void>;
  /** Keeps both cores from going to sleep, by work that everything else goes before: a virtual core may take milliseconds to wake. Returns its end. */
  keepAwake(): () => void;
}

/** @throws Error when taskset or chrt is missing, or the machine has only one core. */
export async function openPlacing(): Promise<Placing> {
  for (const tool of ['taskset', 'chrt']) if (!(await isInstalled(tool))) throw new Error(`${tool} is not installed (Debian’s util-linux)`);
  if (readCores().length <= LOAD_CORE)
    throw new Error('latency needs two cores: one for the proxy, one for the load maker and the model server');
  const realTime = await runTool('chrt', ['-r', String(PRIORITY.loadMaker), 'true']).then(
    () => true,
    () => false,
  );
  const onCore = (core: string, what: readonly string[]) => runTool('taskset', ['-c', '-p', ...what.slice(0, -1), core, what.at(-1)!]);
  return {
    realTime,
    loadMaker: ['taskset', '-c', String(LOAD_CORE), ...(realTime ? ['chrt', '-r', String(PRIORITY.loadMaker)] : [])],
    async server(pid, core) {
      await onCore(String(core), ['-a', String(pid)]);
      if (realTime) await runTool('chrt', ['-a', '-r', '-p', String(PRIORITY.server), String(pid)]);
    },
    async aside(pid, answers) {
      for (const task of readdirSync(`/proc/${pid}/task`)) {
        if (answers.test(readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8'))) continue;
        await onCore(`${PROXY_CORE},${LOAD_CORE}`, [task]);
        if (realTime) await runTool('chrt', ['-r', '-p', String(PRIORITY.aside), task]);
      }
    },
    async bench(core) {
      await onCore(String(core), ['-a', String(process.pid)]);
    },
    keepAwake() {
      const loops = [PROXY_CORE, LOAD_CORE].map((core) =>
        spawn('taskset', ['-c', String(core), 'nice', '-n', '19', 'chrt', '-i', '0', process.execPath, '-e', 'for (;;);'], {
          stdio: 'ignore',
        }),
      );
      return () => {
        for (const loop of loops) loop.kill('SIGKILL');
      };
    },
  };
}

/** Clock ticks of a core since the machine began. */
interface Ticks {
  readonly busy: number;
  readonly all: number;
}

/** Of each core. */
export function readCores(): Ticks[] {
  return [...readFileSync('/proc/stat', 'utf8').matchAll(/^cpu\d+ (.+)$/gm)].map(([, line = '']) => {
    // user nice system idle iowait irq softirq steal; what follows is counted in user already. What keeps a core awake is nice.
    const ticks = line.split(' ').slice(0, 8).map(Number);
    const all = ticks.reduce((sum, one) => sum + one, 0);
    return { all, busy: all - ticks[1]! - ticks[3]! - ticks[4]! };
  });
}

/** The share of the time between two readings in which a core worked. */
export function busyBetween(before: readonly Ticks[], after: readonly Ticks[], core: number): number {
  return (after[core]!.busy - before[core]!.busy) / (after[core]!.all - before[core]!.all);
}
