/**
 * Secrets by reference: the policy names one, the environment or a mounted folder holds it. Never printed, never exported.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names that are safe as a file name and as part of a variable's. */
const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/**
 * Reads `$DRIFTLINE_SECRET_<NAME>` (upper case, `-` as `_`), else the file of that name in `$DRIFTLINE_SECRETS_DIR`.
 *
 * Read at each use, so that a rotated secret counts at once. Surrounding white space is cut off.
 *
 * @returns null when there is none, or the reference is no plain name
 */
export function readSecret(reference: string, environment: { readonly [name: string]: string | undefined } = process.env): string | null {
  if (!REFERENCE.test(reference)) return null;
  const direct = environment[`DRIFTLINE_SECRET_${reference.replaceAll('-', '_').toUpperCase()}`]?.trim();
  if (direct !== undefined && direct !== '') return direct;
  const folder = environment.DRIFTLINE_SECRETS_DIR;
  if (folder === undefined || folder === '') return null;
  try {
    return readFileSync(join(folder, reference), 'utf8').trim() || null;
  } catch {
    // Not mounted, or not readable: the action that needs it reports the missing reference by name.
    return null;
  }
}
