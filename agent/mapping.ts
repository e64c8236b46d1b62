/**
 * Where the policy's columns stand in a raw-json body: what the decoder and the fallback both go by.
 */
import type { Column, Policy } from '../contracts/policy.ts';
import type { Mapping } from '../proxy/catalogue.ts';

/** The columns that have a path; of other protocols none has. */
export function mappingOf(policy: Policy): Mapping {
  const paths = (columns: readonly Column[]) =>
    columns.flatMap(({ name, path, derive }) => (path === null ? [] : [derive === undefined ? { name, path } : { name, path, derive }]));
  return { inputs: paths(policy.schema.inputs), outputs: paths(policy.schema.outputs) };
}
