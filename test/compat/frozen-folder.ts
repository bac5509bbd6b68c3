import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `compat/VERSION/`: what a version wrote, and what its commands said of it. */

const compat = fileURLToPath(new URL('../../compat/', import.meta.url));

/** Every version that was frozen. */
export const versions: readonly string[] = readdirSync(compat)
  .filter((name) => lstatSync(join(compat, name)).isDirectory())
  .sort();

export const folderOf = (version: string): string => join(compat, version);

/** A command, and what it gave when the folder was frozen. */
export interface Step {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly exit: number;
  /** Standard output; a long one as `sha256:` and its digest. */
  readonly stdout?: string;
  /** Standard output as JSON; an array for one document a line. */
  readonly report?: unknown;
  /** Files that it wrote, with the SHA-256 of each. */
  readonly files?: Readonly<Record<string, string>>;
  /** Files that it wrote that have a time or a random part: their members. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** A writer that goes on with a log. */
export interface Write {
  readonly argv: readonly string[];
  readonly lines: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly exit: number;
  /** The file to which its standard output is appended. */
  readonly appendTo?: string;
}

/** `scene.json` */
export interface FrozenScene {
  readonly about: string;
  /** The files that no later version changes but by appending, with the number of bytes that stay. */
  readonly logs: Readonly<Record<string, number>>;
  /** What an auditor runs, one after the other. */
  readonly steps: readonly Step[];
  /** Absent where no writer goes on. */
  readonly continued?: {
    readonly writes: readonly Write[];
    /** What an auditor runs then. */
    readonly steps: readonly Step[];
  };
}

export const scenesOf = (version: string): string[] =>
  readdirSync(folderOf(version)).filter((name) => existsSync(join(folderOf(version), name, 'scene.json')));

export function readScene(version: string, name: string): FrozenScene {
  return JSON.parse(readFileSync(join(folderOf(version), name, 'scene.json'), 'utf8')) as FrozenScene;
}

/** Files below a folder, with `/` between the parts of their names. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => lstatSync(join(folder, name)).isFile())
    .map((name) => name.replaceAll('\\', '/'))
    .sort();
}

export const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What several scenes use is there once: the test keys, and the service that has others. */
export const SHARED = 'shared';

/** Copies a scene, with what it shares, into a new folder below `parent`. Git keeps no modes: those of secrets are set. */
export function copyInto(parent: string, scene: string): string {
  const copy = mkdtempSync(join(parent, 'compat-'));
  for (const from of [join(dirname(scene), SHARED), scene]) cpSync(from, copy, { recursive: true });
  for (const name of readdirSync(copy, { recursive: true, encoding: 'utf8' })) {
    const path = join(copy, name);
    chmodSync(path, lstatSync(path).isDirectory() ? 0o700 : 0o600);
  }
  return copy;
}

/** The lines of `sha256sum` for a version, in the order of the names. */
export function digestsOf(folder: string): string {
  return filesBelow(folder)
    .filter((name) => name !== 'SHA256SUMS')
    .map((name) => `${sha256(readFileSync(join(folder, name)))}  ${name}\n`)
    .join('');
}
