/**
 * Opens a connection to a server, in the clear or over TLS.
 */
import { connect, isIP, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, connect as tlsConnect } from 'node:tls';
import type { Endpoint, Upstream } from '../contracts/policy.ts';
import type { Pem } from './credentials.ts';
import { readInto, readStraight } from './reading.ts';
import type { Reason } from './reasons.ts';

/** TLS toward one server. */
export interface ClientTls {
  readonly context: SecureContext;
  /** The name that the certificate must bear; null = the host that is dialled. */
  readonly serverName: string | null;
}

/** An upstream with what it takes to speak TLS to it. */
export interface Destination extends Upstream {
  readonly clientTls: ClientTls;
}

/** @throws Error when the PEM texts are not what they should be. */
export function clientTls({ ca, cert, key }: Pem, serverName: string | null): ClientTls {
  const options = { minVersion: 'TLSv1.2' as const, ...(ca === null ? {} : { ca }), ...(cert === null ? {} : { cert }) };
  return { context: createSecureContext(key === null ? options : { ...options, key }), serverName };
}

/** Who dials. */
export interface Dialler {
  /** Bytes may flow: after the handshake, where there is one. */
  connected(): void;
  /** Bytes have come, perhaps passing (see `readInto`). Absent = the socket is read as a stream. */
  received?(bytes: Buffer): void;
}

/** `tls` serves only where the endpoint asks for it. */
export function dial({ host, port, secure }: Endpoint, tls: ClientTls, protocol: 'http/1.1' | 'h2', dialler: Dialler): Socket {
  const connected = () => dialler.connected();
  const received = dialler.received?.bind(dialler);
  if (secure !== true) {
    if (received === undefined) return connect({ host, port, noDelay: true }, connected);
    const onread = readInto(received);
    const socket = connect({ host, port, noDelay: true, onread }, () => {
      // Of several addresses each has a connection of its own, and only now it stands which it is.
      readStraight(socket, onread);
      connected();
    });
    return socket;
  }
  const name = tls.serverName ?? (isIP(host) === 0 ? host : null);
  const server = name === null ? {} : { servername: name };
  const socket = tlsConnect({ host, port, secureContext: tls.context, ALPNProtocols: [protocol], ...server }, () => {
    // A server without ALPN speaks HTTP/1.1, and HTTP/2 must be agreed on (RFC 9113 §3.2).
    if (protocol === 'h2' && socket.alpnProtocol !== 'h2') socket.destroy(new TypeError('the server does not agree on HTTP/2'));
    else connected();
  });
  socket.setNoDelay(true);
  if (received !== undefined) socket.on('data', received);
  return socket;
}

/** Why a connection that never stood has failed, by the system's or OpenSSL's code. */
export function connectReason(code: string | undefined): Reason {
  if (code === 'ECONNREFUSED') return 'connect-refused';
  if (code === 'ETIMEDOUT') return 'connect-timeout';
  return code === undefined || /^E(?!RR_)[A-Z]+$/.test(code) ? 'connect-failed' : 'tls-failed';
}
