import { startPythonServer } from './python-server.ts';
import type { VenvSpec } from './python-venv.ts';
import type { RunningServer } from './server-process.ts';

const motoVenv: VenvSpec = {
  name: 'moto-5.2.5',
  packages: ['moto[server]==5.2.5'],
  minimumMinor: 10,
};

/** For STS `AssumeRoleWithWebIdentity` and `ListKeyRotations` only. Account 123456789012. */
export function startMoto(): Promise<RunningServer> {
  return startPythonServer({
    venv: motoVenv,
    args: (port) => ['-c', 'from moto.server import main; main()', '-H', '127.0.0.1', '-p', String(port)],
    env: () => ({}),
    readyPath: '/moto-api/',
  });
}
