import t from 'tap';
import { ServedVersions } from '../../agent/served-versions.ts';

const answer = (version: string | null, status = 200) => ({ version, status });

t.test('versions that take turns stay live, and none of them ends', async (t) => {
  const versions = new ServedVersions();
  for (let call = 0; call < 3_000; call++) t.same(versions.see(answer(call % 10 === 0 ? '8' : '7')).ended, []);
  t.same(versions.live.toSorted(), ['7', '8']);
  t.equal(versions.current, '7', 'the one that answers most');
});

t.test('a version has ended after 500 calls without it, and a rare one after twenty of its usual gaps', async (t) => {
  const versions = new ServedVersions();
  for (let call = 0; call < 50; call++) versions.see(answer('7'));
  const silence = (version: string) => {
    for (let call = 1; call < 20_000; call++) if (versions.see(answer('8')).ended.includes(version)) return call;
    return null;
  };
  t.equal(silence('7'), 500);
  for (let call = 0; call < 1_000; call++) versions.see(answer(call % 100 === 99 ? '9' : '8'));
  const gap = (1_000 - 99) / 10;
  t.equal(silence('9'), Math.ceil(20 * gap));
});

t.test('only an answer begins a version; what failed counts for the one that answers most', async (t) => {
  const versions = new ServedVersions();
  versions.see(answer('7'));
  t.same(versions.see(answer('99', 404)), { version: '7', began: false, ended: [] });
  t.same(versions.see(answer(null, 502)).version, '7');
  t.same(versions.see(answer(null)).version, '7', 'an answer that names none as well');
  t.same(versions.see(answer('8')), { version: '8', began: true, ended: [] });
  t.same(versions.see(answer('8', 500)).version, '8', 'a failure of a known version is its own');
});

t.test('names without end push out one another, not the versions that answer', async (t) => {
  const versions = new ServedVersions();
  for (let call = 0; call < 300; call++) versions.see(answer(call % 4 === 0 ? '8' : '7'));
  for (let call = 0; call < 400; call++) {
    versions.see(answer(call % 4 === 0 ? '8' : '7'));
    versions.see(answer(`made-up-${call}`));
  }
  t.equal(versions.live.length, 4);
  t.ok(versions.live.includes('7') && versions.live.includes('8'));
});

t.test('restored equals uninterrupted', async (t) => {
  const names = ['7', '8', null, 'canary'];
  const story = Array.from({ length: 2_000 }, (_, call) =>
    answer(names[call > 900 ? (call * 7) % 2 : (call * 31) % 4]!, call % 13 === 0 ? 502 : 200),
  );
  const whole = new ServedVersions();
  let broken = new ServedVersions();
  for (const call of story) {
    broken = new ServedVersions(JSON.parse(JSON.stringify(broken.snapshot())));
    t.same(broken.see(call), whole.see(call));
  }
  t.same(broken.snapshot(), whole.snapshot());
});
