/** What the command line ends with. */
import t from 'tap';
import { startProgram } from '../support/program.ts';

t.setTimeout(60_000);

t.test('an address that cannot be had ends 3, that of the data port as that of the admin port', async (t) => {
  const folder = t.testdir();
  const started = (listen: string, admin: string) =>
    startProgram(['run', '--upstream', 'http://127.0.0.1:9', '--listen', listen, '--admin', admin, '--state', `${folder}/${listen}`]);
  const programs = [started('192.0.2.1:0', '127.0.0.1:0'), started('127.0.0.1:0', '192.0.2.1:0')];
  for (const { ended, said } of programs) {
    t.equal((await ended).code, 3);
    t.match(said(), /192\.0\.2\.1:0 .*; choose another/);
  }
});
