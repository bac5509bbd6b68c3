import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A native module that may be loaded. */
export interface NativePlace {
  readonly file: string;
  /** The package that brings it; undefined for one that was built in this checkout. */
  readonly bringer: NativePackage | undefined;
}

/** What a package that brings a native module says of it. */
export interface NativePackage {
  readonly version: string;
  /** SHA-256 of the module, in hexadecimal; undefined where the package does not say. */
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

function packageIn(folder: string): NativePackage {
  const { version, engine } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    version: string;
    engine?: { sha256?: string };
  };
  return { version, sha256: engine?.sha256 };
}

/**
 * Looks for native modules: in `engine/` of a checkout, then as Node.js looks for a package, from this module upwards.
 * Undefined in a bundle, which has left the packages behind. No other module may name `import.meta`: where a test runner makes
 * CommonJS of modules, it is a syntax error, so this one is loaded on first use.
 */
export function nativePlaces(): NativePlaces | undefined {
  const { url } = import.meta as { url?: string };
  if (url?.startsWith('file:') !== true) return undefined;
  const root = dirname(dirname(dirname(fileURLToPath(url)))); // of src/engine, or of dist/engine
  if (!existsSync(join(root, 'package.json'))) return undefined;
  const packages = platforms().map((name) => `@fapilog-tamper/engine-${name}`);
  const places: NativePlace[] = platforms().flatMap((name) => {
    const file = join(root, 'engine', `${name}.node`);
    return existsSync(file) ? [{ file, bringer: undefined }] : [];
  });
  for (let folder = root, above = ''; folder !== above; above = folder, folder = dirname(folder)) {
    for (const name of packages) {
      const installed = join(folder, 'node_modules', name);
      const file = join(installed, 'engine.node');
      if (existsSync(file)) places.push({ file, bringer: packageIn(installed) });
    }
  }
  return { version: packageIn(root).version, packages, places };
}
