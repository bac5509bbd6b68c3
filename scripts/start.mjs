// npm start [-- FILE]: the demonstration, with a log of yours if you name one.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ensureBuilt } from './lib/built.mjs';
import { root, run } from './lib/run.mjs';

// npm changes into the project's folder; INIT_CWD is where the user stands.
const from = process.env.INIT_CWD ?? process.cwd();
const args = process.argv.slice(2).map((arg) => (arg.startsWith('-') ? arg : resolve(from, arg)));
// What is wrong is said now, not after a minute of installing and building.
const files = args.filter((arg) => !arg.startsWith('-'));
const missing = files.find((file) => !existsSync(file));
const unknown = args.find((arg) => arg.startsWith('-') && !['--keep', '--help', '-h'].includes(arg));
const wrong =
  (missing && `${missing} does not exist`) ??
  (unknown && `unknown flag ${unknown}`) ??
  (files.length > 1 ? 'it takes one file at most' : undefined);
if (wrong !== undefined) {
  console.error(`npm start: ${wrong}; npm start -- [FILE] [--keep]`);
  process.exit(64);
}
if (args.includes('--help') || args.includes('-h')) {
  console.log('npm start [-- [FILE] [--keep]]: seals a log, verifies it, tampers with it and shows what is found.');
  process.exit(0);
}
ensureBuilt();
process.exit(run(process.execPath, [`${root}dist/cli/main.js`, 'demo', ...args]));
