/**
 * What a gRPC call's status says, in the words of HTTP.
 *
 * Source: google/rpc/code.proto, "HTTP Mapping".
 */
import type { Exchange } from '../../contracts/exchange.ts';
import { fieldValue } from './content.ts';
import { isGrpc } from './grpc-messages.ts';

/** By code, from OK to UNAUTHENTICATED. */
const HTTP_STATUS = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

/** The status of a call: of gRPC the one that its code maps to, since HTTP's is 200 whatever happened; 0 when the client left before any. */
export function statusOf({ status, responseHeaders, responseTrailers = [], requestHeaders }: Exchange): number {
  if (status !== 200 || !isGrpc(requestHeaders)) return status;
  const code = fieldValue(responseTrailers, 'grpc-status') ?? fieldValue(responseHeaders, 'grpc-status');
  if (code === null) return status;
  return (/^\d+$/.test(code) ? HTTP_STATUS[Number(code)] : undefined) ?? 500;
}
