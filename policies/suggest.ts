/**
 * "Did you mean": the known word nearest to a mistyped one.
 */

/** The nearest known word, or null when none is near: at most a third of the letters differ. */
export function suggest(word: string, known: Iterable<string>): string | null {
  let nearest: string | null = null;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    // A word in another case, or with other separators, counts as the same word.
    const distance = plain(candidate) === plain(word) ? 0 : editDistance(word, candidate);
    if (distance < least) {
      nearest = candidate;
      least = distance;
    }
  }
  return nearest;
}

/** A closing clause for a message: `did you mean x?`, else the words there are, or what to do when there is none. */
export function remedyFor(word: string, words: readonly string[], none: string): string {
  const known = [...new Set(words)];
  const near = suggest(word, known);
  if (near !== null) return `did you mean ${near}?`;
  if (known.length === 0) return none;
  return known.length <= 12 ? `use ${enumerate(known)}` : `use one of ${known.slice(0, 12).join(', ')} …`;
}

/** `a`, `a or b`, `a, b or c`. */
export function enumerate(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_. ]/g, '');
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. Words are short. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + changed);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1);
      next.push(best);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
