/** What a detector of zeros and ones does with anything else. */

/** 0 for 0 and 1 for every other number. @throws RangeError when the value is not a number, naming the detector. */
export function bitOf(detector: string, value: number): number {
  if (Number.isNaN(value)) throw new RangeError(`${detector}: the value is not a number`);
  return value === 0 ? 0 : 1;
}
