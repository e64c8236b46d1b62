import type { LookupFunction } from 'node:net';
import t from 'tap';
import { isPublicAddress, publicLookup } from '../../../policies/actions/dialled.ts';
import { post } from '../../../policies/actions/post.ts';

const REFUSED = [
  ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.9.9.9', '169.254.169.254', '172.16.0.1', '172.31.255.255'],
  ...['192.168.1.1', '198.18.0.1', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255'],
  ...['::', '::1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:7f00:1', '::ffff:0:127.0.0.1', '64:ff9b::7f00:1'],
  ...[
    '64:ff9b:1::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    '2606:4700::1111%eth0',
    'fec0::1',
    'ff02::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2001::1',
  ],
  ...['not an address', '', '8.8.8.8.', '0x7f.1'],
];
const PUBLIC = ['8.8.8.8', '1.1.1.1', '100.63.255.255', '100.128.0.0', '172.15.255.255', '172.32.0.1', '2606:4700::1111', '2a00:1450::1'];

t.test('private, local, shared, metadata, multicast and IPv4-carrying addresses are not public', (t) => {
  for (const address of REFUSED) t.equal(isPublicAddress(address), false, address);
  for (const address of PUBLIC) t.equal(isPublicAddress(address), true, address);
  t.end();
});

function answering(...addresses: string[]): LookupFunction {
  return (_name, _options, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
}

async function resolve(lookup: LookupFunction, all: boolean): Promise<unknown> {
  return await new Promise((done, fail) => {
    publicLookup(lookup)('host.example', { all }, (error, found) => (error === null ? done(found) : fail(error)));
  });
}

t.test('a look-up passes public addresses on, one or all as asked', async (t) => {
  t.same(await resolve(answering('8.8.8.8', '1.1.1.1'), true), [
    { address: '8.8.8.8', family: 4 },
    { address: '1.1.1.1', family: 4 },
  ]);
  t.equal(await resolve(answering('8.8.8.8', '1.1.1.1'), false), '8.8.8.8');
});

t.test('one private address among several refuses the name, wherever it stands', async (t) => {
  for (const lookup of [answering('8.8.8.8', '10.0.0.1'), answering('10.0.0.1', '8.8.8.8'), answering('::1')]) {
    await t.rejects(resolve(lookup, true), { name: 'RefusedAddress' });
    await t.rejects(resolve(lookup, false), { name: 'RefusedAddress' });
  }
});

t.test('a name without address and a failing look-up are plain errors', async (t) => {
  await t.rejects(resolve(answering(), false), /no address/);
  const failing: LookupFunction = (_name, _options, callback) => callback(Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' }), []);
  await t.rejects(resolve(failing, true), /ENOTFOUND/);
});

t.test('a call looks its name up once, and dials nothing when that answer is refused', async (t) => {
  let asked = 0;
  const rebinding: LookupFunction = (name, options, callback) => {
    asked += 1;
    answering('127.0.0.1')(name, options, callback);
  };
  const request = { headers: {}, body: '', allowPrivate: false, timeoutMs: 2000, signal: new AbortController().signal };
  for (const url of ['http://rebind.example/', 'https://rebind.example/']) {
    await t.rejects(post({ ...request, url, lookup: rebinding }), { name: 'RefusedAddress' });
  }
  t.equal(asked, 2);
});
