/**
 * How much memory this process may use, and how much of it is in use: the container's own figures (control groups, version 2 or 1).
 */
import { existsSync, readFileSync } from 'node:fs';

/** A "limit" as large as this is none; version 1 has no word for it. */
const NO_LIMIT_BYTES = 2 ** 50;

/** Where a control group keeps its figures. */
interface Files {
  readonly limit: string;
  readonly used: string;
  /** Of the used bytes, those of files, which the kernel gives back when it needs them: a line of `memory.stat`. */
  readonly stat: string;
  readonly fileBytes: RegExp;
}

/** Reads share after share; null where nothing limits this process. @param root where the control groups are, for tests */
export function memoryShare(root = '/sys/fs/cgroup', self = '/proc/self/cgroup'): () => number | null {
  const files = filesOf(root, self);
  return () => {
    if (files === null) return null;
    try {
      const limit = Number(readFileSync(files.limit, 'utf8'));
      if (!(limit > 0 && limit < NO_LIMIT_BYTES)) return null;
      const cached = Number(files.fileBytes.exec(readFileSync(files.stat, 'utf8'))?.[1] ?? 0);
      return (Number(readFileSync(files.used, 'utf8')) - cached) / limit;
    } catch {
      return null;
    }
  };
}

function filesOf(root: string, self: string): Files | null {
  let groups: string[];
  try {
    groups = readFileSync(self, 'utf8').trim().split('\n');
  } catch {
    return null;
  }
  for (const line of groups) {
    const [, controllers = '', group = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const second = controllers === '';
    if (!second && !controllers.split(',').includes('memory')) continue;
    // Inside a container the group's path may be the host's, and what is mounted is the group itself.
    for (const folder of second ? [`${root}${group}`, root] : [`${root}/memory${group}`, `${root}/memory`]) {
      const files = second
        ? {
            limit: `${folder}/memory.max`,
            used: `${folder}/memory.current`,
            stat: `${folder}/memory.stat`,
            fileBytes: /^inactive_file (\d+)/m,
          }
        : {
            limit: `${folder}/memory.limit_in_bytes`,
            used: `${folder}/memory.usage_in_bytes`,
            stat: `${folder}/memory.stat`,
            fileBytes: /^total_inactive_file (\d+)/m,
          };
      if (existsSync(files.limit)) return files;
    }
  }
  return null;
}
