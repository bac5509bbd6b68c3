import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { rolldown } from 'rolldown';
import { filesBelow } from '../../lib/files.mjs';
import { root } from '../../lib/run.mjs';
import { pureInitializers } from './pure-initializers.mjs';

/** The file of the built package that holds the modules which the package's root loads. */
const ROOT_FILE = 'root.js';

const src = resolve(root, 'src');
const entry = join(src, 'index.ts');
/** Stays a file of its own: `fapilog-tamper/errors` needs nothing else. */
const apart = join(src, 'errors.ts');

/** Only modules of src/ that are imported statically are joined, and `loaded` becomes those. */
function staticImports(loaded) {
  return {
    name: 'static-imports',
    resolveId(target, importer, { kind }) {
      if (importer === undefined) return null;
      if (!target.startsWith('.')) return { id: target, external: true };
      const path = resolve(dirname(importer), target);
      if (kind !== 'dynamic-import' && path !== apart) return null;
      return { id: path.replace(/\.ts$/, '.js'), external: 'relative' };
    },
    moduleParsed({ id, code }) {
      if (!id.startsWith(src + sep)) return;
      // what it finds beside itself it would not find beside the joined file
      if (code.includes('import.meta'))
        throw new Error(`${relative(root, id)} names import.meta: import() it on first use`);
      loaded.add(id);
    },
  };
}

function bundle(input, loaded) {
  return rolldown({
    cwd: root,
    input,
    platform: 'neutral',
    tsconfig: false,
    preserveEntrySignatures: 'strict',
    experimental: { nativeMagicString: true },
    checks: { bundlerTimings: false }, // says how busy the machine is, nothing of the bundle
    plugins: [staticImports(loaded), pureInitializers],
    onLog(level, { message }) {
      if (level === 'warn') throw new Error(`joining the root: ${message}`);
    },
  });
}

/** The modules that are loaded with src/index.ts, it among them. */
async function modulesOfRoot() {
  const loaded = new Set();
  const whole = await bundle(entry, loaded);
  await whole.generate();
  await whole.close();
  return [...loaded].sort();
}

/**
 * Puts the modules that `import 'fapilog-tamper'` loads into one file, {@link ROOT_FILE}: Node.js takes half a millisecond for
 * each module. In the place of each that another module imports is left one with the same exports, which takes them from there. Each class and each variable
 * is still there once, by whichever module it is imported.
 *
 * @param dist - the absolute path of where the modules have been compiled to
 */
export async function joinRoot(dist) {
  const modules = await modulesOfRoot();
  const nameOf = (file) => relative(src, file).replaceAll(sep, '/').replace(/\.ts$/, '');
  const joined = await bundle(Object.fromEntries(modules.map((file) => [nameOf(file), file])), new Set());
  const { output } = await joined.generate({
    dir: dist,
    format: 'esm',
    sourcemap: 'hidden', // for `npm run check -- root`, which asks of which modules each file is made
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    minifyInternalExports: false,
    comments: { annotation: true, jsdoc: false, legal: true },
    codeSplitting: { groups: [{ name: ROOT_FILE.replace(/\.js$/, ''), test: /./ }] },
  });
  await joined.close();
  const shared = output.filter((file) => file.type === 'chunk' && !file.isEntry).map(({ fileName }) => fileName);
  if (shared.join() !== ROOT_FILE)
    throw new Error(`the root is to be one file, ${ROOT_FILE}, and is ${shared.join(', ')}`);
  for (const { fileName, type, code, source } of output) {
    writeFileSync(join(dist, fileName), type === 'chunk' ? code : source);
  }
  const asked = importedIn(dist);
  for (const { fileName, isEntry } of output)
    if (isEntry && !asked.has(join(dist, fileName))) rmSync(join(dist, fileName));
}

/** The files that others import, and those that the package's exports lead to. */
function importedIn(dist) {
  const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const named = Object.values({ ...exports, ...bin }).map((target) => join(dist, relative('dist', target)));
  const imported = filesBelow('.', /\.js$/, dist).flatMap((name) => {
    const file = join(dist, name);
    const found = readFileSync(file, 'utf8').matchAll(/(?:from|import) ?\(?['"](\.[^'"]+)['"]/g);
    return [...found].map(([, target]) => join(dirname(file), target));
  });
  return new Set([...named, ...imported]);
}
