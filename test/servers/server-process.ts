import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** A server that was started for a test, on loopback. */
export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends this process, by its id, and removes what it wrote. */
  stop(): Promise<void>;
}

/** A program that is a server. */
export interface ServerProgram {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Besides `PATH`, `HOME` and `TMPDIR`, which are a folder of its own. */
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  /** A path that answers with `readyStatus` (default 200) when the server is ready. */
  readonly readyPath: string;
  readonly readyStatus?: number;
}

/** Starts a server and waits until it is ready. */
export async function startServerProcess(program: ServerProgram): Promise<RunningServer> {
  const { name, command, port, readyPath, readyStatus = 200 } = program;
  const directory = await mkdtemp(join(tmpdir(), 'fapilog-tamper-server-'));
  const { PATH = '' } = process.env;
  const child = spawn(command, program.args, {
    cwd: directory,
    env: { PATH, HOME: directory, TMPDIR: directory, ...program.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4000);
    });
  }
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${command} did not start`);
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
  const deadline = Date.now() + 300_000;
  while (!(await isReady(url + readyPath, readyStatus))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`${name} did not become ready: ${output}`);
    }
    await wait(50);
  }
  return { url, port, pid, stop };
}

async function isReady(url: string, ready: number): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(2000) }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status === ready;
    },
    () => false, // not listening yet
  );
}
