import { startPythonServer } from './python-server.ts';
import type { VenvSpec } from './python-venv.ts';
import type { RunningServer } from './server-process.ts';

export const ministackVenv: VenvSpec = {
  name: 'ministack-1.5.33',
  packages: ['ministack==1.5.33', 'cryptography'],
  minimumMinor: 10,
};

/** For Ed25519 and `KeyMaterialId` only: it takes tampered ciphertext and a wrong key. Account 000000000000. */
export function startMinistack(): Promise<RunningServer> {
  return startPythonServer({
    venv: ministackVenv,
    args: () => ['-m', 'ministack'],
    env: (port) => ({
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      SERVICES: 'kms,s3',
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
    }),
    readyPath: '/',
  });
}
