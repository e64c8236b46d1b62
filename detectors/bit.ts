/** What a detector of zeros and ones does with anything else: 0 for 0 and 1 for every other number. */
export function bitOf(value: number): number {
  return value === 0 ? 0 : 1;
}
