import { dirname, resolve } from 'node:path';
import { root } from '../../lib/run.mjs';

/** An esbuild plugin: source files of ours that another one takes the place of in a bundle, both named from the project's folder. */
export function replaced(files) {
  const byPath = new Map(Object.entries(files).map(([from, to]) => [resolve(root, from), resolve(root, to)]));
  const unused = new Set(byPath.keys());
  return {
    name: 'replaced',
    setup(build) {
      build.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir, importer }) => {
        const target = resolve(resolveDir, path);
        const to = byPath.get(target);
        unused.delete(target);
        return to === undefined || importer === to ? undefined : { path: to };
      });
      build.onEnd(() => ({
        errors: [...unused].map((path) => ({ text: `nothing imports ${path} (from ${dirname(path)})` })),
      }));
    },
  };
}
