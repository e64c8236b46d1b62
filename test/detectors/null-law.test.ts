import t from 'tap';
import { calibratedP, type NullLaw, nullLaw, scoreOf } from '../../detectors/null-law.ts';
import { Random } from '../../detectors/performance/random.ts';

/** Scores of a healthy test whose tail is `scale` times as long as that of plain p-values. */
function scores(scale: number, count = 4_000): number[] {
  const random = new Random(5);
  return Array.from({ length: count }, () => -scale * Math.log(1 - random.uniform()));
}

function lawOf(scale: number, blocks: number | null = null): NullLaw {
  const law = nullLaw(scores(scale), blocks);
  if (law === null) throw new Error('no law');
  return law;
}

t.test('scores are finite whatever the p-value', async (t) => {
  t.same([1, 0, Number.NaN, -1, 2].map(scoreOf), [0, 700, 0, 0, 0]);
  t.equal(scoreOf(1e-10), -Math.log(1e-10));
});

t.test('plain p-values stay about as they are where rows are independent', async (t) => {
  const law = lawOf(1);
  for (const pValue of [0.9, 0.5, 0.1, 0.01, 1e-3, 1e-5]) {
    const ratio = Math.log(calibratedP(law, pValue)) / Math.log(pValue);
    t.ok(Math.abs(ratio - 1) < 0.15, `${pValue}: ${ratio}`);
  }
});

t.test('where healthy windows differ four times as much, p has to be the fourth power', async (t) => {
  const law = lawOf(4);
  t.ok(Math.abs(Math.log10(calibratedP(law, 1e-12)) + 3) < 0.3, `${calibratedP(law, 1e-12)}`);
});

t.test('a law never makes a p-value smaller than the test itself does', async (t) => {
  const random = new Random(8);
  // A conservative test: ties keep its scores near zero.
  const law = nullLaw(
    Array.from({ length: 1_000 }, () => random.uniform() / 10),
    null,
  );
  t.ok(law !== null && calibratedP(law, 1e-6) >= 1e-6);
});

t.test('the fewer blocks, the less is made of an extreme p-value', async (t) => {
  const at = (blocks: number | null) => calibratedP(lawOf(3, blocks), 1e-12);
  t.ok(at(null) < at(400) && at(400) < at(50) && at(50) < at(20), [null, 400, 50, 20].map(at).join(' '));
  // (1 + L/a)^−a for 1/a = 1/15 + 1/400 (a tenth of the replays) and L = −ln of the law without blocks.
  const degrees = 1 / (1 / 15 + 1 / 400);
  t.ok(Math.abs(at(20) - (1 - Math.log(at(null)) / degrees) ** -degrees) < 1e-12);
});

t.test('calibrated p-values fall as p-values do, from 1 to nearly 0 and never beyond', async (t) => {
  const law = lawOf(2, 60);
  let before = 1;
  for (let exponent = 0; exponent <= 320; exponent += 0.25) {
    const p = calibratedP(law, 10 ** -exponent);
    t.ok(p > 0 && p <= before + 1e-12, `${exponent}: ${p}`);
    before = p;
  }
});

t.test('what some healthy windows did is not rarer than they were, however far out it lies', async (t) => {
  for (const share of [0.05, 0.02, 0.005]) {
    const usual = scores(1, 1_200 * (1 - share));
    const law = nullLaw([...usual, ...Array.from({ length: 1_200 * share }, (_, rank) => 40 + rank / 10)], 100)!;
    t.ok(calibratedP(law, Math.exp(-40)) >= share - 1e-9, `${share}: ${calibratedP(law, Math.exp(-40))}`);
    t.ok(calibratedP(law, Math.exp(-15)) >= share - 1e-9, 'nor what lies nearer');
    // Beyond them all the tail goes on.
    t.ok(calibratedP(law, Math.exp(-120)) < 0.01, `${calibratedP(law, Math.exp(-120))}`);
  }
});

t.test('excursions alarm no more often than they may, also those that went a little further than any replay', async (t) => {
  const random = new Random(6);
  // Two windows in a hundred have one, of about 140.
  const draw = (count: number) =>
    Array.from({ length: count }, () => (random.uniform() < 0.02 ? 140 + 8 * random.normal() : -Math.log(1 - random.uniform())));
  let alarms = 0;
  for (let run = 0; run < 40; run++) {
    // The reference has few of them, and replays show those few again and again.
    const kinds = draw(20_000)
      .filter((score) => score > 100)
      .slice(0, 3);
    const law = nullLaw(
      draw(1_200).map((score) => (score > 100 ? kinds[random.below(3)]! : score)),
      100,
    )!;
    for (const score of draw(1_000)) if (calibratedP(law, Math.exp(-score)) <= 0.001) alarms++;
  }
  t.ok(alarms / 40_000 <= 0.001, `${alarms} of 40 allowed`);
});

t.test('too few replays, or replays at the end of the scale, are no law', async (t) => {
  t.equal(nullLaw(scores(1, 99), null), null);
  t.equal(nullLaw(new Array(500).fill(700), null), null);
});

t.test('a law survives a JSON round trip', async (t) => {
  const law = lawOf(2, 30);
  t.same(JSON.parse(JSON.stringify(law)), law);
});

t.test(
  'the fewer replays, the less is made of an extreme p-value: new windows alarm as often as they may, on average over the replays',
  async (t) => {
    const random = new Random(12);
    const draw = (count: number) => Array.from({ length: count }, () => -3 * Math.log(1 - random.uniform()));
    let alarms = 0;
    for (let run = 0; run < 200; run++) {
      const law = nullLaw(draw(200), 1e9)!;
      for (const score of draw(200)) if (calibratedP(law, Math.exp(-score)) <= 0.005) alarms++;
    }
    const share = alarms / 40_000;
    t.ok(share > 0.003 && share < 0.0065, `${share} of 0.005`);
  },
);
