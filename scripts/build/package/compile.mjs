import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { minify } from 'rolldown/experimental';
import { filesBelow } from '../../lib/files.mjs';
import { root, run, tool } from '../../lib/run.mjs';
import { joinModules } from './join-modules.mjs';

const WITHOUT_DECLARATIONS = ['--declaration', 'false', '--isolatedDeclarations', 'false', '--removeComments'];

/**
 * Compiles src/ into a folder as it is published: modules, those of the package's root in one file, and the declarations that
 * the package's exports lead to.
 */
export async function compile(folder) {
  const dist = resolve(root, folder);
  // what a module is for is said in its declarations: comments would be a sixth of the code
  for (const half of [['--emitDeclarationOnly'], WITHOUT_DECLARATIONS]) {
    const code = run(tool('tsc'), ['-p', 'tsconfig.build.json', '--outDir', dist, ...half]);
    if (code !== 0) throw new Error(`tsc ended with ${code}`);
  }
  await indentWithTabs(dist);
  await joinModules(dist);
  const needed = declarationsOfExports(dist);
  for (const file of filesBelow('.', /\.d\.ts$/, dist).map((name) => join(dist, name))) {
    if (!needed.has(file)) rmSync(file);
  }
}

/** tsc indents with four spaces, which were a tenth of the code: the same text of every module, printed with tabs. */
async function indentWithTabs(dist) {
  for (const file of filesBelow('.', /\.js$/, dist).map((name) => join(dist, name))) {
    const options = { module: true, compress: false, mangle: false, codegen: { removeWhitespace: false } };
    const { code, errors } = await minify(file, readFileSync(file, 'utf8'), options);
    if (errors.length > 0) throw new Error(`${file} cannot be printed: ${errors[0].message}`);
    writeFileSync(file, code);
  }
}

/** Nobody can import the others: they would be half of what is installed. */
function declarationsOfExports(dist) {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const needed = new Set();
  const follow = (file) => {
    if (needed.has(file)) return;
    needed.add(file);
    for (const [, target] of readFileSync(file, 'utf8').matchAll(
      /(?:from |import\(|import )['"](\.[^'"]+)\.[jt]s['"]/g,
    ))
      follow(join(dirname(file), `${target}.d.ts`));
  };
  for (const target of Object.values(exports).filter((name) => name.endsWith('.js'))) {
    follow(join(dist, relative('dist', target).replaceAll(sep, '/').replace(/\.js$/, '.d.ts')));
  }
  return needed;
}
