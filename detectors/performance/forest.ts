/**
 * A regression forest as flat arrays: answers in microseconds, and travels as JSON without losing a bit.
 *
 * Nodes stand in preorder: a node's left child is the next node, `right` names the other one.
 */
import { SnapshotError } from '../../contracts/errors.ts';

/** Numbers that one input may have: nodes name them in 16 bits, with the sign for leaves. */
export const MOST_FEATURES = 2 ** 15;

/** A forest in JSON: little-endian arrays in base64. */
export interface PackedForest {
  /** Numbers that one input has. */
  readonly features: number;
  readonly trees: number;
  /** Int32 per tree: its first node. */
  readonly roots: string;
  /** Int16 per node: the feature it asks about, -1 for a leaf. */
  readonly feature: string;
  /** Int32 per node: right child, 0 for a leaf. */
  readonly right: string;
  /** Float64 per node: threshold (at or below goes left), or a leaf's answer. */
  readonly number: string;
}

/** The trees' mean answer and the standard deviation among them. */
export interface ForestAnswer {
  readonly mean: number;
  readonly spread: number;
}

export class Forest {
  readonly features: number;
  readonly #roots: Int32Array;
  readonly #feature: Int16Array;
  readonly #right: Int32Array;
  readonly #number: Float64Array;

  /** Takes the arrays over; they are not copied. */
  constructor(features: number, roots: Int32Array, feature: Int16Array, right: Int32Array, number: Float64Array) {
    this.features = features;
    this.#roots = roots;
    this.#feature = feature;
    this.#right = right;
    this.#number = number;
  }

  get trees(): number {
    return this.#roots.length;
  }

  /**
   * @param input `features` finite numbers, from `offset` on
   * @param trees ask only the first so many
   */
  predict(input: Float64Array, offset = 0, trees = this.trees): ForestAnswer {
    let mean = 0;
    let squares = 0;
    for (let tree = 0; tree < trees; tree++) {
      let node = this.#roots[tree]!;
      for (let asked = this.#feature[node]!; asked >= 0; asked = this.#feature[node]!) {
        node = input[offset + asked]! <= this.#number[node]! ? node + 1 : this.#right[node]!;
      }
      const step = this.#number[node]! - mean;
      mean += step / (tree + 1);
      squares += step * (this.#number[node]! - mean);
    }
    return { mean, spread: Math.sqrt(squares / trees) };
  }

  pack(): PackedForest {
    return {
      features: this.features,
      trees: this.trees,
      roots: encode(this.#roots),
      feature: encode(this.#feature),
      right: encode(this.#right),
      number: encode(this.#number),
    };
  }
}

/**
 * A forest from its JSON; answers bit for bit as the one that was packed.
 *
 * @throws SnapshotError when it is not one, or a path through it would not end at a leaf
 */
export function unpackForest(packed: PackedForest): Forest {
  const roots = new Int32Array(decode(packed.roots, 4));
  const feature = new Int16Array(decode(packed.feature, 2));
  const right = new Int32Array(decode(packed.right, 4));
  const number = new Float64Array(decode(packed.number, 8));
  const nodes = feature.length;
  const wellFormed = roots.length > 0 && roots.length === packed.trees && right.length === nodes && number.length === nodes;
  if (!wellFormed || !roots.every((root) => root >= 0 && root < nodes)) throw damaged();
  for (let node = 0; node < nodes; node++) {
    const inner = feature[node]! >= 0;
    // Children behind their parent and inside the arrays: every walk ends, and at a leaf.
    const sound = !inner || (feature[node]! < packed.features && right[node]! > node + 1 && right[node]! < nodes);
    if (!sound || !Number.isFinite(number[node])) throw damaged();
  }
  return new Forest(packed.features, roots, feature, right, number);
}

function damaged(): SnapshotError {
  return new SnapshotError('predictor-forest', 'predictor: its forest is damaged; train it again with `driftline train-predictor`');
}

function encode(values: Int16Array | Int32Array | Float64Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}

function decode(text: unknown, width: number): ArrayBuffer {
  if (typeof text !== 'string') throw damaged();
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length % width !== 0) throw damaged();
  // A copy, since a Buffer's memory may start anywhere and be shared with others.
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
