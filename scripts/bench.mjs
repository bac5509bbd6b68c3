// npm run bench -- NAME [ARGUMENTS]: builds what is measured, then runs bench/NAME.mjs. Without a name, lists them.
import { readFileSync } from 'node:fs';
import { ensureBuilt } from './lib/built.mjs';
import { filesBelow } from './lib/files.mjs';
import { root, run } from './lib/run.mjs';

const names = filesBelow('bench', /^bench\/[^/]+\.mjs$/).map((file) => file.slice('bench/'.length, -'.mjs'.length));
const [name, ...args] = process.argv.slice(2);
if (!names.includes(name)) {
  for (const one of names) {
    const [line] = readFileSync(`${root}bench/${one}.mjs`, 'utf8').split('\n', 1);
    console.log(`${one.padEnd(14)} ${line.replace(/^\/\/ /, '')}`);
  }
  process.exit(name === undefined ? 0 : 64);
}
ensureBuilt();
process.exit(run(process.execPath, ['--import', './test/child/typescript.mjs', `bench/${name}.mjs`, ...args]));
