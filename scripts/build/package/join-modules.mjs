import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { rolldown } from 'rolldown';
import { filesBelow } from '../../lib/files.mjs';
import { root } from '../../lib/run.mjs';
import { pureInitializers } from './pure-initializers.mjs';

/** What is loaded together: these modules, and all that they need of what they import statically. */
const LOADED = {
  root: ['index.ts'],
  'local-keys': ['api/recovery/recovered-key-file.ts', 'providers/env.ts', 'providers/file.ts'],
  command: ['cli/run.ts', 'cli/process-io.ts'],
  verification: [
    'api/configured-keys.ts',
    'api/held-streams.ts',
    'api/open-keys.ts',
    'api/proof-files.ts',
    'api/stored-places.ts',
    'api/verify-options.ts',
    'verify/verify.ts',
  ],
  'verify-command': ['cli/verify.ts'],
  internal: ['internal.ts'],
};

/** The files of the built package that hold many modules each. A module that several could hold is in the first of them. */
const FILES = {
  /** What the root needs, and others without it. */
  root: (needs) => needs('root') && ['local-keys', 'command', 'verification', 'verify-command'].some(needs),
  /** The rest of the root, which nothing that verifies loads. */
  writer: (needs) => needs('root'),
  'local-keys': (needs) => needs('local-keys'),
  command: (needs) => needs('command'),
  verification: (needs) => needs('verification'),
  'verify-command': (needs) => needs('verify-command'),
  /** The rest of what the other commands are made of. */
  commands: (needs) => needs('internal'),
};

const src = resolve(root, 'src');
/** What the command line needs if nothing else can be loaded, or if nothing else is asked for. */
const first = ['described', 'exit-code', 'output', 'uncaught', 'version'].map((name) => `cli/${name}.ts`);
/** These stay files of their own: `fapilog-tamper/errors` needs nothing else either. */
const apart = new Set(['errors.ts', ...first].map((name) => join(src, name)));

/** Only modules of src/ that are imported statically are joined. */
const staticImports = {
  name: 'static-imports',
  resolveId(target, importer, { kind }) {
    if (importer === undefined) return null;
    if (!target.startsWith('.')) return { id: target, external: true };
    const path = resolve(dirname(importer), target);
    if (kind !== 'dynamic-import' && !apart.has(path)) return null;
    return { id: path.replace(/\.ts$/, '.js'), external: 'relative' };
  },
  moduleParsed({ id, code }) {
    // what it finds beside itself it would not find beside the joined file
    if (id.startsWith(src + sep) && code.includes('import.meta'))
      throw new Error(`${relative(root, id)} names import.meta: import() it on first use`);
  },
};

function bundle(input, inlineConst) {
  return rolldown({
    cwd: root,
    input,
    platform: 'neutral',
    tsconfig: false,
    preserveEntrySignatures: 'allow-extension',
    experimental: { nativeMagicString: true },
    optimization: { inlineConst },
    checks: { bundlerTimings: false }, // says how busy the machine is, nothing of the bundle
    plugins: [staticImports, pureInitializers],
    onLog(level, { message }) {
      if (level === 'warn') throw new Error(`joining modules: ${message}`);
    },
  });
}

/** These modules, and each of which they need something; of those, all. */
async function neededBy(ids) {
  const joined = await bundle(ids, false); // a constant is needed from where it stands
  const { output } = await joined.generate({ format: 'esm' });
  await joined.close();
  const needed = output.flatMap(({ modules = {} }) => Object.keys(modules).filter((id) => modules[id].code));
  const all = new Set([...ids, ...needed]);
  return all.size === ids.length ? all : neededBy([...all]);
}

/** Each module that is joined, and the name of the file that it goes to. */
async function filesOfModules() {
  const needed = {};
  for (const [name, entries] of Object.entries(LOADED))
    needed[name] = await neededBy(entries.map((entry) => join(src, entry)));
  const ids = new Set(Object.values(needed).flatMap((modules) => [...modules]));
  const fileOf = (id) => Object.keys(FILES).find((name) => FILES[name]((by) => needed[by].has(id)));
  return new Map([...ids].sort().map((id) => [id, fileOf(id)]));
}

/**
 * Puts modules that are always loaded together into one file: Node.js takes half a millisecond for each module. In the place of
 * each that another module imports is left one with the same exports, which takes them from there. Each class and each variable
 * is still there once, by whichever module it is imported.
 *
 * @param dist - the absolute path of where the modules have been compiled to
 */
export async function joinModules(dist) {
  const fileOf = await filesOfModules();
  const nameOf = (id) => relative(src, id).replaceAll(sep, '/').replace(/\.ts$/, '');
  const entries = [...fileOf.keys()].map((id) => [nameOf(id), id]);
  const joined = await bundle(Object.fromEntries(entries), true);
  const names = Object.keys(FILES);
  const { output } = await joined.generate({
    dir: dist,
    format: 'esm',
    sourcemap: 'hidden', // for `npm run check -- root`, which asks of which modules each file is made
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    minifyInternalExports: false,
    comments: { annotation: true, jsdoc: false, legal: true },
    codeSplitting: {
      includeDependenciesRecursively: false, // each module has its file
      groups: names.map((name) => ({ name, test: (id) => fileOf.get(id) === name })),
    },
  });
  await joined.close();
  const shared = output.filter((file) => file.type === 'chunk' && !file.isEntry).map(({ fileName }) => fileName);
  const wanted = names.map((name) => `${name}.js`).sort();
  if (shared.sort().join() !== wanted.join())
    throw new Error(`modules are to be joined in ${wanted.join(', ')}, and are in ${shared.join(', ')}`);
  for (const { fileName, type, code, source } of output) {
    writeFileSync(join(dist, fileName), type === 'chunk' ? code : source);
  }
  const asked = importedIn(dist);
  for (const { fileName, isEntry } of output)
    if (isEntry && !asked.has(join(dist, fileName))) rmSync(join(dist, fileName));
}

/** The files that others import, those that the package's exports lead to, and those that the manual is made from. */
function importedIn(dist) {
  const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const targets = [...Object.values({ ...exports, ...bin }), 'dist/cli/commands.js', 'dist/cli/help.js'];
  const named = targets.map((target) => join(dist, relative('dist', target)));
  const imported = filesBelow('.', /\.js$/, dist).flatMap((name) => {
    const file = join(dist, name);
    const found = readFileSync(file, 'utf8').matchAll(/(?:from|import) ?\(?['"](\.[^'"]+)['"]/g);
    return [...found].map(([, target]) => join(dirname(file), target));
  });
  return new Set([...named, ...imported]);
}
