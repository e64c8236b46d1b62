import t from 'tap';
import { fuzz } from './fuzz.ts';

t.setTimeout(120_000);

/** Together at least 10⁵; `npm run fuzz` runs more. */
const CASES = 34_000;

for (const [kind, seed] of [
  ['request', 20261],
  ['answer', 20262],
  ['chunked', 20263],
] as const) {
  t.test(
    `no ${kind} is accepted that Node's parser refuses, none is framed in another way, and the split of the bytes does not matter`,
    (t) => {
      const { found, accepted } = fuzz(kind, CASES, seed);
      t.same(found.slice(0, 3), [], `${found.length} disagreements`);
      t.ok(accepted > CASES / 10, `only ${accepted} of ${CASES} were accepted by us: the cases test too little`);
      t.end();
    },
  );
}
