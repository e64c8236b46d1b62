/**
 * What the tests of a column amount to, once they are adjusted together.
 */
import type { ColumnComparison, CompareSettings, Together, Verdict } from './columns.ts';
import { inWords } from './moves.ts';
import { cohensH } from './tests.ts';
import { chance, percent } from './words.ts';

const LEAST_MISSING_EFFECT = 0.2;
/** A test that would not have seen even twice the threshold cannot say `same`. */
const BLIND = 2;

/** What is found of a column before the tests are adjusted together. */
export interface Draft extends Omit<ColumnComparison, 'verdict'> {
  /** Drift whatever the tests say. */
  readonly changed: boolean;
  /** Why there is nothing to test. */
  readonly skipped: boolean;
  /** How the values moved; worth saying where that is more than chance. */
  readonly moves: readonly string[];
}

/** The column's verdict, and why. */
export function judge({ changed, skipped, moves, ...draft }: Draft, settings: CompareSettings): ColumnComparison {
  const reasons: string[] = [];
  const { reference, current, test, missingTest } = draft;
  let drift = changed;
  if (test !== null && test.adjustedPValue <= settings.q && test.effect >= settings.threshold) drift = true;
  if (reference !== null && current !== null) {
    if (missingTest !== null && missingTest.adjustedPValue <= settings.q && missingTest.effect >= LEAST_MISSING_EFFECT) {
      drift = true;
      reasons.push(`missing ${percent(reference.missing)} → ${percent(current.missing)}, adjusted p ${chance(missingTest.adjustedPValue)}`);
    }
    if (
      cohensH(reference.invalid, current.invalid) >= LEAST_MISSING_EFFECT &&
      Math.max(reference.invalid, current.invalid) * current.rows >= 5
    ) {
      drift = true;
      reasons.push(`not ${inWords(reference)} ${percent(reference.invalid)} → ${percent(current.invalid)}`);
    }
  }
  reasons.push(...draft.reasons);
  if (test !== null && test.adjustedPValue <= settings.q) reasons.push(...moves);
  const verdict = verdictOf();
  const { name, ...rest } = draft;
  return { name, verdict, ...rest, reasons };

  function verdictOf(): Verdict {
    if (drift) return 'drift';
    if (skipped) return 'skipped';
    const few = Math.min(countOf('reference'), countOf('current'));
    if (test === null) {
      if (few >= settings.minSamples && draft.picture !== null) {
        if (reasons.length === 0) reasons.push('every category is too rare to compare');
        return reasons.includes('constant') ? 'same' : 'insufficient';
      }
      reasons.unshift(`${few} values on the smaller side, ${settings.minSamples} are the floor`);
      return 'insufficient';
    }
    const significant = test.adjustedPValue <= settings.q;
    if (!significant && test.visible > BLIND * settings.threshold) {
      const name = test.effectName === 'D' ? 'D' : 'V';
      reasons.unshift(`so few values show ${name} from ${test.visible.toFixed(2)} on, the threshold is ${settings.threshold}`);
      return 'insufficient';
    }
    return 'same';
  }

  function countOf(side: 'reference' | 'current'): number {
    const one = draft[side];
    return one === null ? 0 : Math.round(one.rows * (1 - one.missing) * (1 - one.invalid));
  }
}

/** An area of ½ + t/2 is what a column alone would give whose distribution functions lie t apart throughout. */
export function judgeTogether(together: Together, { q, threshold }: CompareSettings): Together {
  const drift = together.adjustedPValue <= q && together.effect >= 0.5 + threshold / 2;
  return { ...together, verdict: drift ? 'drift' : 'same' };
}
