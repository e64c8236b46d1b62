import t from 'tap';
import { TrafficRate } from '../../../agent/calibration/traffic-rate.ts';

const HOUR = 3_600_000;

/** A window of 100 rows, the last `fresh` of them new. */
function windowOf(fromAt: number, toAt: number, fresh = 100) {
  return { range: { fromRow: 0, toRow: 99, fromAt, toAt }, rows: 100, times: new Array<number>(100).fill(toAt), freshFrom: 100 - fresh };
}

t.test('pauses between windows count, and rows that came at one moment have no rate yet', async (t) => {
  const rate = new TrafficRate(undefined);
  t.equal(rate.rowsPerMs, null);
  rate.add(windowOf(HOUR, HOUR));
  t.equal(rate.rowsPerMs, null);
  rate.add(windowOf(2 * HOUR, 2 * HOUR));
  t.equal(rate.rowsPerMs, 200 / HOUR);
  for (let hour = 3; hour <= 100; hour++) rate.add(windowOf(hour * HOUR, hour * HOUR));
  t.ok(Math.abs(rate.rowsPerMs! * HOUR - 100) < 2, `${rate.rowsPerMs! * HOUR} an hour`);
});

t.test('rows of overlapping windows count once', async (t) => {
  const rate = new TrafficRate(undefined);
  for (let step = 0; step < 100; step++) rate.add(windowOf(step * HOUR, (step + 10) * HOUR, 10));
  t.ok(Math.abs(rate.rowsPerMs! * HOUR - 10) < 0.2, `${rate.rowsPerMs! * HOUR} an hour`);
});

t.test('one hour at night is not the rate of a week, and last week fades', async (t) => {
  const rate = new TrafficRate(undefined);
  let at = 0;
  const hours = (count: number, windowsAnHour: number) => {
    for (let window = 0; window < count * windowsAnHour; window++) {
      rate.add(windowOf(at, at + HOUR / windowsAnHour));
      at += HOUR / windowsAnHour;
    }
  };
  hours(1, 1);
  hours(167, 10);
  t.ok(Math.abs(rate.rowsPerMs! * HOUR - 995) < 1, 'all that came in the week');
  hours(4 * 168, 1);
  t.ok(Math.abs(rate.rowsPerMs! * HOUR - 100) < 20, `${rate.rowsPerMs! * HOUR} an hour`);
});

t.test('a clock that was set leaves a rate of the right size', async (t) => {
  const rate = new TrafficRate(undefined);
  const hours = (from: number) => {
    for (let hour = from; hour < from + 400; hour++) rate.add(windowOf(hour * HOUR, (hour + 1) * HOUR));
  };
  hours(0);
  hours(1_000_000);
  hours(500);
  t.ok(Math.abs(rate.rowsPerMs! * HOUR - 100) < 5, `${rate.rowsPerMs! * HOUR} an hour`);
});

t.test('a restored rate goes on as if nothing had happened', async (t) => {
  const whole = new TrafficRate(undefined);
  let cut = new TrafficRate(undefined);
  for (let hour = 0; hour < 300; hour++) {
    whole.add(windowOf(hour * HOUR, (hour + 1) * HOUR, 50));
    cut = new TrafficRate(JSON.parse(JSON.stringify(cut.snapshot())));
    cut.add(windowOf(hour * HOUR, (hour + 1) * HOUR, 50));
  }
  t.equal(cut.rowsPerMs, whole.rowsPerMs);
});
