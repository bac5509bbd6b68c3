import { startPythonServer } from './python-server.ts';
import type { VenvSpec } from './python-venv.ts';
import type { RunningServer } from './server-process.ts';

/** LocalStack imports `warnings.deprecated`, so it needs Python 3.13; on 3.12 every call fails although it starts. */
export const localstackVenv: VenvSpec = {
  name: 'localstack-4.14.0',
  packages: [
    'localstack-core[base-runtime]==4.14.0',
    'cbor2<6',
    'pyopenssl==25.3.0',
    'cryptography<47',
    'service-identity<27',
  ],
  minimumMinor: 13,
};

/** The main AWS KMS test server: everything but Ed25519 and `ListKeyRotations`. Account 000000000000. */
export function startLocalstack(): Promise<RunningServer> {
  return startPythonServer({
    venv: localstackVenv,
    args: () => ['-m', 'localstack.runtime.main'],
    env: (port) => ({
      SERVICES: 'kms',
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      SKIP_SSL_CERT_DOWNLOAD: '1',
      DISABLE_EVENTS: '1',
      DNS_ADDRESS: '0',
    }),
    readyPath: '/_localstack/health',
  });
}
