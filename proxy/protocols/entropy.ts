/**
 * How undecided a classifier was.
 */
import { isList, isObject, type Value } from './json.ts';

/**
 * Shannon entropy −Σ p ln p, in nats, of the scores that a list or a flat object of numbers holds, divided by their sum first: servers
 * send the best five only, or scores that are no probabilities. Members that are no numbers are passed over. Null without a positive sum,
 * with a negative or infinite score, and of anything else.
 */
export function entropyOf(value: Value): number | null {
  const members = isList(value) ? value : isObject(value) ? Object.values(value) : [];
  const scores = members.filter((score) => typeof score === 'number');
  const sum = scores.reduce((total, score) => total + score, 0);
  if (!(sum > 0) || sum === Number.POSITIVE_INFINITY || scores.some((score) => score < 0)) return null;
  let entropy = 0;
  for (const score of scores) if (score > 0) entropy -= (score / sum) * Math.log(score / sum);
  return Math.max(0, entropy);
}
