import { goTool } from '../support/registry-tools.ts';
import { freePort } from './free-port.ts';
import { type RunningServer, startServerProcess } from './server-process.ts';

const VERSION = 'v1.56.1';

export const installFakeGcs = (): Promise<string> => goTool('github.com/fsouza/fake-gcs-server', VERSION);

/** fake-gcs-server: Google Cloud Storage in memory, as the emulator of Firebase and Testcontainers. It checks no credentials. */
export async function startFakeGcs(): Promise<RunningServer> {
  const command = await installFakeGcs();
  const port = await freePort();
  const args = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'];
  const name = `fake-gcs-server ${VERSION}`;
  return startServerProcess({ name, command, args, env: {}, port, readyPath: '/_internal/healthcheck' });
}
