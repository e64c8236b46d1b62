import fc from 'fast-check';
import t from 'tap';
import { Memo } from '../../proxy/memo.ts';

t.test('what is read is what is made of the text, wherever the bytes lie and however alike others are', (t) => {
  // Few letters and lengths, so that texts often differ in one byte, at any place, or in nothing but their length.
  const text = fc.oneof(fc.string({ unit: fc.constantFrom('a', 'b', '\xff'), maxLength: 12 }), fc.constant('x'.repeat(3000)));
  const steps = fc.array(fc.record({ text, before: fc.nat(9), after: fc.nat(9), isFresh: fc.boolean() }), {
    minLength: 200,
    maxLength: 600,
  });
  fc.assert(
    fc.property(steps, (steps) => {
      const memo = new Memo((made) => ({ made }));
      const memory = Buffer.alloc(4096);
      for (const { text, before, after, isFresh } of steps) {
        const lying = `${'b'.repeat(before)}${text}${'a'.repeat(after)}`;
        // Either the same memory again, which has held others, or one of its own.
        const input = isFresh ? Buffer.from(lying, 'latin1') : memory.subarray(before);
        if (!isFresh) input.write(lying, 'latin1');
        if (memo.read(input, before, before + text.length).made !== text) return false;
      }
      return true;
    }),
    { seed: 11, numRuns: 50 },
  );
  t.end();
});

t.test('of bytes that come again nothing is made, neither text nor anew', (t) => {
  let times = 0;
  const memo = new Memo((text) => ({ text, times: ++times }));
  const bytes = Buffer.from('..a head that is repeated..');
  const first = memo.read(bytes, 2, 24);
  bytes.toString = () => t.fail('no text is made') as unknown as string;
  t.equal(memo.read(bytes, 2, 24), first);
  t.equal(times, 1);
  t.end();
});
