/**
 * Upper tail of the normal law, from that of chi-squared with one degree of freedom, which is the law of its square.
 */
import { chiSquaredUpperTail } from './chi-squared-tail.ts';

/** P(Z > z) for Z normal with mean 0 and variance 1. Keeps its digits down to the smallest doubles. */
export function normalUpperTail(z: number): number {
  const half = chiSquaredUpperTail(z * z, 1) / 2;
  return z >= 0 ? half : 1 - half;
}
