import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'postject';
import { capture } from '../../lib/run.mjs';
import { checksums } from './build.mjs';
import { bundleCommand } from './command.mjs';

/** What Node.js looks for in its own file: with it the program is made of that file and a script in it. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Why the Node.js that runs cannot become an executable; undefined where it can. */
function whyNoExecutable() {
  if (process.platform === 'darwin') return 'macOS runs no program that was changed and not signed again';
  if (readFileSync(process.execPath).includes(FUSE)) return undefined;
  return `${process.execPath} cannot hold a script: some distributions build it so. Use Node.js from nodejs.org`;
}

/**
 * Makes one executable of the Node.js that runs and of the verifier (https://nodejs.org/api/single-executable-applications.html),
 * and its checksum, in a folder.
 *
 * @returns the file's name
 */
export async function buildExecutable(folder) {
  const why = whyNoExecutable();
  if (why !== undefined) throw new Error(why);
  const work = mkdtempSync(join(tmpdir(), 'fapilog-tamper-executable-'));
  try {
    const [main, output, config] = ['main.cjs', 'blob', 'config.json'].map((name) => join(work, name));
    writeFileSync(main, await bundleCommand('cjs', 'fapilog-tamper-verify'));
    writeFileSync(config, JSON.stringify({ main, output, disableExperimentalSEAWarning: true }));
    capture(process.execPath, ['--experimental-sea-config', config]);
    const ending = process.platform === 'win32' ? '.exe' : '';
    const name = `fapilog-tamper-verify-${process.platform}-${process.arch}${ending}`;
    mkdirSync(folder, { recursive: true });
    const file = join(folder, name);
    copyFileSync(process.execPath, file);
    chmodSync(file, 0o755);
    await inject(file, 'NODE_SEA_BLOB', readFileSync(output), { sentinelFuse: FUSE });
    writeFileSync(join(folder, 'SHA256SUMS'), checksums([[name, readFileSync(file)]]));
    return name;
  } finally {
    rmSync(work, { recursive: true });
  }
}
