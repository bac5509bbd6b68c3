import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { RunningServer } from './server-process.ts';

/** Starts a process that makes instances of a test server (listeners.mjs). */
export async function startInstances(program: string): Promise<RunningServer> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const killWithUs = (): boolean => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([once(lines, 'line'), exited])) as [unknown];
  const port = Number(line);
  if (!(port > 0)) throw new Error(`${program} ended before it listened`);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    async stop() {
      process.off('exit', killWithUs);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}

/** A server of one test file: what it says of itself, and its end. */
export interface Instance<About> {
  readonly about: About;
  end(): Promise<void>;
}

/** Makes an instance at a process of {@link startInstances}. */
export async function openInstance<About>(url: string): Promise<Instance<About>> {
  const response = await fetch(url, { method: 'POST' });
  if (!response.ok) throw new Error(`the test server made no instance: ${await response.text()}`);
  const about = (await response.json()) as About & { id: number };
  return {
    about,
    end: async () => {
      await (await fetch(`${url}/${about.id}`, { method: 'DELETE' })).arrayBuffer();
    },
  };
}
