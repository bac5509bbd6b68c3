// npm run build -- executable: the verifier and the Node.js that runs this script as one executable, in executable/, with its
// checksum. It needs what `npm ci` installs, and no network.
import { join } from 'node:path';
import { ensureInstalled } from '../lib/install.mjs';
import { root } from '../lib/run.mjs';

ensureInstalled();
const { buildExecutable } = await import('./offline/executable.mjs');
const name = await buildExecutable(join(root, 'executable'));
console.log(`executable/${name}`);
