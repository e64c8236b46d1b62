/**
 * The level of a streaming detector by its alarms on replayed streams.
 *
 * The strictest and the loosest level span a logarithmic scale, along which alarms become rarer. Where the budget is rarer than what the
 * replays can show, the level is continued from where alarms can still be counted: the logarithm of the rate falls about in a line against
 * the logarithm of a confidence or a threshold. Against the threshold itself it does so only where a detector knows what is normal, or learns it
 * from all its values. One that learns it from its first values is now and then wrong about it by more than it allows for, and then alarms at any
 * threshold, only later.
 *
 * Many alarm more, or less, the longer they run: those that learned badly soon, and what is left are those that learned well; those with long
 * memories late. So alarms are counted among young detectors and among all, and the higher rate counts.
 */
import { withDefaults } from '../../contracts/options.ts';
import { Random } from '../../detectors/performance/random.ts';
import type { StreamingWatch } from '../watch-list.ts';
import { levelOptionOf } from './calibration.ts';
import { drawRows } from './replays.ts';

/** Values of a stream as long as live ones, and of one that shows detectors in their youth; each detector starts afresh on its stream. */
const LONG_VALUES = 100_000;
const YOUNG_VALUES = LONG_VALUES / 4;
/** Alarms that make a rate countable. */
const COUNTABLE = 10;
/** Parts of the logarithmic scale: how exactly a level is found, and over how much of it the slope is taken. */
const FINEST = 1 / 128;
const SLOPE_OVER = 1 / 24;
/** So many times more alarms a slope is taken from at least. */
const STEEP = 3;
/** Steps of a level that acts in steps over which the slope is taken. */
const SLOPE_STEPS = 3;
/** The logarithm of the rate falls at least so much over that. */
const LEAST_FALL = 0.05;
/**
 * Parts of the budget that are spent, since replays of one reference leave out its own chance: fresh streams were seen to alarm up to 1.6 times
 * as often, and up to 9 times where values depend on each other, so that there are fewer stretches to learn from.
 */
const SAFETY = { independent: 0.6, dependent: 0.2 };

/** A signal's reference as it is replayed. */
export interface ReplayedStream {
  readonly values: Float64Array;
  readonly blockRows: number;
}

/**
 * Drifts in so many values of healthy streams, with these options set over the policy's: of detectors in their first `YOUNG_VALUES`, or over
 * `LONG_VALUES`, whichever are more; also by stretches of `YOUNG_VALUES`. Ends early, with as many, where there are more than `most`.
 */
export function streamShare(
  { definition, choice }: StreamingWatch,
  over: { readonly [option: string]: number },
  { values, blockRows }: ReplayedStream,
  random: Random,
  most = Infinity,
): { drifts: number; stretches: readonly number[]; values: number } {
  const total = valuesOf(choice.type);
  const long = total / LONG_VALUES;
  const count = total / YOUNG_VALUES;
  const young = new Array<number>(count).fill(0);
  const all = new Array<number>(count).fill(0);
  let [ofYoung, ofAll] = [0, 0];
  const counted = () => ({ drifts: Math.max(ofYoung, ofAll), stretches: ofYoung > ofAll ? young : all, values: total });
  for (let stream = 0; stream < count; stream++) {
    const detector = definition.create(withDefaults(definition.options, { ...choice.options, ...over }));
    const rows = drawRows(random, values.length, blockRows, stream < long ? LONG_VALUES : YOUNG_VALUES);
    for (let k = 0; k < rows.length; k++) {
      if (detector.update(values[rows[k]!]!) !== 'drift') continue;
      if (k < YOUNG_VALUES) {
        ofYoung++;
        young[stream]!++;
      }
      if (stream < long) {
        ofAll++;
        all[stream * (LONG_VALUES / YOUNG_VALUES) + Math.floor(k / YOUNG_VALUES)]!++;
      }
      if (Math.max(ofYoung, ofAll) > most) return counted();
    }
  }
  return counted();
}

/**
 * The loosest level of which no more than `perValue` drifts a value are expected.
 *
 * @returns null when even the strictest level alarms more often, or is expected to where so few alarms cannot be counted
 */
