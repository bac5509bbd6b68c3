import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { GcpKmsOptions } from '../../../src/providers/gcp-kms/index.ts';

/** How one use of a key went in the child. */
export interface ChildOutcome {
  readonly name: 'getKey' | 'sign';
  readonly code: string;
  readonly message?: string;
  readonly identity?: string;
}

/** How the child ended. */
export interface ChildReport {
  readonly exitCode: number | null;
  readonly stderr: string;
  readonly outcomes: readonly ChildOutcome[];
  readonly alive: boolean;
}

/** What the child is to use. */
export interface ChildTask {
  readonly options: GcpKmsOptions;
  readonly signingKey: string;
  readonly dataKey: string;
  readonly uses?: number;
}

/** Runs use-keys.ts with exactly these variables (and PATH), as a service would be run on a host of its own. */
export async function useKeysInChild(task: ChildTask, env: Readonly<Record<string, string>>): Promise<ChildReport> {
  const hooks = fileURLToPath(new URL('../../child/typescript.mjs', import.meta.url));
  const program = fileURLToPath(new URL('./use-keys.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', hooks, program, JSON.stringify({ uses: 1, ...task })], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
    timeout: 40_000,
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const report =
    stdout === '' ? { outcomes: [], alive: false } : (JSON.parse(stdout) as Omit<ChildReport, 'exitCode' | 'stderr'>);
  return { exitCode: child.exitCode, stderr, ...report };
}
