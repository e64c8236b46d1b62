/**
 * A log for what may go wrong at every call: a line a minute at most, and with it how many were left out.
 */
const LEAST_MS = 60_000;

/** @param now a clock that is never set, in milliseconds */
export function seldom(log: (line: string) => void, now: () => number): (line: string) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  let leftOut = 0;
  return (line) => {
    if (now() - saidAt < LEAST_MS) {
      leftOut++;
      return;
    }
    log(leftOut === 0 ? line : `${line}\n(${leftOut} more, of this or another kind, since the last one)`);
    saidAt = now();
    leftOut = 0;
  };
}
