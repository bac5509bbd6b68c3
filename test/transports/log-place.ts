import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { auditorKeys, type KeyProvider, originalLines, verify } from '../../src/index.ts';

/**
 * Where a logger seals to in one test, with a key in a file: what a worker can be given too.
 *
 * @param atEnd - of the test's own context, where tests run concurrently
 */
export function logPlace(atEnd: (remove: () => void) => void = onTestFinished): {
  readonly directory: string;
  readonly options: {
    readonly file: string;
    readonly origin: string;
    readonly stateDir: string;
    readonly keySource: 'file';
    readonly keyFilePath: string;
  };
  records(): Promise<string[]>;
  /** @param provider - where keys come from elsewhere than the file */
  verdict(provider?: KeyProvider): Promise<string>;
} {
  const directory = mkdtempSync(join(tmpdir(), 'logger-'));
  atEnd(() => rmSync(directory, { recursive: true, force: true }));
  const keyFilePath = join(directory, 'audit.key');
  writeFileSync(keyFilePath, 'ab'.repeat(32), { mode: 0o600 });
  const origin = 'audit.example.com/logger';
  const options = {
    file: join(directory, 'audit.jsonl'),
    origin,
    stateDir: join(directory, 'state'),
    keySource: 'file',
    keyFilePath,
  } as const;
  const files = (): string[] =>
    readdirSync(directory)
      .filter((name) => /^audit.*\.jsonl$/.test(name))
      .sort() // the newest has the shortest name, and comes last
      .map((name) => join(directory, name));
  return {
    directory,
    options,
    async records() {
      const lines = [''];
      await originalLines({
        paths: files(),
        onPiece: (piece, last) => {
          lines.push(`${lines.pop() ?? ''}${piece.toString()}`);
          if (last) lines.push('');
          return undefined;
        },
        onProblem: (file, why) => {
          throw new Error(`${file}: ${why}`);
        },
      });
      return lines.slice(0, -1);
    },
    async verdict(provider) {
      const keys = auditorKeys(provider === undefined ? { dataKeyFiles: [keyFilePath] } : { provider });
      return (await verify({ paths: files(), origin, keys })).verdict;
    },
  };
}
