/**
 * Policies for tests: written as YAML, compiled as users' are.
 */
import type { Policy } from '../../contracts/policy.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { parsePolicy } from '../../policies/load.ts';

/** The policy of this `spec` (YAML, indented by two); fails loudly when it has a mistake. */
export function policyOf(spec: string): Policy {
  const text = `apiVersion: driftline/v1\nkind: Policy\nmetadata: {name: test}\nspec:\n${spec}`;
  const { policy, mistakes } = parsePolicy(text, 'test.yaml', {
    detectors: new Map(detectors.map((detector) => [detector.type, detector])),
    env: {},
  });
  if (policy === null) throw new Error(mistakes.map(({ line, path, message }) => `${line} ${path} ${message}`).join('\n'));
  return policy;
}
