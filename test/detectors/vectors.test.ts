/** Parity with river, scipy and statsmodels: every case of test/golden/vectors (origin in its README). */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { vectorsOf } from '../support/vector-cases.ts';

// Seconds on an idle machine.
t.setTimeout(120_000);

const sets = vectorsOf(fileURLToPath(new URL('../golden/vectors', import.meta.url)));

/** What we have, and how many cases must be there: a test that checks nothing would pass as well. */
const built: { readonly [file: string]: number } = {
  'detectors/ddm.json': 69,
  'detectors/eddm.json': 69,
  'detectors/hddm_a.json': 69,
  'detectors/hddm_w.json': 69,
  'detectors/adwin.json': 111,
  'detectors/page_hinkley.json': 111,
  'detectors/kswin.json': 75,
  'tests/two_sample.json ks': 32,
  'tests/two_sample.json wasserstein': 32,
  'tests/two_sample.json energy_distance': 32,
  'tests/two_sample.json evidently_wasserstein_normed': 32,
  'tests/two_sample.json psi_quantile10': 32,
  'tests/two_sample.json evidently_bins': 32,
  'tests/contingency.json chi2': 16,
  'tests/contingency.json chi2_corrected': 16,
  'tests/contingency.json chi2_after_dropping_empty_columns': 16,
  'tests/contingency.json g': 16,
  'tests/contingency.json fisher_two-sided': 6,
  'tests/contingency.json fisher_less': 6,
  'tests/contingency.json fisher_greater': 6,
  'tests/contingency.json chisquare_ref_as_expected': 14,
  'tests/contingency.json jensenshannon_base2': 14,
  'tests/contingency.json jensenshannon_base_e': 14,
  'tests/contingency.json psi_floor_1e-4': 14,
  'tests/contingency.json hellinger': 14,
  'tests/contingency.json total_variation': 14,
  'tests/contingency.json l_infinity': 14,
  'tests/multiple_testing.json bh': 8,
  'tests/multiple_testing.json bh_reject_0.05': 8,
  'tests/multiple_testing.json by': 8,
  'tests/multiple_testing.json holm': 8,
  'tests/multiple_testing.json holm_reject_0.05': 8,
  'tests/multiple_testing.json holm-sidak': 8,
  'tests/multiple_testing.json holm-sidak_reject_0.05': 8,
  'tests/multiple_testing.json hommel': 8,
  'tests/multiple_testing.json hommel_reject_0.05': 8,
  'tests/multiple_testing.json bonferroni': 8,
  'tests/multiple_testing.json bonferroni_reject_0.05': 8,
  'tests/special.json chi2_sf': 112,
  'tests/special.json chi2_isf': 24,
  'tests/special.json kolmogorov_sf': 16,
  'tests/special.json kstwo_sf': 45,
  'tests/special.json norm_sf': 10,
  'tests/special.json norm_isf': 6,
  'tests/special.json gammaln': 10,
  'tests/special.json betainc': 20,
  'tests/sliding.json rows': 3,
  'tests/mmd.json mmd2_unbiased': 4,
  'tests/python_random.json getrandbits32': 7,
  'tests/python_random.json random': 7,
  'tests/python_random.json sample_70_30': 7,
  'tests/python_random.json sample_70_30_second': 7,
  'tests/python_random.json sample_150_50': 7,
  'tests/python_random.json sample_150_50_second': 7,
  'tests/python_random.json sample_40_20': 7,
  'tests/python_random.json sample_40_20_second': 7,
  'tests/python_random.json sample_110_40': 7,
  'tests/python_random.json sample_110_40_second': 7,
  'tests/python_random.json sample_200_100': 7,
  'tests/python_random.json sample_200_100_second': 7,
  'tests/python_random.json sample_1000_30': 7,
  'tests/python_random.json sample_1000_30_second': 7,
  'tests/python_random.json sample_22_5': 7,
  'tests/python_random.json sample_22_5_second': 7,
};

for (const [file, cases] of Object.entries(built)) {
  t.test(`${file} agrees with the reference in all ${cases} cases`, (t) => {
    const row = sets.find((set) => set.file === file)?.run();
    t.same(row?.failures, []);
    t.equal(row?.passed, cases);
    t.end();
  });
}

t.test('a folder without vectors is an error, not a success', (t) => {
  t.throws(() => vectorsOf(t.testdir({})), { message: /no detectors/ });
  t.end();
});
