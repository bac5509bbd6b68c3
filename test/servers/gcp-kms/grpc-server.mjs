// The service over gRPC.
import { methods } from './operations.mjs';
import { codes, ServiceError } from './status.mjs';
import { encodeStatus, grpc, kmsPackage } from './wire.mjs';

function handler(service, method, transport) {
  return (call, callback) => {
    const caller = new AbortController();
    call.on('cancelled', () => caller.abort());
    const first = (name) => call.metadata.get(name)[0];
    service
      .call(method, call.request, {
        authorization: first('authorization'),
        transport,
        signal: caller.signal,
        headers: {
          params: first('x-goog-request-params'),
          project: first('x-goog-user-project'),
          client: first('x-goog-api-client'),
        },
      })
      .then(
        (reply) => callback(null, reply),
        (error) => callback(toStatus(error)),
      );
  };
}

function toStatus(error) {
  if (!(error instanceof ServiceError)) return { code: codes.UNAVAILABLE.number, details: error.message };
  const { number } = codes[error.code];
  const metadata = new grpc.Metadata();
  if (error.details.length > 0)
    metadata.set('grpc-status-details-bin', encodeStatus(number, error.message, error.details));
  return { code: number, details: error.message, metadata };
}

/** With a certificate over TLS, without in plaintext. Answers the port. */
export function serveGrpc(listeners, service, tls) {
  const server = new grpc.Server();
  const transport = tls === undefined ? 'grpc' : 'grpc+tls';
  const handlers = Object.keys(methods).map((method) => [method, handler(service, method, transport)]);
  server.addService(kmsPackage.KeyManagementService.service, Object.fromEntries(handlers));
  const credentials =
    tls === undefined
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(null, [{ private_key: tls.key, cert_chain: tls.cert }]);
  return listeners.grpc(server, credentials);
}
