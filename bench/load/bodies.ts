/**
 * What is sent in the proxy's benchmarks: a V2 request of about 1 KB with varying numbers, and the answer of about 2 KB.
 */

/** Columns of a request. */
export const COLUMNS = 14;
/** Where it goes. */
export const PATH = '/v2/models/bench/infer';
const ANSWERED_VALUES = 178;
/** Different bodies, so that the analysis sees values that vary. */
const BODIES = 500;

/** A body of random numbers for one row; the same for the same seed. */
export function requestBody(seed: number): string {
  let state = seed + 1;
  const inputs = Array.from({ length: COLUMNS }, (_, column) => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return { name: `column_${column}`, datatype: 'FP32', shape: [1, 1], data: [Number((state / 2 ** 32).toFixed(4))] };
  });
  return JSON.stringify({ inputs });
}

/** All of them. */
export function requestBodies(): string[] {
  return Array.from({ length: BODIES }, (_, seed) => requestBody(seed));
}

/** The stand-in's only answer. */
export function answerBody(): string {
  const scores = Array.from({ length: ANSWERED_VALUES }, (_, index) => Number((0.1 + index / 1_000).toFixed(6)));
  const outputs = [
    { name: 'label', datatype: 'INT64', shape: [1], data: [1] },
    { name: 'scores', datatype: 'FP32', shape: [1, ANSWERED_VALUES], data: scores.map((score) => score + 0.000_001) },
  ];
  return JSON.stringify({ model_name: 'bench', model_version: '1', outputs });
}
