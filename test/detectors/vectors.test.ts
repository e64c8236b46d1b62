/** Parity with river, scipy and statsmodels: every case of test/golden/vectors (origin in its README). */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { checkVectors } from '../support/vector-cases.ts';

const rows = checkVectors(fileURLToPath(new URL('../golden/vectors', import.meta.url)));

/** What we have, and how many cases must be there: a test that checks nothing would pass as well. */
const built: { readonly [file: string]: number } = {
  'detectors/ddm.json': 69,
  'detectors/adwin.json': 111,
  'tests/two_sample.json ks': 32,
  'tests/contingency.json chi2': 16,
  'tests/contingency.json chi2_corrected': 16,
  'tests/contingency.json chi2_after_dropping_empty_columns': 16,
  'tests/multiple_testing.json bh': 8,
  'tests/multiple_testing.json bh_reject_0.05': 8,
  'tests/multiple_testing.json bonferroni': 8,
  'tests/multiple_testing.json bonferroni_reject_0.05': 8,
  'tests/special.json chi2_sf': 112,
  'tests/special.json kstwo_sf': 45,
};

for (const [file, cases] of Object.entries(built)) {
  t.test(`${file} agrees with the reference in all ${cases} cases`, (t) => {
    const row = rows.find((one) => one.file === file);
    t.same(row?.failures, []);
    t.equal(row?.passed, cases);
    t.end();
  });
}

t.test('a folder without vectors is an error, not a success', (t) => {
  t.throws(() => checkVectors(t.testdir({})), { message: /no detectors/ });
  t.end();
});
