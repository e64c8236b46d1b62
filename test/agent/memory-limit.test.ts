/**
 * The container's memory figures, from control groups of both versions.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { memoryShare } from '../../agent/memory-limit.ts';

t.test('version 2: the group, or what is mounted inside a container', async (t) => {
  const figures = { 'memory.max': '1000\n', 'memory.current': '700\n', 'memory.stat': 'anon 500\ninactive_file 200\n' };
  const root = t.testdir({ pod: figures, inside: { ...figures, 'memory.current': '1000\n' }, self: '0::/pod\n' });
  t.equal(memoryShare(root, path.join(root, 'self'))(), 0.5);
  t.equal(memoryShare(path.join(root, 'inside'), path.join(root, 'self'))(), 0.8);
});

t.test('version 1', async (t) => {
  const figures = {
    'memory.limit_in_bytes': '4000',
    'memory.usage_in_bytes': '3000',
    'memory.stat': 'inactive_file 9\ntotal_inactive_file 1000\n',
  };
  const root = t.testdir({ memory: { pod: figures }, self: '8:cpu:/x\n7:memory:/pod\n' });
  t.equal(memoryShare(root, path.join(root, 'self'))(), 0.5);
});

t.test('without a limit, without groups, and when the files go away there is no share', async (t) => {
  const root = t.testdir({
    one: { 'memory.max': 'max\n', 'memory.current': '7', 'memory.stat': '' },
    self: '0::/one\n',
    huge: { memory: { 'memory.limit_in_bytes': '9223372036854771712', 'memory.usage_in_bytes': '1', 'memory.stat': '' } },
    old: '7:memory:/\n',
  });
  t.equal(memoryShare(root, path.join(root, 'self'))(), null);
  t.equal(memoryShare(path.join(root, 'huge'), path.join(root, 'old'))(), null);
  t.equal(memoryShare(path.join(root, 'nowhere'), path.join(root, 'self'))(), null);
  t.equal(memoryShare(root, path.join(root, 'none'))(), null);
  writeFileSync(path.join(root, 'one/memory.max'), '100');
  t.equal(memoryShare(root, path.join(root, 'self'))(), 0.07, 'a limit that is set later counts');
});
