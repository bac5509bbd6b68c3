import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VerifyReport } from '../../src/index.ts';
import type { BuiltPackage } from './built-package.ts';
import { fleetKey } from './topic-logs.ts';

/** Puts the client of Kafka beside a built package, as its user would. `client`: another one than that of the tests. */
export function addClient({ directory }: BuiltPackage, client?: string): void {
  const own = fileURLToPath(new URL('../../node_modules/@platformatic/kafka', import.meta.url));
  const link = join(directory, 'node_modules/@platformatic/kafka');
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(realpathSync(client ?? own), link);
}

/** A verification of a topic as a process of its own. */
export class TopicProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  stdout = '';
  stderr = '';

  constructor(
    { directory }: BuiltPackage,
    argv: readonly string[],
    {
      node = process.execPath,
      env = {},
    }: { readonly node?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ) {
    this.#child = spawn(node, [join(directory, 'dist/cli/main.js'), ...argv], {
      env: { PATH: process.env['PATH'], FLEET_KEY: fleetKey, ...env },
    });
    for (const name of ['stdout', 'stderr'] as const) {
      this.#child[name].setEncoding('utf8').on('data', (text: string) => {
        this[name] += text;
      });
    }
    this.#closed = once(this.#child, 'close');
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Sends a signal to this process, by its id. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for its end. @returns its exit code; null where a signal ended it */
  async done(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  get report(): VerifyReport {
    return JSON.parse(this.stdout) as VerifyReport;
  }
}
