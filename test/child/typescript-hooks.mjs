// A module hook that turns TypeScript into JavaScript, file by file, without checking types. What it made is kept: to load the
// compiler takes longer than most of the processes live that need it.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { version } = JSON.parse(await readFile(new URL('../../node_modules/typescript/package.json', import.meta.url)));
const kept = fileURLToPath(new URL('../../node_modules/.cache/typescript-hooks/', import.meta.url));

async function compiled(text, fileName) {
  const { default: ts } = await import('typescript');
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    inlineSourceMap: true,
  };
  return ts.transpileModule(text, { compilerOptions, fileName }).outputText;
}

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts') || url.includes('/node_modules/')) return nextLoad(url, context);
  const fileName = fileURLToPath(url);
  const text = await readFile(fileName, 'utf8');
  const path = join(kept, `${createHash('sha256').update(`${version}\0${fileName}\0${text}`).digest('hex')}.js`);
  let source = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (source === undefined) {
    source = await compiled(text, fileName);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.${process.pid}`, source); // others compile the same file at the same time
    await rename(`${path}.${process.pid}`, path);
  }
  return { format: 'module', source, shortCircuit: true };
}
