import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';

const schemas = {
  delta: { type: 'number', default: 0.002, description: 'Confidence.' },
  seed: { type: 'integer', description: 'Seed.' },
} as const;

t.test('an option that is not given takes its default, and one without a default stays undefined', (t) => {
  t.same(withDefaults(schemas, {}), { delta: 0.002, seed: undefined });
  t.same(withDefaults(schemas, { delta: 0.1, seed: 4 }), { delta: 0.1, seed: 4 });
  t.end();
});
