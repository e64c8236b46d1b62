import { join } from 'node:path';
import t from 'tap';
import { readSecret } from '../../policies/secrets.ts';

t.test('a secret comes from the environment first, then from the folder, without white space around it', (t) => {
  const folder = t.testdir({ 'retrain-hook': 'from-file\n', 'only-file': ' x y \n', empty: '\n' });
  const environment = { DRIFTLINE_SECRET_RETRAIN_HOOK: 'from-environment\n', DRIFTLINE_SECRETS_DIR: folder };
  t.equal(readSecret('retrain-hook', environment), 'from-environment');
  t.equal(readSecret('retrain-hook', { DRIFTLINE_SECRETS_DIR: folder }), 'from-file');
  t.equal(readSecret('only-file', environment), 'x y');
  t.equal(readSecret('empty', environment), null);
  t.equal(readSecret('none', environment), null);
  t.equal(readSecret('retrain-hook', {}), null);
  t.end();
});

t.test('a reference that is no plain name reads nothing, so it cannot leave the folder', (t) => {
  const folder = t.testdir({ outside: 'no', inside: {} });
  for (const reference of ['../outside', '/etc/hostname', '.', '..', 'a/b', '', 'a b', '-x']) {
    t.equal(readSecret(reference, { DRIFTLINE_SECRETS_DIR: join(folder, 'inside') }), null, reference);
  }
  t.end();
});
