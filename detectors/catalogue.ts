/** Every detector there is. A new one is a file of its own and a line here. */
import type { DetectorDefinition } from '../contracts/detector.ts';
import { adwin } from './adwin.ts';
import { chiSquared } from './chi-squared.ts';
import { confidenceSequence } from './confidence-sequence.ts';
import { cusum } from './cusum.ts';
import { ddm } from './ddm.ts';
import { domainClassifier } from './domain-classifier.ts';
import { eddm } from './eddm.ts';
import { eDetector } from './e-detector.ts';
import { energy } from './energy.ts';
import { fisher } from './fisher.ts';
import { gTest } from './g-test.ts';
import { hddmA } from './hddm-a.ts';
import { hddmW } from './hddm-w.ts';
import { hellinger } from './hellinger.ts';
import { jensenShannon } from './jensen-shannon.ts';
import { ks } from './ks.ts';
import { kswin } from './kswin.ts';
import { lInfinity } from './l-infinity.ts';
import { mmd } from './mmd.ts';
import { pageHinkley } from './page-hinkley.ts';
import { psi } from './psi.ts';
import { totalVariation } from './total-variation.ts';
import { twoProportion } from './two-proportion.ts';
import { variance } from './variance.ts';
import { wasserstein } from './wasserstein.ts';

/** All detectors, streaming ones first. */
export const detectors: readonly DetectorDefinition[] = [
  ddm,
  eddm,
  hddmA,
  hddmW,
  adwin,
  pageHinkley,
  kswin,
  cusum,
  variance,
  eDetector,
  confidenceSequence,
  ks,
  wasserstein,
  energy,
  chiSquared,
  gTest,
  fisher,
  twoProportion,
  jensenShannon,
  hellinger,
  psi,
  totalVariation,
  lInfinity,
  mmd,
  domainClassifier,
];

/** The detector that a policy calls `type`, or null where there is none. */
export function detectorOf(type: string): DetectorDefinition | null {
  return detectors.find((detector) => detector.type === type) ?? null;
}
