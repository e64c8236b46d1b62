import type { SignalColumns } from '../../agent/kept-rows.ts';
import { readReferences } from '../../agent/reference.ts';
import type { Policy } from '../../contracts/policy.ts';

/** The columns of the policy's reference file; none where it has no file. */
export async function referenceColumns(policy: Policy): Promise<SignalColumns> {
  return (await readReferences(policy)).main?.columns ?? new Map();
}
