import t from 'tap';
import { AnalysisThread } from '../../agent/analysis.ts';
import { readCounts } from '../../agent/accounting.ts';
import { connectState } from '../../agent/store/open.ts';
import { StoreReader } from '../../agent/store/read.ts';
import { Identity } from '../../proxy/identity.ts';
import { createRing, RingWriter } from '../../proxy/ring.ts';
import { policyOf } from '../support/policies.ts';

const copied = (memory: Buffer) => ({ memory, recordedBytes: memory.length, totalBytes: memory.length, fingerprint: null });
const policy = policyOf('  model: {name: m}\n  traffic: {upstreams: {primary: {url: "http://127.0.0.1:9"}}}');

t.test('what was left out of a ring is counted once, also after another policy and another start', async (t) => {
  const stateDirectory = t.testdir();
  const counts = () => {
    const db = connectState(stateDirectory);
    const { accepted, dropped } = readCounts(new StoreReader(db).state('accounting'));
    db.close();
    return { accepted, dropped };
  };
  for (const total of [3, 6]) {
    const ring = createRing(4096);
    const writer = new RingWriter(ring);
    for (let call = 0; call < 3; call++) writer.leaveOut('shed');
    const { thread } = await AnalysisThread.start({ stateDirectory, policy, rings: [ring] });
    await thread.setPolicy(policy);
    await thread.close();
    t.same(counts(), { accepted: total, dropped: { shed: total } });
  }
});

t.test('every exchange of a full ring is recorded, however many are taken at once', async (t) => {
  const calls = 700;
  const ring = createRing(1 << 20);
  const writer = new RingWriter(ring);
  const body = Buffer.from('{"inputs":[{"name":"a","datatype":"FP32","shape":[1,1],"data":[0.5]}]}');
  for (let call = 0; call < calls; call++) {
    const written = writer.write({
      ...{
        identity: Identity.ofSeen({ callerId: `call-${call}`, trace: null }, Date.now()),
        captured: { method: 'POST', path: '/v2/models/m/infer', text: 'POST/v2/models/m/infer' },
        startedAt: Date.now(),
        latencyMs: 1,
        status: 0,
        servedBy: 'none',
      },
      ...{ outcome: 'aborted', reason: null, answerFields: '' },
      ...{ request: copied(body), answer: copied(Buffer.alloc(0)) },
    });
    if (!written) t.fail(`the ring had no room for call ${call}`);
  }
  const stateDirectory = t.testdir();
  const { thread } = await AnalysisThread.start({ stateDirectory, policy, rings: [ring] });
  await thread.close();
  const db = connectState(stateDirectory);
  t.equal(db.prepare('SELECT count(*) AS records FROM records').get()?.records, calls);
  db.close();
});