export function levelFor(watch: StreamingWatch, stream: ReplayedStream, perValue: number, random: Random): Found | null {
  const option = levelOptionOf(watch.choice.type);
  if (option === null) return null;
  const warning = option.warning === null ? undefined : withDefaults(watch.definition.options, watch.choice.options)[option.warning];
  const loosest = typeof warning === 'number' ? between(option.loosest, warning, option.strictest) : option.loosest;
  // The same streams for every level: more of them would alarm only because the level is looser.
  const seed = random.bits();
  const known = new Map<number, number>();
  const values = valuesOf(watch.choice.type);
  const allowed = (stream.blockRows === 1 ? SAFETY.independent : SAFETY.dependent) * perValue * values;
  // No slope is taken from more than this, and looser levels cost the most time.
  const most = 20 * Math.max(allowed, COUNTABLE, stream.blockRows === 1 ? 0 : (COUNTABLE * values) / stream.values.length);
  const driftsAt = (level: number) => {
    const drifts = known.get(level) ?? streamShare(watch, { [option.option]: level }, stream, new Random(seed), most).drifts;
    known.set(level, drifts);
    return drifts;
  };
  /** On the scale that ends there. */
  const levelUpTo = (strictest: number): Found | null => {
    if (driftsAt(strictest) > allowed) return null;
    const scale: Scale = {
      step: Math.log(option.step ?? 1) / Math.abs(Math.log(strictest / loosest)),
      most,
      levelAt: (place) => loosest * (strictest / loosest) ** place,
      placeOf: (level) => Math.log(level / loosest) / Math.log(strictest / loosest),
      driftsAt: (place) => driftsAt(scale.levelAt(place)),
    };
    const isThreshold = strictest > loosest;
    const straight = isThreshold ? { of: scale.levelAt, placeOf: scale.placeOf } : PLACES;
    const counted = levelWhere(scale, Math.max(allowed, COUNTABLE), allowed, option.exponential === true ? straight : PLACES);
    if (stream.blockRows === 1 || counted === null) return counted;
    // Blocks bring back the stretches there were: an alarm that one stretch of the reference raises comes again whenever it is drawn. A
    // detector that remembers less than a block sees nothing else, so what counts is also how often it alarms in the reference itself.
    const seen = levelWhere(scale, Math.max(allowed, (COUNTABLE * values) / stream.values.length), allowed, straight);
    if (seen === null) return null;
    return seen.value > counted.value === isThreshold ? seen : counted;
  };
  return levelUpTo(option.strictest) ?? (option.beyond === undefined ? null : levelUpTo(option.beyond));
}

/** A level, and whether it was continued from where alarms could still be counted. */
interface Found {
  readonly value: number;
  readonly extrapolated: boolean;
}

/** What the logarithm of the rate falls against in a line. */
interface Axis {
  readonly of: (place: number) => number;
  readonly placeOf: (on: number) => number;
}

/** The logarithm of the level. */
const PLACES: Axis = { of: (place) => place, placeOf: (place) => place };

/** A logarithmic scale of levels, from the loosest at 0 to the strictest at 1. */
interface Scale {
  /** How far apart places lie that are not the same to the detector; 0 = every one is another. */
  readonly step: number;
  /** Drifts above which they were not counted to the end. */
  readonly most: number;
  readonly levelAt: (place: number) => number;
  readonly placeOf: (level: number) => number;
  readonly driftsAt: (place: number) => number;
}

/** The level of `allowed` drifts, found where there are `target` and continued from there; null beyond the strictest. */
function levelWhere({ step, most, levelAt, driftsAt }: Scale, target: number, allowed: number, axis: Axis): Found | null {
  // Halved until the level is known to a hundredth of the scale: between two places the rate may fall off like a cliff.
  let loose = 0;
  let strict = driftsAt(0) <= target ? 0 : 1;
  while (strict - loose > FINEST) {
    const middle = (loose + strict) / 2;
    if (driftsAt(middle) > target) loose = middle;
    else strict = middle;
  }
  if (target === allowed) return { value: levelAt(strict), extrapolated: false };
  // Rarer is allowed than can be counted: on along the slope from a looser place, where they were counted to the end.
  // On a staircase the slope is that of several steps, and the continuation, which begins at the loose end of one, goes a step further.
  const least = Math.max(FINEST, SLOPE_STEPS * step);
  let over = Math.max(SLOPE_OVER, least);
  while (over > least && driftsAt(strict - over) > most) over = Math.max(least, over / 2);
  // Few alarms more would be chance: the place was chosen for having few.
  const isSteep = (from: number, to: number) => driftsAt(from) >= STEEP * Math.max(1, driftsAt(to));
  while (over < strict && !isSteep(strict - over, strict)) over *= 1.5;
  let [from, to] = [strict - over, strict];
  if (from < 0) {
    // Nothing looser alarms so much more often, as while a detector learns it cannot alarm: the slope is that of what follows.
    [from, to] = [strict, strict + Math.max(SLOPE_OVER, least)];
    while (to < 1 && !isSteep(from, to)) to = Math.min(1, to + SLOPE_OVER);
  }
  const logs = (place: number) => Math.log(Math.max(1, driftsAt(place)));
  const slope = Math.max(LEAST_FALL, logs(from) - logs(to)) / (axis.of(to) - axis.of(from));
  const place = axis.placeOf(axis.of(strict) + Math.max(0, logs(strict) - Math.log(allowed)) / slope) + step;
  return place > 1 ? null : { value: levelAt(place), extrapolated: true };
}

/** Values replayed for each level tried. */
function valuesOf(type: string): number {
  return levelOptionOf(type)?.replayedValues ?? 500_000;
}

/** The middle one of three. */
function between(a: number, b: number, c: number): number {
  return [a, b, c].sort((x, y) => x - y)[1]!;
}
