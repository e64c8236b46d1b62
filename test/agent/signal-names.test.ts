import t from 'tap';
import { signalName } from '../../agent/signal-names.ts';

t.test('columns of the two sides are two signals', (t) => {
  t.equal(signalName('inputs', 'age'), 'inputs.age');
  t.equal(signalName('outputs', 'age'), 'outputs.age');
  t.equal(signalName('inputs', 'age'), 'inputs.age', 'asked again');
  t.end();
});

t.test('names without end are named rightly and do not fill the memory', (t) => {
  const before = process.memoryUsage().heapUsed;
  const long = 'x'.repeat(1_000);
  let wrong = 0;
  for (let k = 0; k < 100_000; k++) if (signalName('inputs', `${k}${long}`) !== `inputs.${k}${long}`) wrong++;
  t.equal(wrong, 0);
  const grownMb = (process.memoryUsage().heapUsed - before) / 1e6;
  t.ok(grownMb < 60, `${grownMb.toFixed(0)} MB of the 200 that all of them take`);
  t.end();
});

t.test('a name that is a property of every object is a name like others', (t) => {
  for (const name of ['constructor', '__proto__', '']) t.equal(signalName('outputs', name), `outputs.${name}`);
  t.end();
});
