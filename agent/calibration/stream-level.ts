/**
 * The level of a streaming detector by its alarms on replayed streams.
 *
 * The strictest and the loosest level span a logarithmic scale, along which alarms become rarer. Where the budget is rarer than what the
 * replays can show, the level is continued from the two strictest levels that still alarm often enough to be counted: the logarithm of
 * the rate falls about linearly along the scale (confidences) or faster (thresholds), so the continuation errs on the strict side.
 */
import { withDefaults } from '../../contracts/options.ts';
import { Random } from '../../detectors/performance/random.ts';
import type { StreamingWatch } from '../watch-list.ts';
import { levelOptionOf } from './calibration.ts';
import { drawRows } from './replays.ts';

/** Values replayed for each level tried. */
const VALUES = 200_000;
/** Values of one stream: detectors start afresh on each. */
const STREAM_VALUES = 20_000;
/** Alarms that make a rate countable. */
const COUNTABLE = 10;
const STEPS = 24;
/** What replays of one reference leave out is its own chance: fresh streams were seen to alarm up to 1.6 times as often. */
const SAFETY = 0.6;

/** A signal's reference as it is replayed. */
export interface ReplayedStream {
  readonly values: Float64Array;
  readonly blockRows: number;
}

/** Drifts on healthy streams, with these options set over the policy's. */
export function streamShare(
  { definition, choice }: StreamingWatch,
  over: { readonly [option: string]: number },
  { values, blockRows }: ReplayedStream,
  random: Random,
): { drifts: number; values: number } {
  let drifts = 0;
  for (let from = 0; from < VALUES; from += STREAM_VALUES) {
    const detector = definition.create(withDefaults(definition.options, { ...choice.options, ...over }));
    for (const row of drawRows(random, values.length, blockRows, STREAM_VALUES)) if (detector.update(values[row]!) === 'drift') drifts++;
  }
  return { drifts, values: VALUES };
}

/**
 * The loosest level of which no more than `perValue` drifts a value are expected.
 *
 * @returns null when even the strictest level alarms more often
 */
export function levelFor(
  watch: StreamingWatch,
  stream: ReplayedStream,
  perValue: number,
  random: Random,
): { value: number; extrapolated: boolean } | null {
  const option = levelOptionOf(watch.choice.type);
  if (option === null) return null;
  const warning = option.warning === null ? undefined : withDefaults(watch.definition.options, watch.choice.options)[option.warning];
  const loosest = typeof warning === 'number' ? between(option.loosest, warning, option.strictest) : option.loosest;
  const levelAt = (place: number) => loosest * (option.strictest / loosest) ** place;
  // The same streams for every level: more of them would alarm only because the level is looser.
  const seed = random.bits();
  const counted = new Map<number, number>();
  const driftsAt = (step: number) => {
    let drifts = counted.get(step);
    if (drifts === undefined) {
      drifts = streamShare(watch, { [option.option]: levelAt(step / STEPS) }, stream, new Random(seed)).drifts;
      counted.set(step, drifts);
    }
    return drifts;
  };
  const allowed = SAFETY * perValue * VALUES;
  const target = Math.max(allowed, COUNTABLE);
  if (driftsAt(STEPS) > Math.max(allowed, 0)) return null;
  // The first step at or below the target, between a looser one above it and the strictest.
  let low = -1;
  let high = STEPS;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (driftsAt(middle) > target) low = middle;
    else high = middle;
  }
  if (high === 0) return { value: levelAt(0), extrapolated: allowed < COUNTABLE };
  const above = Math.log(driftsAt(low));
  const below = Math.log(Math.max(1, driftsAt(high)));
  const slope = Math.max(0.05, above - below);
  const place = low + (above - Math.log(allowed)) / slope;
  if (place > STEPS) return null;
  return { value: levelAt(place / STEPS), extrapolated: allowed < COUNTABLE };
}

/** The middle one of three. */
function between(a: number, b: number, c: number): number {
  return [a, b, c].sort((x, y) => x - y)[1]!;
}
