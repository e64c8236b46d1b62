/**
 * The law of a test's p-value where nothing has changed, as replays of the reference showed it.
 *
 * Works on scores, −ln p: they are as good as exponential far out, with a scale of 1 for independent rows and a larger one where rows
 * depend on each other, since the squared statistics of these tests behave so in their tails. What the replays show is kept as it is
 * below the ninth decile; above it an exponential law continues it, fitted by its mean excess, so that levels beyond the number of
 * replays can be had. Healthy windows with a rare excursion have no such tail: far out lie a few scores that the mean excess drowns in the
 * others. So a p-value is never less than the share of the replays that were as far out, which are kept too. How long that scale is is itself known only from so many blocks, and from so many replays above the decile: the tail
 * is that of the predictive law, a Lomax law. Its degrees are ¾ · blocks (the variance of a block bootstrap's variance is 4/3 blocks of its
 * square) and the number of those replays (the predictive law of an exponential scale from k values), whose inverses add up.
 *
 * Source: Davison, Smith. Models for exceedances over high thresholds. JRSS B 52, 1990 (mean excess). Künsch. The jackknife and the
 * bootstrap for general stationary observations. Annals of Statistics 17, 1989, §3.2 (variance of the block bootstrap's variance).
 */

/** Plain data; survives a JSON round trip. */
export interface NullLaw {
  readonly replays: number;
  /** Blocks of rows that the reference has; null = rows are independent, and the scale has no error worth counting. */
  readonly blocks: number | null;
  /** Scores at the shares 0, 1/32 … of the replays up to `tailShare` from the top, ascending. */
  readonly body: readonly number[];
  /** Share of the replays above the last of `body`. */
  readonly tailShare: number;
  /** Mean excess of those. */
  readonly scale: number;
  /** Those themselves, ascending. */
  readonly tail: readonly number[];
}

const TAIL_SHARE = 0.1;
const STEPS = 32;
/** −ln of the smallest p-value that can be told from zero. */
const HIGHEST_SCORE = 700;
/** Fewer replays than this make no law. */
export const FEWEST_REPLAYS = 100;

/** −ln p, at most 700; 0 for what is no probability. */
export function scoreOf(pValue: number): number {
  return pValue > 0 ? Math.max(0, -Math.log(Math.min(1, pValue))) : pValue === 0 ? HIGHEST_SCORE : 0;
}

/** The law of these scores; null when there are too few of them, or so many at the end of the scale that nothing lies beyond. */
export function nullLaw(scores: readonly number[], blocks: number | null): NullLaw | null {
  if (scores.length < FEWEST_REPLAYS) return null;
  const sorted = Float64Array.from(scores).sort();
  const from = Math.floor(sorted.length * (1 - TAIL_SHARE));
  const start = sorted[from]!;
  if (start >= HIGHEST_SCORE * 0.9) return null;
  const body = Array.from({ length: STEPS + 1 }, (_, step) => sorted[Math.round((step / STEPS) * from)]!);
  let excess = 0;
  for (let i = from; i < sorted.length; i++) excess += sorted[i]! - start;
  const above = sorted.length - from;
  // Ties at the start (discrete tests) would make the excess too short; a plain p-value's own scale is 1.
  const tail = Array.from(sorted.subarray(from));
  return { replays: sorted.length, blocks, body, tailShare: above / sorted.length, scale: Math.max(excess / above, 1), tail };
}

/** Share of healthy windows whose score is at least this one; in (0, 1], and never smaller than the plain p-value, or what its score says. */
export function calibratedP(law: NullLaw, pValue: number, score?: number): number {
  const plain = score === undefined ? pValue : Math.exp(-score);
  const at = score ?? scoreOf(pValue);
  return Math.max(plain, widened(replayedP(law, at), law), seenShare(law, at));
}

/** Share of the replays whose score was at least this one, where they are kept; 0 below. */
function seenShare({ replays, body, tail }: NullLaw, score: number): number {
  if (score < body[STEPS]!) return 0;
  const first = tail.findIndex((seen) => seen >= score);
  return first === -1 ? 0 : (tail.length - first) / replays;
}

function replayedP({ body, tailShare, scale }: NullLaw, score: number): number {
  const start = body[STEPS]!;
  if (score >= start) return Math.max(Number.MIN_VALUE, tailShare * Math.exp(-(score - start) / scale));
  let step = 0;
  while (step < STEPS && body[step + 1]! <= score) step++;
  const width = body[step + 1]! - body[step]!;
  const within = width > 0 ? Math.max(0, (score - body[step]!) / width) : 0;
  return 1 - ((step + within) / STEPS) * (1 - tailShare);
}

/** P(E > x · S) for E exponential and S a scale that is known from so many blocks and replays, where P(E > x) = p. */
function widened(p: number, { blocks, replays, tailShare }: NullLaw): number {
  if (blocks === null) return p;
  const degrees = 1 / (1 / (0.75 * blocks) + 1 / (replays * tailShare));
  return (1 - Math.log(p) / degrees) ** -degrees;
}
