/** What people read at the demo's end. */
import t from 'tap';
import { type DemoSummary, summaryText } from '../../../agent/demo/summary.ts';

const nothing = { measured: null, estimated: null, low: null, high: null };
const summary: DemoSummary = {
  predictions: 1_803,
  failed: 0,
  servedBy: { primary: 1_803, fallback: 0 },
  labelsJoined: 1_803,
  faultAtRow: 1_202,
  accuracy: { before: { measured: 0.8214, estimated: 0.8, low: 0.75, high: 0.85 }, after: nothing },
  alerts: [],
  webhooks: { delivered: 1, verified: 1, withheld: 2 },
  addedLatencyMs: { p50: 0.0619, p99: 0.7498 },
};

t.test('the summary in words', async (t) => {
  t.equal(
    summaryText(summary, 9.7),
    `Summary of 1,803 predictions in 10 s
  served         1803 by the model server, 0 by the fallback, 0 failed
  labels         1803 joined
  accuracy       before row 1202: measured 0.821, estimated 0.800 (0.750–0.850)
                 after it: not measured, not estimated
  retraining     1 call delivered, 1 verified by the receiver, 2 withheld
  added latency  0.0619 ms at the median, 0.7498 ms at p99
  alerts         0`,
  );
});

t.test('few calls on a busy machine show no added latency, and never a negative one', async (t) => {
  const text = summaryText({ ...summary, addedLatencyMs: { p50: -0.7, p99: 0 } }, 1);
  t.match(text, '  added latency  none to be seen at the median, none to be seen at p99\n');
});
