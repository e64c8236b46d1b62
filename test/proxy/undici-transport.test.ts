import t from 'tap';
import { clientTls } from '../../proxy/dial.ts';
import { prepareRequest } from '../../proxy/forward.ts';
import { parseRequestHead } from '../../proxy/framing.ts';
import { Identity } from '../../proxy/identity.ts';
import { DEFAULT_LIMITS } from '../../proxy/limits.ts';
import { UndiciTransport } from '../../proxy/undici-transport.ts';
import { upstream } from './wire.ts';

t.test('what is given up is not heard of any more, not even its failure of a moment before', async (t) => {
  const head = parseRequestHead('GET / HTTP/1.1\r\nHost: a');
  if (head.kind === 'refused') throw new Error(head.message);
  const request = prepareRequest(head);
  // Port 1 refuses.
  const destination = { ...upstream(1), clientTls: clientTls({ ca: null, cert: null, key: null }, null) };
  const transport = new UndiciTransport(destination, DEFAULT_LIMITS, (fault) => t.fail(String(fault)));
  t.teardown(() => transport.close());
  for (const isGivenUp of [false, true]) {
    const heard: string[] = [];
    const attempt = transport.open(
      {
        moved: () => heard.push('moved'),
        headMoved: () => heard.push('headMoved'),
        drained: () => heard.push('drained'),
        interim: () => heard.push('interim'),
        answer: () => heard.push('answer'),
        part: () => heard.push('part') > 0,
        failed: (reason) => heard.push(reason),
        evict: () => heard.push('evict'),
        fault: () => heard.push('fault'),
      },
      { request, identity: Identity.of(request, Date.now()) },
      false,
    );
    const told = attempt as typeof attempt & { onResponseError(controller: unknown, error: Error): void };
    const { onResponseError } = told;
    await new Promise<void>((resolve) => {
      told.onResponseError = (controller, error) => {
        onResponseError.call(told, controller, error);
        if (isGivenUp) attempt.discard();
        setImmediate(resolve);
      };
      attempt.send([], true, []);
    });
    t.same(heard, isGivenUp ? [] : ['connect-refused']);
  }
});
