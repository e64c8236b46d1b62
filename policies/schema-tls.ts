/**
 * The part of the policy's schema that names certificates.
 */
import { type JsonSchema, map, text } from './schema-words.ts';

/** `traffic.tls`: what the data port shows, and whom it lets in. */
export function dataPortTlsSchema(): JsonSchema {
  return map(
    'Serves the data port over TLS 1.2 or 1.3, HTTP/1.1 and HTTP/2 by ALPN. Files are taken up again when they change.',
    {
      cert: text('PEM file of the certificate, its chain behind it; relative to the policy.', { examples: ['tls/tls.crt'] }),
      key: text('PEM file of its key.', { examples: ['tls/tls.key'] }),
      clientCa: text('PEM file of the authorities whose clients are let in; with it, every client needs a certificate.', {
        examples: ['tls/ca.crt'],
      }),
    },
    { required: ['cert', 'key'] },
  );
}

/** `tls` of an upstream whose URL begins with `https://`. */
export function upstreamTlsSchema(): JsonSchema {
  return map('For `https://` URLs; files are taken up again when they change. The certificate is always verified.', {
    ca: text('PEM file of the authorities that vouch for the server; relative to the policy. Default: the public ones.', {
      examples: ['tls/ca.crt'],
    }),
    cert: text('PEM file of our own certificate, where the server asks for one.'),
    key: text('PEM file of its key.'),
    serverName: text('Name that the server’s certificate bears. Default: the host of the URL.', {
      maxLength: 253,
      examples: ['model.internal'],
    }),
  });
}
