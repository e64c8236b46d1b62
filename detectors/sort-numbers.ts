/**
 * Numbers in ascending order: a radix sort on the upper half of the doubles' bits, finished by insertion.
 *
 * Turning the sign bit of positive numbers and all bits of negative ones makes doubles sort as whole numbers. Three passes of eleven bits
 * order the upper 32, which leaves only values that differ by less than about a millionth out of order; where those are many (a large
 * offset, a small spread) the built-in sort takes over, so that no input costs more than a fixed multiple of it.
 *
 * Source: Knuth. The Art of Computer Programming 3, §5.2.5.
 */

/** Below this the passes cost more than they save. */
const SMALL = 400;
const DIGIT = 2048;
/** Steps of insertion per value before the built-in sort takes over. */
const PATIENCE = 4;

/** A sorted copy without what is not a number; infinities are values like others, −0 stands before 0. */
export function ascending(values: ArrayLike<number>): Float64Array {
  const n = values.length;
  const kept = new Float64Array(n);
  let count = 0;
  for (let k = 0; k < n; k++) {
    const value = values[k]!;
    // Written always and kept if it is a number: no branch.
    kept[count] = value;
    count += Number.isNaN(value) ? 0 : 1;
  }
  const numbers = count === n ? kept : kept.slice(0, count);
  return count < SMALL ? numbers.sort() : radixSort(numbers);
}

/** Sorts in place or into another array of the same length; returns the one that is sorted. No NaN. */
function radixSort(numbers: Float64Array): Float64Array {
  const n = numbers.length;
  const keys = upperKeys(numbers);
  const places = new Uint32Array(3 * DIGIT);
  for (let k = 0; k < n; k++) {
    const key = keys[k]!;
    places[key & (DIGIT - 1)]!++;
    places[DIGIT + ((key >>> 11) & (DIGIT - 1))]!++;
    places[2 * DIGIT + (key >>> 22)]!++;
  }
  let from = numbers;
  let fromKeys = keys;
  let to: Float64Array = new Float64Array(n);
  let toKeys: Uint32Array = new Uint32Array(n);
  for (let pass = 0; pass < 3; pass++) {
    const base = pass * DIGIT;
    const shift = 11 * pass;
    // A digit that is the same in all orders nothing.
    if (places[base + ((fromKeys[0]! >>> shift) & (DIGIT - 1))] === n) continue;
    let place = 0;
    for (let digit = base; digit < base + DIGIT; digit++) {
      const count = places[digit]!;
      places[digit] = place;
      place += count;
    }
    for (let k = 0; k < n; k++) {
      const key = fromKeys[k]!;
      const target = places[base + ((key >>> shift) & (DIGIT - 1))]!++;
      to[target] = from[k]!;
      toKeys[target] = key;
    }
    [from, to] = [to, from];
    [fromKeys, toKeys] = [toKeys, fromKeys];
  }
  return insertionSort(from) ? from : from.sort();
}

/** The upper halves as numbers that sort as the doubles do. */
function upperKeys(numbers: Float64Array): Uint32Array {
  const halves = new Uint32Array(numbers.buffer, numbers.byteOffset, 2 * numbers.length);
  const upper = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;
  const keys = new Uint32Array(numbers.length);
  for (let k = 0; k < keys.length; k++) {
    const bits = halves[2 * k + upper]!;
    keys[k] = bits ^ (-(bits >>> 31) | 0x80000000);
  }
  return keys;
}

/** False when it gave up: the values are then all there, in no particular order. */
function insertionSort(numbers: Float64Array): boolean {
  let left = PATIENCE * numbers.length;
  for (let k = 1; k < numbers.length; k++) {
    const value = numbers[k]!;
    let place = k;
    while (place > 0 && numbers[place - 1]! > value) {
      numbers[place] = numbers[place - 1]!;
      place--;
    }
    numbers[place] = value;
    left -= k - place;
    if (left < 0) return false;
  }
  return true;
}
