/** Every detector there is. A new one is a file of its own and a line here. */
import type { DetectorDefinition } from '../contracts/detector.ts';
import { adwin } from './adwin.ts';
import { chiSquared } from './chi-squared.ts';
import { ddm } from './ddm.ts';
import { ks } from './ks.ts';

/** All detectors, streaming ones first. */
export const detectors: readonly DetectorDefinition[] = [ddm, adwin, ks, chiSquared];

/** The detector that a policy calls `type`, or null where there is none. */
export function detectorOf(type: string): DetectorDefinition | null {
  return detectors.find((detector) => detector.type === type) ?? null;
}
