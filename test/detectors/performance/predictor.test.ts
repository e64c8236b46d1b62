import t from 'tap';
import { featureCount } from '../../../detectors/performance/features.ts';
import { growForest } from '../../../detectors/performance/grow.ts';
import { loadPredictor, type PredictorModel } from '../../../detectors/performance/predictor.ts';
import { Random } from '../../../detectors/performance/random.ts';

/** A predictor that answers the median probability of class 1 (or of the first class of more than two). */
function model(classes: readonly string[] = ['no', 'yes']): PredictorModel {
  const random = new Random(1);
  const columns = featureCount(classes.length);
  const data = Float64Array.from({ length: 200 * columns }, () => random.uniform());
  const targets = Float64Array.from({ length: 200 }, (_, row) => data[row * columns + 10]!);
  const options = { trees: 10, criterion: 'absolute-error', cut: 'best', minLeaf: 1, featureFraction: 1, bootstrap: true } as const;
  return {
    format: 'driftline-predictor',
    version: 1,
    features: 'paper',
    metric: 'accuracy',
    model: 'toy',
    classes,
    columns: ['x'],
    seed: 1,
    reference: 0.8,
    training: { labelledRows: 1000, rows: 500, batches: 200, batchRows: 500, refused: 0 },
    holdout: { rows: 500, batches: 80, meanAbsoluteError: 0, medianAbsoluteError: 0, constantMeanAbsoluteError: 0, accuracyGap: 0 },
    calibration: {
      quantile: 1,
      spreadFloor: 0.01,
      batchRows: 250,
      trainingRows: 500,
      nominalCoverage: 0.9,
      seenCoverage: 0.9,
      unknownErrorCoverage: null,
    },
    forest: growForest({ rows: 200, columns, data }, targets, options, random).pack(),
  };
}

t.test('an estimate names metric, method and reference, and lies between its bounds inside [0, 1]', (t) => {
  const predictor = loadPredictor(model());
  for (const p of [0, 0.02, 0.5, 0.98, 1]) {
    const { metric, method, reference, value, low, high } = predictor.estimateBinary(new Array(100).fill(p));
    t.same([metric, method, reference], ['accuracy', 'estimated', 0.8]);
    t.ok(0 <= low && low <= value && value <= high && high <= 1, `${low} ${value} ${high}`);
  }
  t.end();
});

t.test('the probability of the second class alone gives what both give', (t) => {
  const predictor = loadPredictor(model());
  const p = [0.2, 0.9, 0.4, 0.75];
  const both = Float64Array.from(p.flatMap((value) => [1 - value, value]));
  t.same(predictor.estimateBinary(p), predictor.estimate(both));
  t.end();
});

t.test('one probability a row is refused where there are three classes', (t) => {
  t.throws(() => loadPredictor(model(['a', 'b', 'c'])).estimateBinary([0.5]), { name: 'RangeError' });
  t.end();
});

t.test('no rows leave everything open', (t) => {
  t.match(loadPredictor(model()).estimate(new Float64Array(0)), { value: 0.8, low: 0, high: 1 });
  t.end();
});

t.test('rows without an answer do not stop an estimate', (t) => {
  const { value, low, high } = loadPredictor(model()).estimate(Float64Array.of(Number.NaN, Number.NaN, Number.NaN, Number.NaN));
  t.ok([value, low, high].every((figure) => figure >= 0 && figure <= 1));
  t.end();
});

t.test('a small batch has a wider interval than a large one of the same answers', (t) => {
  const predictor = loadPredictor(model());
  const width = (rows: number) => {
    const { low, high } = predictor.estimateBinary(new Array(rows).fill(0.6));
    return high - low;
  };
  t.ok(width(20) > width(250));
  t.ok(width(250) > width(2000));
  t.end();
});

t.test('a predictor that went through its file answers to the bit as before', (t) => {
  const fresh = model();
  const p = Array.from({ length: 300 }, (_, row) => ((row * 37) % 101) / 101);
  t.same(loadPredictor(JSON.parse(JSON.stringify(fresh))).estimateBinary(p), loadPredictor(fresh).estimateBinary(p));
  t.end();
});

t.test('a foreign, later or damaged file is refused, and the message says what to do', (t) => {
  const sound = model();
  const files: readonly (readonly [string, unknown, string])[] = [
    ['no object', null, 'predictor-foreign'],
    ['a list', [], 'predictor-foreign'],
    ['another file', { format: 'policy' }, 'predictor-foreign'],
    ['a later version', { ...sound, version: 2 }, 'predictor-version'],
    ['other features', { ...sound, features: 'experts' }, 'predictor-version'],
    ['another metric', { ...sound, metric: 'auc' }, 'predictor-version'],
    ['no classes', { ...sound, classes: ['one'] }, 'predictor-damaged'],
    ['no reference', { ...sound, reference: null }, 'predictor-damaged'],
    ['an impossible reference', { ...sound, reference: 1.5 }, 'predictor-damaged'],
    ['no calibration', { ...sound, calibration: undefined }, 'predictor-damaged'],
    ['a calibration without size', { ...sound, calibration: { ...sound.calibration, batchRows: 0 } }, 'predictor-damaged'],
    ['no forest', { ...sound, forest: 'oak' }, 'predictor-damaged'],
    ['a forest for other classes', { ...sound, classes: ['a', 'b', 'c'] }, 'predictor-damaged'],
    ['a torn forest', { ...sound, forest: { ...sound.forest, right: 'AAAA' } }, 'predictor-forest'],
  ];
  for (const [name, file, code] of files) {
    t.throws(() => loadPredictor(file), { name: 'SnapshotError', code, message: /predictor/ }, name);
  }
  t.end();
});
