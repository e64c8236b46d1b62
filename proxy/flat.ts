/**
 * The same text in one piece of its own. The engine keeps what is cut or joined as a view or as two halves, and puts each writing of it together anew:
 * in one piece it goes into a buffer at a sixth of the cost, and keeps nothing else in memory.
 *
 * @param text latin1
 */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
