/**
 * Which addresses a webhook may dial, checked on the address and not on the name: a name can point anywhere, and anew at each look-up.
 *
 * Refused: this network, private, shared (CGNAT), loopback, link-local (the clouds' metadata service is there), benchmarking,
 * documentation, multicast and reserved ranges (IANA special-purpose registries, RFC 6890), and every IPv6 form that carries an IPv4
 * address, since a gateway would turn it into one.
 */
import { lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

const REFUSED_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** Unspecified, loopback and IPv4-compatible; IPv4-mapped and -translated; NAT64 well-known and local; Teredo; documentation; 6to4. */
const REFUSED_V6 = [
  '::/96',
  '::ffff:0:0/96',
  '::ffff:0:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

const refusedV4 = blockList(REFUSED_V4, 'ipv4');
const refusedV6 = blockList(REFUSED_V6, 'ipv6');

/** Whether the address is one of the open internet. Text that is no address is not. */
export function isPublicAddress(address: string): boolean {
  // A zone (`fe80::1%eth0`) names an interface of this machine.
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 4) return !refusedV4.check(address, 'ipv4');
  return family === 6 && !refusedV6.check(address, 'ipv6');
}

/** The dialled address is one that the policy does not allow. */
export class RefusedAddress extends Error {
  constructor(address: string) {
    super(`${address} is not a public address; set allowPrivate if it is meant`);
    this.name = 'RefusedAddress';
  }
}

/**
 * A look-up for `http.request` that fails with `RefusedAddress` when any address of the name is refused. The socket dials what
 * was checked here: no second look-up stands between.
 */
export function publicLookup(lookup: LookupFunction = systemLookup as LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    // All of them are asked for, so that a name with one good and one bad address is refused whichever would be dialled.
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const addresses = typeof found === 'string' ? [{ address: found, family: isIP(found) }] : found;
      const refused = addresses.find(({ address }) => !isPublicAddress(address));
      if (refused !== undefined) return callback(new RefusedAddress(refused.address), []);
      const first = addresses[0];
      if (first === undefined) return callback(new Error(`${hostname} has no address`), []);
      return options.all === true ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
}

function blockList(ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network, bits] = range.split('/');
    list.addSubnet(network!, Number(bits), family);
  }
  return list;
}
