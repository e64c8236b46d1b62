import t from 'tap';
import { Breaker } from '../../proxy/breaker.ts';

const options = { failures: 3, share: 0.5, ofLast: 10, openMs: 1000 };

t.test('so many failures in a row open it, one success before that does not', (t) => {
  const breaker = new Breaker(options);
  for (const outcome of ['failed', 'failed', 'succeeded', 'failed', 'failed'] as const) {
    t.ok(breaker.admits(0));
    if (outcome === 'failed') t.notOk(breaker.failed(0));
    else breaker.succeeded();
  }
  t.equal(breaker.state, 'closed');
  t.ok(breaker.failed(0), 'the third in a row');
  t.equal(breaker.state, 'open');
  t.end();
});

t.test('an open one lets nothing through until its time is over, then one call, whose fate decides', (t) => {
  const breaker = new Breaker({ ...options, failures: 1 });
  breaker.failed(5000);
  t.notOk(breaker.admits(5999));
  t.equal(breaker.waitMs(5400), 600);
  t.ok(breaker.admits(6000));
  t.equal(breaker.state, 'half-open');
  t.notOk(breaker.admits(6001), 'one is enough');
  t.ok(breaker.failed(6500), 'it failed: open again');
  t.notOk(breaker.admits(7499));
  t.ok(breaker.admits(7500));
  breaker.succeeded();
  t.equal(breaker.state, 'closed');
  t.ok(breaker.admits(7501) && breaker.admits(7502));
  t.end();
});

t.test('a probe whose client leaves lets the next call find out', (t) => {
  const breaker = new Breaker({ ...options, failures: 1 });
  breaker.failed(0);
  t.ok(breaker.admits(1000));
  breaker.abandoned(1100);
  t.ok(breaker.admits(1100));
  t.equal(breaker.state, 'half-open');
  t.end();
});

t.test('calls that were under way when it opened do not keep it open', (t) => {
  const breaker = new Breaker({ ...options, failures: 1 });
  breaker.failed(0);
  t.notOk(breaker.failed(900));
  breaker.succeeded();
  t.equal(breaker.state, 'open', 'nor does a late answer close it: the probe does');
  t.ok(breaker.admits(1000));
  t.end();
});

t.test('a share of failures opens it once there are enough calls to speak of one', (t) => {
  const breaker = new Breaker({ ...options, failures: 100 });
  for (let n = 0; n < 9; n++) {
    if (n % 2 === 0) breaker.failed(0);
    else breaker.succeeded();
    t.equal(breaker.state, 'closed');
  }
  t.ok(breaker.failed(0), 'six of ten');
  const steady = new Breaker({ ...options, failures: 100 });
  for (let n = 0; n < 1000; n++) {
    if (n % 3 === 0) steady.failed(0);
    else steady.succeeded();
  }
  t.equal(steady.state, 'closed', 'a third is less than a half, however long it goes on');
  t.end();
});
