/**
 * HPACK's Huffman code (RFC 7541 §5.2 and appendix B), decoded four bits at a time.
 *
 * The code is canonical: codes of one length are consecutive, in the order of their symbols, so the lengths alone define it.
 */

/** Code lengths in bits of the 256 octets, then of the end-of-string symbol. */
const LENGTHS = [
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  30,
];
const END_OF_STRING = 256;
/** No symbol was completed by these bits. */
const NONE = 0xffff;
/** A state that a string which contains the end-of-string symbol leads to (§5.2: an error). */
const FORBIDDEN = 0xff;

/** Per state and four bits: the next state in the high half, the symbol completed in the low half. At most one is: codes have five bits or more. */
const STEPS: Uint32Array = new Uint32Array(256 * 16);
/** States in which a string may end: up to seven one-bits, the beginning of the end-of-string symbol, are padding. */
const MAY_END: Uint8Array = new Uint8Array(256);

build();

/** The bytes that `input[from … to)` stands for, as latin1 text; null when it is no such string. */
export function decodeHuffman(input: Buffer, from: number, to: number): string | null {
  // The shortest code has five bits.
  const output = Buffer.allocUnsafe(Math.ceil(((to - from) * 8) / 5));
  let length = 0;
  let state = 0;
  for (let at = from; at < to; at++) {
    const byte = input[at]!;
    for (const bits of [byte >> 4, byte & 15]) {
      const step = STEPS[state * 16 + bits]!;
      state = step >>> 16;
      if (state === FORBIDDEN) return null;
      const symbol = step & 0xffff;
      if (symbol !== NONE) output[length++] = symbol;
    }
  }
  return MAY_END[state] === 1 ? output.toString('latin1', 0, length) : null;
}

/** Turns the lengths into the code's tree, and the tree into steps of four bits. */
function build(): void {
  /** Children of each inner node in turn: another inner node, or ~symbol. */
  const missing = Number.NaN;
  const children = [missing, missing];
  let code = 0;
  let codeLength = 0;
  const symbols = LENGTHS.map((_, symbol) => symbol).sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b);
  for (const symbol of symbols) {
    const length = LENGTHS[symbol]!;
    code *= 2 ** (length - codeLength);
    codeLength = length;
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const slot = 2 * node + (Math.floor(code / 2 ** bit) & 1);
      if (bit === 0) children[slot] = ~symbol;
      else {
        if (Number.isNaN(children[slot]!)) {
          children[slot] = children.length / 2;
          children.push(missing, missing);
        }
        node = children[slot]!;
      }
    }
    code++;
  }
  for (let state = 0; state < children.length / 2; state++) {
    for (let bits = 0; bits < 16; bits++) STEPS[state * 16 + bits] = step(children, state, bits);
  }
  for (let node = 0, ones = 0; ones < 8; ones++) {
    MAY_END[node] = 1;
    node = children[2 * node + 1]!;
  }
}

function step(children: readonly number[], from: number, bits: number): number {
  let node = from;
  let completed = NONE;
  for (let bit = 3; bit >= 0; bit--) {
    const next = children[2 * node + ((bits >> bit) & 1)]!;
    if (next >= 0) node = next;
    else if (~next === END_OF_STRING) return (FORBIDDEN << 16) | NONE;
    else {
      completed = ~next;
      node = 0;
    }
  }
  return ((node << 16) | completed) >>> 0;
}
