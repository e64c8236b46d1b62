import t from 'tap';
import { Admission, type Waiter } from '../../proxy/admission.ts';
import { DEFAULT_LIMITS } from '../../proxy/limits.ts';

function places(maxUpstreamConnections: number, maxQueuedCalls: number, maxQueuedBytes = 1000) {
  return new Admission({ ...DEFAULT_LIMITS, maxUpstreamConnections, maxQueuedCalls, maxQueuedBytes });
}

function waiter(heldBytes = 0, admitted: () => void = () => {}): Waiter & { ins: number } {
  const one = {
    heldBytes,
    ins: 0,
    admitted: () => {
      one.ins++;
      admitted();
    },
  };
  return one;
}

t.test('calls beyond the places wait in order, and those beyond the queue are refused', (t) => {
  const admission = places(1, 2);
  const [a, b, c, d] = [waiter(), waiter(), waiter(), waiter()];
  t.same(
    [a, b, c, d].map((one) => admission.enter(one)),
    ['in', 'waiting', 'waiting', 'full'],
  );
  admission.leave(a);
  t.same([b.ins, c.ins], [1, 0]);
  admission.leave(b);
  t.same([b.ins, c.ins], [1, 1]);
  admission.leave(c);
  t.equal(admission.enter(d), 'in');
  t.end();
});

t.test('one that gives up waiting makes room in the queue and takes nobody’s place', (t) => {
  const admission = places(1, 1);
  const [a, b, c] = [waiter(), waiter(), waiter()];
  admission.enter(a);
  admission.enter(b);
  admission.leave(b);
  t.equal(admission.enter(c), 'waiting');
  admission.leave(a);
  t.same([b.ins, c.ins], [0, 1]);
  t.end();
});

t.test('the bytes that wait are bounded too, and are given back', (t) => {
  const admission = places(1, 100, 1000);
  const first = waiter();
  admission.enter(first);
  const big = waiter(900);
  t.equal(admission.enter(big), 'waiting');
  t.equal(admission.enter(waiter(101)), 'full');
  admission.leave(big);
  t.equal(admission.enter(waiter(101)), 'waiting');
  t.end();
});

t.test('a thousand that leave as soon as they are let in do not grow the stack', (t) => {
  const admission = places(1, 50_000);
  const first = waiter();
  admission.enter(first);
  let left = 0;
  for (let n = 0; n < 50_000; n++) {
    const one: Waiter = {
      heldBytes: 0,
      admitted: () => {
        left++;
        admission.leave(one);
      },
    };
    admission.enter(one);
  }
  admission.leave(first);
  t.equal(left, 50_000);
  t.equal(admission.enter(first), 'in');
  t.end();
});
