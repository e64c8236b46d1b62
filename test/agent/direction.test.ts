import t from 'tap';
import { directionOf } from '../../agent/direction.ts';
import { exchangeOf, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

t.test('a recovery of the model server is no alarm, its next failure is', async (t) => {
  const policy = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  monitors: [{name: failed, features: [request.failed], detectors: {numeric: {type: adwin}}, clear: {for: 1s}, severity: critical}]
  actions: [{name: console, type: console}]
`);
  let now = 0;
  const line = await openLine(policy, t.testdir(), () => now);
  const send = (calls: number, status: number) => {
    for (let i = 0; i < calls; i++) line.analysis.observe(exchangeOf(`id-${now++}`, now, [{ x: 1 }], [0], { status }));
    now += 2_000;
    line.analysis.tick();
    line.commit();
    return line.reader.page<{ signal: string; state: string }>('alerts', 0, 100).items.map((alert) => alert.state);
  };
  t.same(send(500, 200), []);
  t.same(send(300, 503), ['resolved'], 'it fired, and cleared as time passed');
  t.same(send(500, 200), ['resolved'], 'nothing new at the recovery');
  t.same(send(300, 503), ['resolved', 'resolved'], 'the second failure fired again');
  const seen = line.reader.monitors()[0]?.shown as { observed: number };
  t.equal(seen.observed, 1_600);
  line.crash();
});

t.test('restored in mid-stream it judges as if never interrupted', (t) => {
  const whole = directionOf('feedback.error')!;
  let cut = directionOf('feedback.error')!;
  for (let i = 0; i < 400; i++) {
    const value = Number(i < 250);
    whole.see(value);
    cut.see(value);
    if (i % 90 === 0) cut = directionOf('feedback.error', JSON.parse(JSON.stringify(cut.snapshot())))!;
  }
  t.equal(whole.improved(100), true);
  t.equal(cut.improved(100), true);
  const speed = directionOf('request.tokensPerSecond')!;
  for (let i = 0; i < 100; i++) speed.see(i < 50 ? 10 : 20);
  t.equal(speed.improved(50), true, 'more tokens a second are good news');
  for (let i = 0; i < 100; i++) speed.see(i < 50 ? 20 : 10);
  t.equal(speed.improved(50), false);
  t.equal(directionOf('inputs.age'), null, 'an input may drift either way');
  t.equal(directionOf('feedback.error', 'nonsense')!.improved(null), false, 'without anything seen it has not fallen');
  t.end();
});
