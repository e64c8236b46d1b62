/**
 * The law of a test's p-value where nothing has changed, as replays of the reference showed it.
 *
 * Works on scores, −ln p: they are as good as exponential far out, with a scale of 1 for independent rows and a larger one where rows
 * depend on each other, since the squared statistics of these tests behave so in their tails. What the replays show is kept as it is
 * below the ninth decile; above it an exponential law continues it, fitted by its mean excess, so that levels beyond the number of
 * replays can be had. Healthy windows with a rare excursion have no such tail: far out lie a few scores that the mean excess drowns in the
 * others. So a p-value is never less than the share of the replays that were as far out, nor than what such a law says from half the replays
 * above the decile, a quarter and so on. How long a scale is is itself known only from so many blocks, and from so many replays above the
 * decile: the tail is that of the predictive law, a Lomax law. Its degrees are ¾ · blocks (the variance of a block bootstrap's variance is 4/3 blocks of its
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
  /** Scores at the shares 0, 1/32 … of the replays up to the tail, ascending. */
  readonly body: readonly number[];
  /** From the last of `body` on, and again from further out. */
  readonly tails: readonly Tail[];
  /** Scores of the replays from the last of `body` on, ascending. */
  readonly highest: readonly number[];
}

/** An exponential law from one score on. */
interface Tail {
  readonly start: number;
  /** Share of the replays from there on. */
  readonly share: number;
  /** Mean excess of those. */
  readonly scale: number;
}

const TAIL_SHARE = 0.1;
const STEPS = 32;
/** Replays from which a mean excess is known to a third. */
const FEWEST_ABOVE = 12;
/** −ln of the smallest p-value that can be told from zero. */
const HIGHEST_SCORE = 700;
/** Fewer replays than this make no law. */
const FEWEST_REPLAYS = 100;

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
  const highest = Array.from(sorted.subarray(from));
  const tails = [tailOf(highest, sorted.length)];
  for (let above = highest.length >> 1; above >= FEWEST_ABOVE; above >>= 1) tails.push(tailOf(highest.slice(-above), sorted.length));
  return { replays: sorted.length, blocks, body, tails, highest };
}

function tailOf(scores: readonly number[], replays: number): Tail {
  const start = scores[0]!;
  const excess = scores.reduce((sum, score) => sum + (score - start), 0) / scores.length;
  // Ties at the start (discrete tests) would make the excess too short; a plain p-value's own scale is 1.
  return { start, share: scores.length / replays, scale: Math.max(excess, 1) };
}

/** Share of healthy windows whose score is at least this one; in (0, 1], and never smaller than the plain p-value, or what its score says. */
export function calibratedP(law: NullLaw, pValue: number, score?: number): number {
  const plain = score === undefined ? pValue : Math.exp(-score);
  const at = score ?? scoreOf(pValue);
  return Math.max(plain, widened(replayedP(law, at), law), seenShare(law, at));
}

/** Share of the replays whose score was at least this one, where they are kept; 0 below. */
function seenShare({ replays, body, highest }: NullLaw, score: number): number {
  if (score < body[STEPS]!) return 0;
  const first = highest.findIndex((seen) => seen >= score);
  return first === -1 ? 0 : (highest.length - first) / replays;
}

function replayedP({ body, tails }: NullLaw, score: number): number {
  if (score >= body[STEPS]!)
    // Nearer than its start a tail still says its share, so that p never rises with the score.
    return Math.max(Number.MIN_VALUE, ...tails.map(({ start, share, scale }) => share * Math.exp(-Math.max(0, score - start) / scale)));
  let step = 0;
  while (step < STEPS && body[step + 1]! <= score) step++;
  const width = body[step + 1]! - body[step]!;
  const within = width > 0 ? Math.max(0, (score - body[step]!) / width) : 0;
  return 1 - ((step + within) / STEPS) * (1 - tails[0]!.share);
}

/** P(E > x · S) for E exponential and S a scale that is known from so many blocks and replays, where P(E > x) = p. */
function widened(p: number, { blocks, highest }: NullLaw): number {
  if (blocks === null) return p;
  const degrees = 1 / (1 / (0.75 * blocks) + 1 / highest.length);
  return (1 - Math.log(p) / degrees) ** -degrees;
}
