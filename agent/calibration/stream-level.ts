/**
 * The level of a streaming detector by its alarms on replayed streams.
 *
 * The strictest and the loosest level span a logarithmic scale, along which alarms become rarer. Where the budget is rarer than what the
 * replays can show, the level is continued from where alarms can still be counted: the logarithm of the rate falls about in a line, or
 * faster, against a threshold and against the logarithm of a confidence, so that the continuation errs on the strict side.
 */
import { withDefaults } from '../../contracts/options.ts';
import { Random } from '../../detectors/performance/random.ts';
import type { StreamingWatch } from '../watch-list.ts';
import { type LevelOption, levelOptionOf } from './calibration.ts';
import { drawRows } from './replays.ts';

/** Values of one stream: detectors start afresh on each. As long as live ones, since many alarm more, or less, the longer they run. */
const STREAM_VALUES = 100_000;
/** Alarms that make a rate countable. */
const COUNTABLE = 10;
/** Parts of the logarithmic scale: how exactly a level is found, and over how much of it the slope is taken. */
const FINEST = 1 / 128;
const SLOPE_OVER = 1 / 24;
/** Steps of a level that acts in steps over which the slope is taken. */
const SLOPE_STEPS = 3;
/** The logarithm of the rate falls at least so much over that. */
const LEAST_FALL = 0.05;
/**
 * Parts of the budget that are spent, since replays of one reference leave out its own chance: fresh streams were seen to alarm up to 1.6 times
 * as often, and up to 2.4 times where values depend on each other, so that there are fewer stretches to learn from.
 */
const SAFETY = { independent: 0.6, dependent: 0.3 };

/** A signal's reference as it is replayed. */
export interface ReplayedStream {
  readonly values: Float64Array;
  readonly blockRows: number;
}

/** Drifts on healthy streams, with these options set over the policy's; ends early, with as many, where there are more than `most`. */
export function streamShare(
  { definition, choice }: StreamingWatch,
  over: { readonly [option: string]: number },
  { values, blockRows }: ReplayedStream,
  random: Random,
  most = Infinity,
): { drifts: number; values: number } {
  let drifts = 0;
  const total = valuesOf(choice.type);
  for (let from = 0; from < total; from += STREAM_VALUES) {
    const detector = definition.create(withDefaults(definition.options, { ...choice.options, ...over }));
    for (const row of drawRows(random, values.length, blockRows, STREAM_VALUES))
      if (detector.update(values[row]!) === 'drift' && ++drifts > most) return { drifts, values: total };
  }
  return { drifts, values: total };
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
  // The same streams for every level: more of them would alarm only because the level is looser.
  const seed = random.bits();
  const known = new Map<number, number>();
  const values = valuesOf(watch.choice.type);
  const allowed = (stream.blockRows === 1 ? SAFETY.independent : SAFETY.dependent) * perValue * values;
  // No slope is taken from more than this, and looser levels cost the most time.
  const most = 20 * Math.max(allowed, COUNTABLE, stream.blockRows === 1 ? 0 : (COUNTABLE * values) / stream.values.length);
  const scale: Scale = {
    option,
    levelAt: (place) => loosest * (option.strictest / loosest) ** place,
    driftsAt: (place) => {
      const over = { [option.option]: scale.levelAt(place) };
      const drifts = known.get(place) ?? streamShare(watch, over, stream, new Random(seed), most).drifts;
      known.set(place, drifts);
      return drifts;
    },
  };
  if (scale.driftsAt(1) > allowed) return null;
  const counted = levelWhere(scale, Math.max(allowed, COUNTABLE), allowed);
  if (stream.blockRows === 1 || counted === null) return counted;
  // Blocks bring back the stretches there were: an alarm that one stretch of the reference raises comes again whenever it is drawn. A
  // detector that remembers less than a block sees nothing else, so what counts is also how often it alarms in the reference itself.
  const seen = levelWhere(scale, Math.max(allowed, (COUNTABLE * values) / stream.values.length), allowed);
  if (seen === null) return null;
  return seen.value - counted.value > 0 === option.strictest > loosest ? seen : counted;
}

/** A logarithmic scale of levels, from the loosest at 0 to the strictest at 1. */
interface Scale {
  readonly option: LevelOption;
  readonly levelAt: (place: number) => number;
  readonly driftsAt: (place: number) => number;
}

/** The level of `allowed` drifts, found where there are `target` and continued from there; null beyond the strictest. */
function levelWhere(
  { option, levelAt, driftsAt }: Scale,
  target: number,
  allowed: number,
): { value: number; extrapolated: boolean } | null {
  // Halved until the level is known to a hundredth of the scale: between two places the rate may fall off like a cliff.
  let loose = 0;
  let strict = driftsAt(0) <= target ? 0 : 1;
  while (strict - loose > FINEST) {
    const middle = (loose + strict) / 2;
    if (driftsAt(middle) > target) loose = middle;
    else strict = middle;
  }
  if (target === allowed) return { value: levelAt(strict), extrapolated: false };
  // Rarer is allowed than can be counted: on along the slope from a looser place.
  // On a staircase the slope is that of several steps, and the continuation, which begins at the loose end of one, goes a step further.
  const step = Math.log(option.step ?? 1);
  const over = Math.max(SLOPE_OVER, (SLOPE_STEPS * step) / Math.abs(Math.log(option.strictest / option.loosest)));
  const [from, to] = strict < over ? [strict, strict + over] : [strict - over, strict];
  const logs = (place: number) => Math.log(Math.max(1, driftsAt(place)));
  const axis = axisOf(option);
  const slope = Math.max(LEAST_FALL, logs(from) - logs(to)) / (axis.of(levelAt(to)) - axis.of(levelAt(from)));
  const value = axis.from(axis.of(levelAt(strict)) + Math.max(0, logs(strict) - Math.log(allowed)) / slope + step);
  return axis.of(value) > axis.of(option.strictest) ? null : { value, extrapolated: true };
}

/** Where the logarithm of the rate falls about in a line: against a threshold itself, against the logarithm of a confidence. */
function axisOf({ loosest, strictest }: { readonly loosest: number; readonly strictest: number }) {
  return strictest > loosest
    ? { of: (level: number) => level, from: (place: number) => place }
    : { of: (level: number) => -Math.log(level), from: (place: number) => Math.exp(-place) };
}

/** Values replayed for each level tried. */
function valuesOf(type: string): number {
  return levelOptionOf(type)?.replayedValues ?? 500_000;
}

/** The middle one of three. */
function between(a: number, b: number, c: number): number {
  return [a, b, c].sort((x, y) => x - y)[1]!;
}
