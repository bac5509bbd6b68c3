import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A native module that may be loaded. */
export interface NativePlace {
  readonly file: string;
  /** The version of the package that brings it; undefined for one that was built in this checkout. */
  readonly version: string | undefined;
}

/** Where native modules for this machine may be, and which version they must have. */
export interface NativePlaces {
  readonly version: string;
  /** The packages that would bring one. */
  readonly packages: readonly string[];
  readonly places: readonly NativePlace[];
}

/** What a machine is called in the names of the packages: the C library of Linux is tried, one after the other. */
function platforms(): string[] {
  const name = `${process.platform}-${process.arch}`;
  return process.platform === 'linux' ? [`${name}-gnu`, `${name}-musl`] : [name];
}

function versionIn(folder: string): string {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  return version;
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
    return existsSync(file) ? [{ file, version: undefined }] : [];
  });
  for (let folder = root, above = ''; folder !== above; above = folder, folder = dirname(folder)) {
    for (const name of packages) {
      const installed = join(folder, 'node_modules', name);
      const file = join(installed, 'engine.node');
      if (existsSync(file)) places.push({ file, version: versionIn(installed) });
    }
  }
  return { version: versionIn(root), packages, places };
}
