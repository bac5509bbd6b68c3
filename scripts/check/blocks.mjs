// Every block of JavaScript and TypeScript on the pages is compiled as strict TypeScript, with the oldest and the newest
// @types/node, against the packed tarball and the packages that the pages install; and it runs: here, or where the page's
// commands run (pages.mjs, test/dist). Pages that are named as arguments are checked alone.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { filesBelow } from '../lib/files.mjs';
import { installInto, pack } from '../lib/packed.mjs';
import { report, root, tool } from '../lib/run.mjs';
import { pages as runPages } from './pages-run.mjs';

/** Blocks that are compiled and not run, by page and first line after the imports, and why. */
const COMPILED_ONLY = {
  'docs/providers/gcp-kms.md': 'seals with keys of Google Cloud KMS',
};
/** Pages whose blocks with a file name are run by tests, and by which. */
const RUN_BY_TESTS = { 'docs/bundling.md': 'test/dist/bundle, jest, vitest' };
/** Packages that bring no types of their own. */
const TYPES = ['@types/bunyan@1', '@types/express@5', '@types/morgan@1'];

const named = process.argv.slice(2);
const pages = ['README.md', 'SECURITY.md', ...filesBelow('docs', /\.md$/)].filter(
  (page) => named.length === 0 || named.includes(page),
);
const blocks = pages.flatMap(blocksOf);
const problems = [];
const said = [];
const packed = pack();
try {
  install();
  for (const { file, text } of blocks) {
    mkdirSync(dirname(join(packed.folder, file)), { recursive: true });
    writeFileSync(join(packed.folder, file), text);
  }
  for (const types of ['@types/node', '@types/node-newest']) compile(types);
  for (const block of blocks) run(block);
} finally {
  packed.remove();
}
console.log(said.join('\n'));
if (blocks.length === 0) problems.push('no block was found');
report(
  problems,
  `${blocks.length} blocks of ${new Set(blocks.map(({ page }) => page)).size} pages compile as strict TypeScript`,
);

function blocksOf(page) {
  const text = readFileSync(root + page, 'utf8');
  return [...text.matchAll(/^```(?:js|mjs|javascript|ts|typescript)\n([\s\S]*?)^```$/gm)].map(({ 1: body, index }) => {
    const line = text.slice(0, index).split('\n').length;
    const isCommonJs = /\brequire\(|\bmodule\.exports\b/.test(body) && !/^import /m.test(body);
    const fileName = /^\/\/ (\S+\.m?[jt]s)\n/.exec(body)?.[1];
    const own = `${page.replace(/\W/g, '-')}-${line}.${isCommonJs ? 'cts' : 'mts'}`;
    // modules of one page import each other
    const file = fileName?.endsWith('.mts') ? `${page.replace(/\W/g, '-')}/${fileName}` : own;
    // the page's lines, so that an error names the line of the page; and a module each, as names repeat
    const ending = isCommonJs || /^(?:import|export) /m.test(body) ? '' : 'export {};\n';
    return { page, line, file, fileName, text: `${'\n'.repeat(line)}${body}${ending}` };
  });
}

/** The packages that blocks import: as the pages install them, else as we have them. */
function install() {
  const imported = new Set(
    blocks.flatMap(({ text }) =>
      [...text.matchAll(/\b(?:from|import) '([^'.][^']*)'/g)].map(([, name]) =>
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      ),
    ),
  );
  const ours = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const foreign = [...imported].filter(
    (name) => !name.startsWith('node:') && !builtinModules.includes(name) && name !== ours.name,
  );
  const text = pages.map((page) => readFileSync(root + page, 'utf8')).join('\n');
  const words = text.matchAll(/\bnpm install ([^`"\n]*)/g);
  const asked = [...words]
    .flatMap(([, line]) => line.split(' '))
    .filter((word) => foreign.some((name) => word.startsWith(`${name}@`)));
  const here = foreign.filter((name) => !asked.some((word) => word.startsWith(`${name}@`)));
  const types = TYPES.filter((name) => foreign.includes(/^@types\/([^@]+)/.exec(name)[1]));
  installInto(packed.folder, [packed.tarball, ...new Set(asked), ...types]);
  for (const name of here) {
    const place = join(packed.folder, 'node_modules', name);
    if (existsSync(place)) continue;
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), place, 'junction');
  }
}

function compile(types) {
  const place = join(packed.folder, 'node_modules/@types/node');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(join(root, 'node_modules', types), place, 'junction');
  const compilerOptions = {
    strict: true,
    target: 'es2022',
    lib: ['es2023'],
    module: 'nodenext',
    types: ['node'],
    skipLibCheck: true, // that of our own is checked by types.mjs
    outDir: 'out',
    rootDir: '.',
  };
  writeFileSync(
    join(packed.folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: blocks.map(({ file }) => file) }),
  );
  const { status, stdout, error } = spawnSync(tool('tsc'), ['-p', packed.folder], {
    cwd: packed.folder,
    encoding: 'utf8',
  });
  if (error) throw error;
  const names = new Map(blocks.map(({ file, page }) => [file, page]));
  const told = stdout.replaceAll(/^\S+?-\d+\.[cm]ts/gm, (file) => names.get(file) ?? file).trim();
  if (status !== 0) problems.push(`with ${types}:\n${told}`);
}

function run({ page, line, file, fileName }) {
  const place = `${page}:${line + 1}`;
  const elsewhere =
    fileName === undefined
      ? undefined
      : (RUN_BY_TESTS[page] ?? (runPages.some((one) => one.page === page) ? 'its commands' : undefined));
  if (elsewhere !== undefined) {
    said.push(`${place}: compiled here, run by ${elsewhere}`);
    return;
  }
  if (COMPILED_ONLY[page] !== undefined) {
    said.push(`${place}: compiled only: ${COMPILED_ONLY[page]}`);
    return;
  }
  const program = join('out', file.replace(/ts$/, 'js'));
  const { status, stderr } = spawnSync(process.execPath, [program], {
    cwd: packed.folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, FAPILOG_TAMPER_KEY: 'a5'.repeat(32) },
  });
  said.push(`${place}: compiled and run`);
  if (status !== 0) problems.push(`${place}: exit ${status}: ${stderr.trim()}`);
}
