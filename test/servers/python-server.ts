import { freePort } from './free-port.ts';
import { ensureVenv, type VenvSpec } from './python-venv.ts';
import { type RunningServer, startServerProcess } from './server-process.ts';

/** How a server from a Python package is started. */
export interface PythonServerSpec {
  readonly venv: VenvSpec;
  /** Arguments to Python. */
  args(port: number): readonly string[];
  env(port: number): Readonly<Record<string, string>>;
  /** A path that answers 200 when the server is ready. */
  readonly readyPath: string;
}

/** Starts the server on a free port and waits until it is ready. */
export async function startPythonServer({ venv, args, env, readyPath }: PythonServerSpec): Promise<RunningServer> {
  const command = await ensureVenv(venv);
  const port = await freePort();
  return startServerProcess({ name: venv.name, command, args: args(port), env: env(port), port, readyPath });
}
