import t from 'tap';
import { parseOptions } from '../../agent/option-text.ts';

const schemas = {
  delta: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 0.002, description: 'Confidence.' },
  clock: { type: 'integer', minimum: 1, default: 32, description: 'Clock.' },
  yates: { type: 'boolean', default: true, description: 'Yates.' },
  semantics: { type: 'string', enum: ['safe', 'river'], default: 'safe', description: 'Semantics.' },
} as const;

t.test('words become values of the option’s type', (t) => {
  t.same(parseOptions(schemas, ['delta=1e-3', 'clock=8', 'yates=false', 'semantics=river', 'clock=9'], 'x'), {
    delta: 0.001,
    clock: 9,
    yates: false,
    semantics: 'river',
  });
  t.same(parseOptions(schemas, [], 'x'), {});
  t.end();
});

t.test('what does not fit is refused with what would', (t) => {
  for (const [word, message] of [
    ['delta', '--option delta: write it as name=value'],
    ['dleta=1', 'x: has no option dleta; did you mean delta? (delta, clock, yates, semantics)'],
    ['toString=1', 'x: has no option toString; use delta, clock, yates or semantics'],
    ['delta=0', 'x: option delta is 0; it takes a number above 0 up to 1'],
    ['delta=1.1', 'x: option delta is 1.1; it takes a number above 0 up to 1'],
    ['delta=', 'x: option delta is ; it takes a number above 0 up to 1'],
    ['delta=NaN', 'x: option delta is NaN; it takes a number above 0 up to 1'],
    ['clock=1.5', 'x: option clock is 1.5; it takes a whole number from 1'],
    ['yates=1', 'x: option yates is 1; it takes true or false'],
    ['semantics=rivers', 'x: option semantics is rivers; it takes safe or river'],
  ] as const) {
    let thrown: unknown = null;
    try {
      parseOptions(schemas, [word], 'x');
    } catch (error) {
      thrown = error;
    }
    t.match(thrown, { name: 'ConfigError' }, word);
    t.equal((thrown as Error).message, message, word);
  }
  t.end();
});
