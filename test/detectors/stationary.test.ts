/**
 * Streams in which nothing changes: no alarm by the default options, the same for every stream, nothing tuned to one of them.
 * Streams of `test/golden/vectors` whose recipe has one law throughout.
 */
import path from 'node:path';
import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { detectorOf } from '../../detectors/catalogue.ts';
import { readJson } from '../support/golden-file.ts';

interface Stream {
  readonly kind: 'bits' | 'real';
  readonly n: number;
  readonly bits?: string;
  readonly values?: readonly number[];
}

const STATIONARY = ['bern-flat', 'uniform-flat', 'constant', 'edge-zeros', 'edge-ones', 'edge-alternate', 'edge-period7'];
const SILENT = ['adwin', 'hddm-a', 'ddm', 'cusum', 'variance', 'e-detector', 'confidence-sequence'];

for (const name of STATIONARY) {
  const { kind, n, bits, values } = readJson(path.join(import.meta.dirname, `../golden/vectors/streams/${name}.json`)) as Stream; // the file is ours
  const stream = bits === undefined ? values! : Array.from(bits, Number);
  for (const type of SILENT) {
    const definition = detectorOf(type);
    if (definition?.kind !== 'streaming') throw new Error(type);
    if (definition.observes === 'binary' && kind !== 'bits') continue;
    t.test(`${type} by its defaults is silent on ${name}`, (t) => {
      const detector = definition.create(withDefaults(definition.options, {}));
      t.same(
        stream.flatMap((value, index) => (detector.update(value) === 'drift' ? [index] : [])),
        [],
      );
      t.equal(detector.observed, n);
      t.end();
    });
  }
}
