// npm start [-- FILE]: the demonstration, with a log of yours if you name one.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ensureBuilt } from './lib/built.mjs';
import { root, run } from './lib/run.mjs';

// npm changes into the project's folder; INIT_CWD is where the user stands.
const from = process.env.INIT_CWD ?? process.cwd();
const args = process.argv.slice(2).map((arg) => (arg.startsWith('-') ? arg : resolve(from, arg)));
// A wrong path is said now, not after a minute of installing and building.
const missing = args.find((arg) => !arg.startsWith('-') && !existsSync(arg));
if (missing !== undefined) {
  console.error(`npm start: ${missing} does not exist`);
  process.exit(64);
}
if (args.includes('--help') || args.includes('-h')) {
  console.log('npm start [-- FILE]: seals a log, verifies it, tampers with it and shows what is found.');
  process.exit(0);
}
ensureBuilt();
process.exit(run(process.execPath, [`${root}dist/cli/main.js`, 'demo', ...args]));
