// npm start [-- FILE]: installs, builds, and runs the demonstration, on the user's own log file where one is given.
import { resolve } from 'node:path';
import { ensureInstalled } from './lib/install.mjs';
import { root, run } from './lib/run.mjs';

ensureInstalled();
const built = run(process.execPath, ['scripts/build.mjs']);
if (built !== 0) process.exit(built);
// npm changes into the project's folder; INIT_CWD is where the user stands.
const from = process.env.INIT_CWD ?? process.cwd();
const args = process.argv.slice(2).map((arg) => (arg.startsWith('-') ? arg : resolve(from, arg)));
process.exit(run(process.execPath, [`${root}dist/cli/main.js`, 'demo', ...args]));
