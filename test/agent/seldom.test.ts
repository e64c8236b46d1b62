import t from 'tap';
import { seldom } from '../../agent/seldom.ts';

t.test('a fault at every call is told once a minute, with the number of those left out', async (t) => {
  const lines: string[] = [];
  let now = 1_000;
  const tell = seldom(
    (line) => lines.push(line),
    () => now,
  );
  for (let i = 0; i < 120; i++, now += 1_000) tell(`fault ${i}`);
  now += 60_000;
  tell('the last');
  t.same(lines, [
    'fault 0',
    'fault 60\n(59 more, of this or another kind, since the last one)',
    'the last\n(59 more, of this or another kind, since the last one)',
  ]);
});
