/**
 * Web addresses in a policy: where an upstream listens, and whether a webhook's target is one's own house.
 */
import { BlockList, isIP } from 'node:net';
import type { Endpoint } from '../contracts/policy.ts';

export type Address = Endpoint;

/** An upstream's address, or what is wrong with the URL. */
export function upstreamAddress(text: string): Address | string {
  const url = URL.parse(text);
  if (url === null) return 'is no web address — write http://HOST:PORT';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `is not http or https (${url.protocol}//) — write http://HOST:PORT`;
  if (url.username !== '' || url.password !== '') return 'carries a user or password — take it out; the caller’s own headers pass through';
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return 'carries a path — write http://HOST:PORT; the caller’s path passes through';
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  return { host: bare(url.hostname), port, ...(secure ? { secure } : {}) };
}

/** What is wrong with the address of a webhook or of another service; null = nothing. */
export function serviceMistake(text: string): string | null {
  const url = URL.parse(text);
  if (url === null) return 'is no web address — write https://HOST/PATH';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `is not http or https (${url.protocol}) — write https://HOST/PATH`;
  if (url.username !== '' || url.password !== '') return 'carries a user or password — take it out; secrets come by reference';
  return null;
}

/** Whether two addresses meet: any loopback name, and a listener on all interfaces, count as this machine. */
export function meets(upstream: Address, own: Address): boolean {
  if (upstream.port !== own.port) return false;
  if (upstream.host.toLowerCase() === own.host.toLowerCase()) return true;
  return isHere(upstream.host) && isHere(own.host);
}

/** Whether a URL's host is written as an address that only this machine or network can reach (RFC 1918, 4193, 6890). */
export function isPrivateUrl(text: string): boolean {
  const host = bare(URL.parse(text)?.hostname ?? '');
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  const family = isIP(host);
  return family !== 0 && privateAddresses.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

const privateAddresses = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  // Covers the IPv4-mapped form as well.
  privateAddresses.addSubnet(net, bits, 'ipv4');
}
for (const [net, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  privateAddresses.addSubnet(net, bits, 'ipv6');

function isHere(host: string): boolean {
  return /^(localhost|127\..*|::1|0\.0\.0\.0|::)$/i.test(host);
}

function bare(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
