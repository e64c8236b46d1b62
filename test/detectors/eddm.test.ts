import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { eddm } from '../../detectors/eddm.ts';
import { driftsOf } from '../support/random-streams.ts';

const create = (given: { readonly [option: string]: unknown } = {}) => eddm.create(withDefaults(eddm.options, given));

/** Zeros, and a one at the end of each distance. */
const errorsAt = (...distances: number[]) => distances.flatMap((distance) => [...new Array(distance - 1).fill(0), 1]);

t.test('statistic and threshold are the loss of distance and the loss allowed, as computed by hand', (t) => {
  const detector = create({ warmStart: 2 });
  t.same(driftsOf(detector, errorsAt(10, 14)), []);
  t.equal(detector.level, 'warming-up');
  t.equal(detector.statistic, null);
  const best = 12 + 2 * Math.sqrt(8);
  t.same(driftsOf(detector, errorsAt(12)), []);
  t.equal(detector.level, 'warning', '0.906 is below alpha and not below beta');
  t.ok(Math.abs(detector.statistic! - (1 - (12 + 2 * 2) / best)) < 1e-15, 'the sample’s deviation of 10, 14 and 12 is 2');
  t.ok(Math.abs(detector.threshold! - 0.1) < 1e-15);
  t.end();
});

t.test('errors that come closer together are warned of and then drift, dated from the warning', (t) => {
  const detector = create({ warmStart: 5 });
  t.same(driftsOf(detector, errorsAt(...new Array(30).fill(20))), []);
  let warned = 0;
  for (let k = 0; k < 200; k++) {
    const level = detector.update(k % 5 === 4 ? 1 : 0);
    if (level === 'warning') warned++;
    if (level === 'drift') break;
    t.equal(detector.changedFor, null);
  }
  t.equal(detector.level, 'drift');
  t.ok(warned > 0);
  t.equal(detector.changedFor, warned + 1, 'the warning stands over right predictions');
  t.ok(detector.statistic! > detector.threshold!);
  t.end();
});

t.test('a warning stands until an error takes it back', (t) => {
  const detector = create({ warmStart: 2, alpha: 0.99, beta: 0.5 });
  driftsOf(detector, errorsAt(10, 10, 10, 9));
  t.equal(detector.level, 'stable', 'a larger deviation makes a new best');
  driftsOf(detector, errorsAt(9, 8, 8, 8, 8));
  t.equal(detector.level, 'warning');
  t.same([detector.update(0), detector.update(0)], ['warning', 'warning']);
  driftsOf(detector, errorsAt(200));
  t.equal(detector.level, 'warning', 'a new best leaves it as it is');
  driftsOf(detector, errorsAt(65));
  t.equal(detector.level, 'stable');
  t.end();
});
