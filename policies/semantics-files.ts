/**
 * Files that a policy names.
 */
import { statSync } from 'node:fs';
import path from 'node:path';
import type { Inspection } from './semantics.ts';
import type { Path } from './yaml.ts';

/** Reports a file that is not there; returns whether it is. */
export function checkFile(inspection: Inspection, at: Path, file: string): boolean {
  const full = path.resolve(inspection.folder, file);
  if (statSync(full, { throwIfNoEntry: false })?.isFile() === true) return true;
  inspection.mistake(at, `there is no file \`${full}\` — relative paths start at the policy’s folder`);
  return false;
}
