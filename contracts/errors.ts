/**
 * The errors that Driftline raises on purpose. Anything else thrown is a bug and stays loud.
 */

abstract class DriftlineError extends Error {
  /** Stable, machine-readable name of the case, such as `shape-mismatch`. */
  readonly code: string;
  /** Whether the same attempt may succeed later. */
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** One mistake in a configuration file: where it stands and how to mend it. */
export interface Mistake {
  readonly file: string;
  /** 1-based; 0 when the mistake has no place in the file. */
  readonly line: number;
  readonly column: number;
  /** Path of keys inside the document, such as `spec.monitors.0.severity`. */
  readonly path: string;
  readonly message: string;
}

/** The user's configuration cannot be used; carries every mistake found, not just the first. */
export class ConfigError extends DriftlineError {
  readonly mistakes: readonly Mistake[];

  constructor(code: string, message: string, mistakes: readonly Mistake[] = [], cause?: unknown) {
    super(code, message, { cause });
    this.mistakes = mistakes;
  }
}

/** Bytes of a request or an answer that are not what their protocol says. */
export class DecodeError extends DriftlineError {}

/** A destination refused or did not answer; `retryable` says whether to keep the item. */
export class DeliveryError extends DriftlineError {}

/** The ONNX model cannot be loaded or run. */
export class ScorerError extends DriftlineError {}

/** A stored state that does not fit the code or options that should continue from it. */
export class SnapshotError extends DriftlineError {}
