import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { ensureVenv, type VenvSpec } from './python-venv.ts';

/** A server that was started for a test, on loopback. */
export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends this process, by its id, and removes what it wrote. */
  stop(): Promise<void>;
}

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
export async function startPythonServer(spec: PythonServerSpec): Promise<RunningServer> {
  const python = await ensureVenv(spec.venv);
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'fapilog-tamper-server-'));
  const { PATH = '' } = process.env;
  const child = spawn(python, spec.args(port), {
    cwd: directory,
    env: { PATH, HOME: directory, TMPDIR: directory, ...spec.env(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4000);
    });
  }
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${python} did not start`);
  const ended = once(child, 'exit');
  const killWithUs = (): boolean => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const stop = async (): Promise<void> => {
    process.off('exit', killWithUs);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };

  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + 60_000;
  while (!(await isReady(url + spec.readyPath))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`${spec.venv.name} did not become ready: ${output}`);
    }
    await wait(50);
  }
  return { url, port, pid, stop };
}

async function isReady(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(2000) }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status === 200;
    },
    () => false, // not listening yet
  );
}
