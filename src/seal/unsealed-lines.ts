import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncDirectory, unusedName } from './set-aside.ts';
import type { StreamRun } from './stream-run.ts';

/**
 * Lines that could not be sealed before the process ended, because no key had come: kept beside the state (0600), sealed
 * at the next start. Nothing protects them until then; a `gap` says since when.
 */
export class UnsealedLines {
  readonly #prefix: string;

  /** @param statePath - the state file of the configured stream */
  constructor(statePath: string) {
    this.#prefix = `${statePath.replace(/\.chainstate$/, '')}.unsealed-`;
  }

  /** Keeps chunks, durably; each ends a line. @returns the file */
  keep(chunks: readonly (string | Buffer)[], stamp: string): string {
    const path = unusedName(this.#prefix + stamp);
    const fd = openSync(path, 'wx', 0o600);
    try {
      for (const chunk of chunks) {
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
        const whole = bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Uint8Array.of(0x0a)]);
        for (let done = 0; done < whole.length; ) done += writeSync(fd, whole, done);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    syncDirectory(dirname(path));
    return path;
  }

  /** Seals what earlier processes could not seal, oldest first; what is not on disk then is kept and comes again. */
  sealInto(run: StreamRun, take: (bytes: Buffer) => void): void {
    const files = this.#files();
    if (files.length === 0) return;
    for (const file of files) {
      run.stream.gap('key_service', 0, statSync(file).mtimeMs);
      take(readFileSync(file));
    }
    run.sealNow();
    if (run.log.waiting > 0) return;
    for (const file of files) unlinkSync(file);
  }

  #files(): string[] {
    const directory = dirname(this.#prefix);
    return readdirSync(directory)
      .filter((name) => name.startsWith(basename(this.#prefix)))
      .sort()
      .map((name) => join(directory, name));
  }
}
