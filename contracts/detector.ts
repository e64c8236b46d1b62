/**
 * The detectors' side of the house: streams in, levels out.
 */
import type { Json } from './json.ts';
import type { OptionSchemas, OptionsOf } from './options.ts';
import type { ReferenceSketch } from './sketch.ts';

/** A detector's word on the newest observation. */
export type Level = 'warming-up' | 'stable' | 'warning' | 'drift';

/**
 * A detector that judges after every value.
 *
 * Values handed to `update` are finite (and 0 or 1 for `observes: binary`); `agent/signals.ts` sees to it. One that is not finite is no
 * observation: it is not counted, never fires and never throws.
 * Restored from a snapshot it answers exactly as the one that was never interrupted, at any cut.
 */
export interface StreamingDetector {
  update(value: number): Level;
  /** Last level given. */
  readonly level: Level;
  /** Observations since the state began, resets included. */
  readonly observed: number;
  /** What was compared with `threshold` at the last observation, or null before the first test. */
  readonly statistic: number | null;
  readonly threshold: number | null;
  /** At `drift`: how many of the newest observations belong to the new concept, by the detector's own estimate; else null. */
  readonly changedFor: number | null;
  /** Survives a JSON round trip; null instead of NaN or Infinity. */
  snapshot(): Json;
}

/** What a two-sample test says of one window. */
export interface TestResult {
  /** D, chi-squared … */
  readonly statistic: number;
  readonly pValue: number;
  /**
   * Where the p-value has a smallest one (random splits): how far out the statistic lies, read as −ln of a p-value that has none. From 0; for
   * what is compared with healthy windows, which may all have that smallest one.
   */
  readonly score?: number;
  /** Degrees of freedom where the test has them. */
  readonly degreesOfFreedom: number | null;
  /** Size of the difference, finite: in [0, 1] for most (`D`, `cramers_v`), from 0 without bound for `wasserstein_sd` and `psi`. */
  readonly effect: number;
  /** Where a sketched reference leaves it open: the figures at the largest difference that there may be. The others are the smallest. */
  readonly atMost?: { readonly pValue: number; readonly effect: number };
  /** Values compared: window and reference. */
  readonly n: number;
  readonly referenceN: number;
  /** Words on direction or on what is new (`shifted up`, `unseen: x, y`), or null. */
  readonly note: string | null;
}

/** One row of several columns: numbers, categories as text, null for what is missing. */
export type Row = readonly (number | string | null)[];

/** What a windowed test sees: values of one signal, or rows of several. */
export type Value = number | string | Row;

/** A windowed test with its reference already sorted or counted. */
export interface WindowedTest<V extends Value = Value> {
  /** Null when there is too little to compare (an empty side, a single category on both sides). */
  test(window: readonly V[]): TestResult | null;
}

export interface StreamingDefinition<S extends OptionSchemas = OptionSchemas> {
  readonly kind: 'streaming';
  readonly type: string;
  readonly summary: string;
  readonly observes: 'binary' | 'number';
  readonly options: S;
  /** @throws SnapshotError when the state is not one of this detector's. */
  create(options: OptionsOf<S>, context?: { readonly state?: Json | undefined }): StreamingDetector;
}

export interface WindowedDefinition<S extends OptionSchemas = OptionSchemas, V extends Value = Value> {
  readonly kind: 'windowed';
  readonly type: string;
  readonly summary: string;
  /** `any`: numbers where the reference holds numbers only, else categories; `rows`: several columns at once. */
  readonly observes: 'number' | 'category' | 'any' | 'rows';
  /** The word for the effect in a policy: `D`, `cramers_v`. */
  readonly effect: string;
  /** Whether the effect may exceed 1. */
  readonly isUnbounded?: boolean;
  readonly options: S;
  /** @param columns names of the columns of `rows`, for notes */
  prepare(options: OptionsOf<S>, reference: readonly V[], columns?: readonly string[]): WindowedTest<V>;
  /** The test against a reference of which only a sketch is left; absent where it needs the rows. */
  readonly sketched?: {
    /** What of these options needs the rows, and what to write instead; null where nothing does. */
    refuses(options: OptionsOf<S>): string | null;
    /** Null when the sketch holds no values of the kind that the test observes. */
    prepare(options: OptionsOf<S>, reference: ReferenceSketch): WindowedTest<V> | null;
  };
}

export type DetectorDefinition = StreamingDefinition | WindowedDefinition;

/** Ties a streaming detector's options to its code. */
export function defineStreaming<const S extends OptionSchemas>(definition: Omit<StreamingDefinition<S>, 'kind'>): StreamingDefinition<S> {
  return { kind: 'streaming', ...definition };
}

/** Ties a windowed test's options to its code. */
export function defineWindowed<const S extends OptionSchemas, V extends Value>(
  definition: Omit<WindowedDefinition<S, V>, 'kind'>,
): WindowedDefinition<S, V> {
  return { kind: 'windowed', ...definition };
}
