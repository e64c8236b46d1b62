/** The part of a detector's snapshot that river's checkpoints show, under river's names. */
import type { Json } from '../../contracts/json.ts';

interface Snapshot {
  readonly [field: string]: number;
}

type River = { readonly [name: string]: number | readonly number[] | null };

const STATES: { readonly [type: string]: (state: Snapshot) => River } = {
  ddm: (state) => ({ n: state.count!, p: state.rate!, s: state.deviation!, p_min: state.lowestRate!, s_min: state.lowestDeviation! }),
  eddm: (state) => ({
    n: state.count!,
    n_errors: state.errors!,
    last_error: state.lastErrorAt!,
    mean_distance: state.meanDistance!,
    var_distance: state.errors! > 1 ? state.squares! / (state.errors! - 1) : 0,
    max_m2s: state.best!,
  }),
  'hddm-a': (state) => ({
    n: state.count!,
    mean: state.mean!,
    n_min: state.lowCount!,
    mean_min: state.lowMean!,
    n_max: state.highCount!,
    mean_max: state.highMean!,
  }),
  'hddm-w': (state) => ({
    total_ewma: state.mean!,
    total_ibc: state.weights!,
    incr_cut: state.lowest!,
    decr_cut: state.highest!,
    s1_incr: [state.lowMean!, state.lowWeights!],
    s2_incr: [state.afterLowMean!, state.afterLowWeights!],
    s1_decr: [state.highMean!, state.highWeights!],
    s2_decr: [state.afterHighMean!, state.afterHighWeights!],
  }),
  adwin: (state) => ({
    width: state.width!,
    total: state.total!,
    variance: state.variance!,
    estimation: state.total! / state.width!,
  }),
  'page-hinkley': (state) => ({
    n: state.count!,
    mean: state.mean!,
    sum_increase: state.rise!,
    sum_decrease: state.fall!,
    min_increase: state.lowestRise!,
    max_decrease: state.highestFall!,
  }),
  kswin: (state) => ({
    n: state.count!,
    window_length: (state as unknown as { window: number[][] }).window[0]!.length,
    // river says 0 before its first test.
    p_value: state.pValue ?? 0,
  }),
};

/**
 * How a detector's state differs from river's checkpoint, or null.
 *
 * Equal bit for bit: sums, products, quotients and roots are the same everywhere. KSWIN's p-values alone are summed in another order.
 */
export function stateDifference(type: string, snapshot: Json, checkpoint: { readonly [name: string]: unknown }): string | null {
  const state = STATES[type];
  if (state === undefined) return `no state of ${type} is known`;
  for (const [name, ours] of Object.entries(state(snapshot as unknown as Snapshot))) {
    const theirs = checkpoint[name];
    const equal =
      name === 'p_value' ? Math.abs((ours as number) - (theirs as number)) <= 1e-12 * (theirs as number) : String(ours) === String(theirs);
    if (!equal) return `${name} is ${ours}, not ${theirs}`;
  }
  return null;
}
