/**
 * Runs a program inside a control group of its own, with less CPU or memory than the machine has: what a container's limits are made of.
 */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { missing, type Skipped } from './build-cache.ts';

/** A group with limits; programs started with `command` live in it. */
export interface ControlGroup {
  /** Puts a command's own process into the group before it begins. */
  command(program: string, args: readonly string[]): { readonly program: string; readonly args: readonly string[] };
  /** Cores, as a number such as 0.1; null = as many as there are. */
  limitCpu(cores: number | null): void;
  limitMemory(bytes: number): void;
  /** Everything in it must have ended. */
  remove(): void;
}

const PERIOD_US = 100_000;

/** Version 1 or 2, whatever the machine has; needs to be root. */
export function controlGroup(name: string): ControlGroup | Skipped {
  const root = '/sys/fs/cgroup';
  const first = existsSync(`${root}/cpu/cpu.cfs_quota_us`) && existsSync(`${root}/memory/memory.limit_in_bytes`);
  const folders = first ? [`${root}/cpu/${name}`, `${root}/memory/${name}`] : [`${root}/${name}`];
  const [cpu = '', memory = cpu] = folders;
  try {
    for (const folder of folders) mkdirSync(folder, { recursive: true });
    if (!first) writeFileSync(`${root}/cgroup.subtree_control`, '+cpu +memory');
    writeFileSync(`${cpu}/${first ? 'cpu.cfs_quota_us' : 'cpu.max'}`, first ? '-1' : 'max');
  } catch (error) {
    return missing(`control groups cannot be made here (${error instanceof Error ? error.message : String(error)})`);
  }
  return {
    command: (program, args) => ({
      program: 'sh',
      args: ['-c', `${folders.map((folder) => `echo $$ > ${folder}/cgroup.procs`).join(' && ')} && exec "$0" "$@"`, program, ...args],
    }),
    limitCpu(cores) {
      const quota = cores === null ? null : Math.round(cores * PERIOD_US);
      if (first) writeFileSync(`${cpu}/cpu.cfs_quota_us`, String(quota ?? -1));
      else writeFileSync(`${cpu}/cpu.max`, `${quota ?? 'max'} ${PERIOD_US}`);
    },
    limitMemory(bytes) {
      writeFileSync(`${memory}/${first ? 'memory.limit_in_bytes' : 'memory.max'}`, String(bytes));
    },
    remove() {
      for (const folder of folders) rmdirSync(folder);
    },
  };
}
