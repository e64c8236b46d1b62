/**
 * All columns of two files at once: can a classifier tell the rows of the one from those of the other?
 *
 * Sees what changed between the columns while each alone stayed as it was.
 */
import type { Row } from '../../contracts/detector.ts';
import { withDefaults } from '../../contracts/options.ts';
import { domainClassifier } from '../../detectors/domain-classifier.ts';
import { Random, upTo } from '../../detectors/performance/random.ts';
import type { DataColumn } from '../data/column.ts';
import type { Data } from '../data/file.ts';
import type { CompareSettings, Together } from './columns.ts';
import { kindOf } from './kind.ts';

const SEED = 1;

/** Null where there are fewer than two columns to compare, or a side has too few rows. */
export function testTogether(reference: Data, current: Data, { minSamples }: CompareSettings): Together | null {
  const now = new Map(current.columns.map((column) => [column.name, column]));
  const pairs = reference.columns.flatMap((before): [DataColumn, DataColumn][] => {
    const after = now.get(before.name);
    const kind = after === undefined ? null : kindOf(before, after);
    return kind === 'numbers' || kind === 'categories' ? [[before, after!]] : [];
  });
  if (pairs.length < 2 || Math.min(reference.kept, current.kept) < minSamples) return null;
  const options = withDefaults(domainClassifier.options, {});
  const names = pairs.map(([{ name }]) => name);
  // A column that is one of categories on either side is one of categories on both.
  const asText = pairs.map(([before, after]) => kindOf(before, after) === 'categories');
  const rowsOf = (data: Data, side: 0 | 1): Row[] =>
    slotsOf(data.kept, options.mostRows).map((slot) =>
      pairs.map((pair, place) => {
        const value = pair[side].at(slot);
        return value === null || !asText[place] ? value : String(value);
      }),
    );
  const result = domainClassifier.prepare(options, rowsOf(reference, 0), names).test(rowsOf(current, 1));
  if (result === null) return null;
  const { pValue, effect, note } = result;
  return {
    type: 'domain-classifier',
    columns: pairs.length,
    effect,
    effectName: 'auc',
    pValue,
    adjustedPValue: pValue,
    note,
    n: current.kept,
    referenceN: reference.kept,
    verdict: 'same',
  };
}

function slotsOf(kept: number, most: number): number[] {
  const slots = upTo(kept);
  return kept <= most ? [...slots] : [...new Random(SEED).shuffle(slots, most).subarray(0, most)];
}
