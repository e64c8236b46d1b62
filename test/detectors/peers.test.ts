/** Parity of the named variants with MOA, where they follow it (origin in test/golden/vectors/README.md). */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { adwin } from '../../detectors/adwin.ts';
import { hddmW } from '../../detectors/hddm-w.ts';
import { readJson } from '../support/golden-file.ts';

const golden = (name: string) => readJson(fileURLToPath(new URL(`../golden/vectors/${name}.json`, import.meta.url)));

interface PeerCase {
  readonly stream: string;
  readonly detector: string;
  readonly drifts: readonly number[];
  readonly checkpoints?: readonly {
    readonly i: number;
    readonly width: number;
    readonly total: number;
    readonly variance_per_item: number;
  }[];
}

const { moa } = golden('detectors/peers') as { moa: { cases: PeerCase[] } };
const streams = new Map<string, Float64Array>();

function streamOf(name: string): Float64Array {
  let values = streams.get(name);
  if (values === undefined) {
    const { bits, values: reals } = golden(`streams/${name}`) as { bits?: string; values?: number[] };
    values = bits === undefined ? Float64Array.from(reals!) : Float64Array.from(bits, Number);
    streams.set(name, values);
  }
  return values;
}

const near = (ours: number, theirs: number) => Math.abs(ours - theirs) <= 1e-9 * Math.abs(theirs) + 1e-15;

for (const [name, cases, given] of [
  ['adwin_raw', 37, {}],
  ['adwin_raw_clock1', 37, { clock: 1 }],
] as const) {
  t.test(`adwin that keeps its window cuts where MOA’s ${name} does, and keeps the same window`, (t) => {
    const theirs = moa.cases.filter(({ detector }) => detector === name);
    t.equal(theirs.length, cases);
    for (const { stream, drifts, checkpoints = [] } of theirs) {
      const detector = adwin.create(withDefaults(adwin.options, { semantics: 'river', keepWindow: true, ...given }));
      const states = new Map(checkpoints.map((checkpoint) => [checkpoint.i, checkpoint]));
      const ours: number[] = [];
      const wrong: number[] = [];
      for (const [index, value] of streamOf(stream).entries()) {
        if (detector.update(value) === 'drift') ours.push(index);
        const checkpoint = states.get(index);
        if (checkpoint === undefined) continue;
        const { width, total, variance } = detector.snapshot() as { width: number; total: number; variance: number };
        const equal = width === checkpoint.width && near(total, checkpoint.total) && near(variance / width, checkpoint.variance_per_item);
        if (!equal) wrong.push(index);
      }
      t.same(ours, drifts, stream);
      t.same(wrong, [], `${stream}: state`);
    }
    t.end();
  });
}

t.test('hddm-w with the paper’s start fires where MOA’s one-sided one does', (t) => {
  const theirs = moa.cases.filter(({ detector }) => detector === 'hddm_w_one');
  t.equal(theirs.length, 23);
  let differsFromRiver = 0;
  for (const { stream, drifts } of theirs) {
    const driftsFrom = (start: string) => {
      const detector = hddmW.create(withDefaults(hddmW.options, { start }));
      return [...streamOf(stream)].flatMap((value, index) => (detector.update(value) === 'drift' ? [index] : []));
    };
    t.same(driftsFrom('paper'), drifts, stream);
    if (String(driftsFrom('river')) !== String(drifts)) differsFromRiver++;
  }
  t.ok(differsFromRiver > 0, 'the starts are not the same');
  t.end();
});
