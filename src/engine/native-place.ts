import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A native module that may be loaded. */
export interface NativePlace {
  readonly file: string;
  /** The package that brings it; undefined for one that was built in this checkout. */
  readonly bringer: NativePackage | undefined;
}

/** A package that brings a native module. */
export interface NativePackage {
  readonly version: string;
  /** SHA-256 that its module must have, in hexadecimal, by our own package.json, written at the release; undefined if it names none. */
  readonly sha256: string | undefined;
}

/** Where native modules for this machine may be, and which version they must have. */
export interface NativePlaces {
  readonly version: string;
  /** The packages that would bring one. */
  readonly packages: readonly string[];
  readonly places: readonly NativePlace[];
}

/**
 * What a machine is called in the names of the packages. On Linux both C libraries are tried, musl first: glibc never loads what
 * is linked against musl, but musl may load what is linked against glibc.
 */
function platforms(): string[] {
  const name = `${process.platform}-${process.arch}`;
  return process.platform === 'linux' ? [`${name}-musl`, `${name}-gnu`] : [name];
}

/** What is read of a `package.json`. */
interface Manifest {
  readonly version: string;
  /** Of ours: the SHA-256 of each platform's module. */
  readonly engineSha256?: Readonly<Record<string, string>>;
}

const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/**
 * Looks for native modules: in `engine/` of a checkout, then in the packages that were installed within this one or right beside
 * it. Folders above, where Node.js would look too, are left out: others may be able to write there. Undefined in a bundle, which has left
 * the packages behind. No other module may name `import.meta`: where a test runner makes CommonJS of modules, it is a syntax
 * error, so this one is loaded on first use.
 */
export function nativePlaces(): NativePlaces | undefined {
  const { url } = import.meta as { url?: string };
  if (url?.startsWith('file:') !== true) return undefined;
  const root = dirname(dirname(dirname(fileURLToPath(url)))); // of src/engine, or of dist/engine
  if (!existsSync(join(root, 'package.json'))) return undefined;
  const { version, engineSha256 = {} } = manifestIn(root);
  const beside = dirname(root);
  const scopes = [join(root, 'node_modules'), ...(basename(beside) === 'node_modules' ? [beside] : [])];
  const places: NativePlace[] = [];
  for (const name of platforms()) {
    const file = join(root, 'engine', `${name}.node`);
    if (existsSync(file)) places.push({ file, bringer: undefined });
  }
  for (const scope of scopes) {
    for (const name of platforms()) {
      const installed = join(scope, packageOf(name));
      const file = join(installed, 'engine.node');
      const bringer = existsSync(file) && { version: manifestIn(installed).version, sha256: engineSha256[name] };
      if (bringer) places.push({ file, bringer });
    }
  }
  return { version, packages: platforms().map(packageOf), places };
}

const packageOf = (platform: string): string => `@fapilog-tamper/engine-${platform}`;
