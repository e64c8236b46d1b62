import path from 'node:path';
import t from 'tap';
import { ConfigError } from '../../../contracts/errors.ts';
import { lockState } from '../../../agent/store/open.ts';

const codeOf = (run: () => unknown) => {
  try {
    run();
    return null;
  } catch (error) {
    return error instanceof ConfigError ? error.code : error;
  }
};

t.test('a state directory that cannot be made is a mistake with a remedy, not a crash', async (t) => {
  const folder = t.testdir({ file: 'in the way' });
  t.equal(
    codeOf(() => lockState(path.join(folder, 'file'))),
    'state-unwritable',
  );
  t.equal(
    codeOf(() => lockState(path.join(folder, 'file/below'))),
    'state-unwritable',
  );
});

t.test('one process a state directory, until it lets go', async (t) => {
  const folder = t.testdir();
  const lock = lockState(folder);
  t.equal(
    codeOf(() => lockState(folder)),
    'state-in-use',
  );
  lock.close();
  lockState(folder).close();
});
