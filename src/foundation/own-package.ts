import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

/** Which verifier this is, by its own word: one that lies about logs lies here too (docs/offline.md). */
export interface OwnDigest {
  /** Lowercase hex. */
  readonly sha256: string;
  /** `file`: of the one file that it is. `package`: of the list of the files in `dist/`, as `sha256sum` prints it. */
  readonly of: 'file' | 'package';
}

/** The version of this package. */
export async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

/** Of a verifier in one file. */
export async function digestOfFile(path: string): Promise<OwnDigest> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { sha256: hash.digest('hex'), of: 'file' };
}

/** Of the package, or of another build of it: what is in `dist/` but the verifiers in one file, beside which the build writes it, and maps, which are not packed. */
export async function digestOfPackage(
  dist: string = fileURLToPath(new URL('..', import.meta.url)),
): Promise<OwnDigest> {
  const found = await readdir(dist, { recursive: true, withFileTypes: true });
  const names = found
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(dist, join(parentPath, name)).replaceAll(sep, '/'))
    .filter((name) => !name.startsWith('offline/') && !name.endsWith('.map'))
    .sort();
  const list = createHash('sha256');
  for (const name of names) {
    const sha256 = createHash('sha256').update(await readFile(join(dist, name))); // a stream takes ten times as long
    list.update(`${sha256.digest('hex')}  ${name}\n`);
  }
  return { sha256: list.digest('hex'), of: 'package' };
}
