import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { BuiltPackage } from '../../support/built-package.ts';

/** `fapilog-tamper audit …` as a process of its own. */
export class AuditProcess {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  stdout = '';
  stderr = '';

  constructor({ directory }: BuiltPackage, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const command = [join(directory, 'dist/cli/main.js'), 'audit', ...args];
    this.#child = spawn(process.execPath, command, {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#exit = once(this.#child, 'close');
    const killWithUs = (): boolean => this.#child.kill('SIGKILL');
    process.once('exit', killWithUs);
    this.#child.once('exit', () => process.off('exit', killWithUs));
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves with what stands in the first match of a pattern on standard error, once it is there. */
  async says(pattern: RegExp): Promise<string> {
    for (const deadline = Date.now() + 90_000; ; ) {
      const found = pattern.exec(this.stderr);
      if (found !== null) return found[1] ?? found[0];
      if (Date.now() > deadline)
        throw new Error(`it does not say ${pattern}: ${this.stderr.slice(-3000)}${this.stdout}`);
      if (!this.running) throw new Error(`it ended without saying ${pattern}: ${this.stderr}${this.stdout}`);
      await wait(5);
    }
  }

  /** The exit code, or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    await this.#exit;
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  async stop(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exit;
  }
}
