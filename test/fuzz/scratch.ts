import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for the files of targets that read files; in memory where the system has such a place. */

let folder: string | undefined;

export function inFile(name: string, bytes: Buffer): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'fapilog-tamper-fuzz-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}
