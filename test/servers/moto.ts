import { startPythonServer } from './python-server.ts';
import type { VenvSpec } from './python-venv.ts';
import type { RunningServer } from './server-process.ts';

export const motoVenv: VenvSpec = {
  name: 'moto-5.2.5',
  packages: ['moto[server]==5.2.5'],
  minimumMinor: 10,
};

/**
 * S3 decides a conditional write and carries it out as one step ("Amazon S3 … conditional writes", AWS documentation); moto's threads
 * check first and write then, so that two writers at once could both win.
 */
const program = `
import threading
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.server import main

one_at_a_time = threading.Lock()
answer = DomainDispatcherApplication.__call__

def call(self, environ, start_response):
    if environ["REQUEST_METHOD"] == "PUT" and ("HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ):
        with one_at_a_time:
            return answer(self, environ, start_response)
    return answer(self, environ, start_response)

DomainDispatcherApplication.__call__ = call
main()
`;

/** For STS `AssumeRoleWithWebIdentity` and `ListKeyRotations` only. Account 123456789012. */
export function startMoto(): Promise<RunningServer> {
  return startPythonServer({
    venv: motoVenv,
    args: (port) => ['-c', program, '-H', '127.0.0.1', '-p', String(port)],
    env: () => ({}),
    readyPath: '/moto-api/',
  });
}
