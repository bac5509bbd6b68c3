import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Which verifier this is, by its own word: one that lies about logs lies here too (docs/offline.md). */
export interface OwnDigest {
  /** Lowercase hex. */
  readonly sha256: string;
  /** `file`: of the one file that it is. `package`: of the list of the files in `dist/`, as `sha256sum` prints it. */
  readonly of: 'file' | 'package';
}

/** Of a verifier in one file. */
export async function digestOfFile(path: string): Promise<OwnDigest> {
  return { sha256: await sha256Of(path), of: 'file' };
}

/** Of the package: what is in `dist/` but the verifiers in one file, beside which the build writes it, and maps, which are not packed. */
export async function digestOfPackage(dist: string): Promise<OwnDigest> {
  const found = await readdir(dist, { recursive: true, withFileTypes: true });
  const names = found
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(dist, join(parentPath, name)).replaceAll(sep, '/'))
    .filter((name) => !name.startsWith('offline/') && !name.endsWith('.map'))
    .sort();
  const list = createHash('sha256');
  for (const name of names) list.update(`${await sha256Of(join(dist, name))}  ${name}\n`);
  return { sha256: list.digest('hex'), of: 'package' };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
