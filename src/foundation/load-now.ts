import { isError, TamperError } from '../errors.ts';

/**
 * Loads a module of ours at once, where `import()` would take until a later turn of the event loop: a process may end in this
 * one. It is to be tried first wherever the module is needed, as one that `import()` is just loading cannot be loaded at once.
 *
 * @param path - from where the package's root is, as built: `./providers/env.js`
 * @returns undefined where it has to be imported: in bundles, and under whatever else does not load our modules as they are
 */
export function loadNow(path: string): unknown {
  const root = rootFile();
  if (root === undefined) return undefined;
  try {
    const load = process.getBuiltinModule('node:module').createRequire(root) as (path: string) => unknown;
    // else it would be the module of another copy of this package
    const { TamperError: same } = load('./errors.js') as { readonly TamperError?: unknown };
    return same === TamperError ? load(path) : undefined;
  } catch (error) {
    if (isError(error)) return undefined; // each runtime has its own word for what it cannot load so
    throw error;
  }
}

/** The file that this code is in. What a module is told of itself cannot be named here: where somebody makes CommonJS of us, it is a syntax error. */
function rootFile(): string | undefined {
  const { stackTraceLimit } = Error;
  const prepareStackTrace: unknown = Reflect.get(Error, 'prepareStackTrace');
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_, [site]) => site?.getFileName();
    const file = String(new Error().stack);
    return file.endsWith('root.js') ? file : undefined;
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
}
