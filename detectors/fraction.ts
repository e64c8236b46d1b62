/**
 * Zero, as a number with a fraction: what begins so is one to the compiler from the first line on.
 *
 * A field that begins with a plain 0 is kept as a small whole number until the first fraction is written to it, and a count for ever: then each use
 * beside fractions converts it, and each step is looked at for an overflow.
 */
export const FRACTION = -0;
