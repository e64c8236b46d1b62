/**
 * A model for tests: multinomial logistic regression on standardised numbers and one-hot tokens, fitted by plain gradient steps.
 *
 * Unknown tokens encode to nothing and missing numbers to the mean, as most pipelines do; both are what data errors turn into.
 */
import { Random } from '../../detectors/performance/random.ts';
import type { Table } from '../../detectors/performance/table.ts';

interface Encoder {
  readonly width: number;
  encode(table: Table, row: number, into: Float64Array): void;
}

/** Fits, and answers a function that gives `[rows, classes]` probabilities. */
export function fitLogistic(table: Table, labels: Int32Array, classes: number, steps = 8000): (table: Table) => Promise<Float64Array> {
  const encoder = encoderOf(table);
  const weights = new Float64Array(classes * encoder.width);
  const random = new Random(5);
  const input = new Float64Array(encoder.width);
  for (let step = 0; step < steps; step++) {
    const row = random.below(table.rows);
    encoder.encode(table, row, input);
    const probabilities = softmax(weights, input, classes);
    const rate = 0.05 / (1 + (4 * step) / steps);
    for (let index = 0; index < classes; index++) {
      const error = (labels[row] === index ? 1 : 0) - probabilities[index]!;
      for (let at = 0; at < input.length; at++) weights[index * input.length + at]! += rate * error * input[at]!;
    }
  }
  return async (batch) => {
    const all = new Float64Array(batch.rows * classes);
    const one = new Float64Array(encoder.width);
    for (let row = 0; row < batch.rows; row++) {
      encoder.encode(batch, row, one);
      all.set(softmax(weights, one, classes), row * classes);
    }
    return all;
  };
}

function softmax(weights: Float64Array, input: Float64Array, classes: number): Float64Array {
  const powers = new Float64Array(classes);
  let highest = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < classes; index++) {
    let score = 0;
    const offset = index * input.length;
    for (let at = 0; at < input.length; at++) score += weights[offset + at]! * input[at]!;
    powers[index] = score;
    highest = Math.max(highest, score);
  }
  let sum = 0;
  for (let index = 0; index < classes; index++) sum += powers[index] = Math.exp(powers[index]! - highest);
  for (let index = 0; index < classes; index++) powers[index]! /= sum;
  return powers;
}

function encoderOf(table: Table): Encoder {
  // Place 0 is the constant.
  let width = 1;
  const parts = table.columns.map((column) => {
    const at = width;
    if (column.kind === 'category') {
      const tokens = new Map([...new Set(column.values)].filter((token) => token !== null).map((token, place) => [token, at + place]));
      width += tokens.size;
      return { at, tokens, mean: 0, deviation: 1 };
    }
    width++;
    const mean = column.values.reduce((sum, value) => sum + value, 0) / column.values.length;
    const variance = column.values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.values.length;
    return { at, tokens: null, mean, deviation: Math.sqrt(variance) || 1 };
  });
  return {
    width,
    encode(batch, row, into) {
      into.fill(0);
      into[0] = 1;
      for (const [place, column] of batch.columns.entries()) {
        const { at, tokens, mean, deviation } = parts[place]!;
        if (column.kind === 'category') {
          const hot = tokens?.get(column.values[row] ?? '');
          if (hot !== undefined) into[hot] = 1;
        } else if (!Number.isNaN(column.values[row]!)) {
          into[at] = (column.values[row]! - mean) / deviation;
        }
      }
    },
  };
}
