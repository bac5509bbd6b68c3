import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'postject';
import { checksums } from '../../lib/checksums.mjs';
import { capture } from '../../lib/run.mjs';
import { bundleCommand } from './command.mjs';

/** What Node.js looks for in its own file: with it the program is made of that file and a script in it. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Why the Node.js that runs cannot become an executable; undefined where it can. */
function whyNoExecutable() {
  if (process.platform === 'darwin') return 'macOS runs no program that was changed and not signed again';
  if (readFileSync(process.execPath).includes(FUSE)) return undefined;
  return `${process.execPath} cannot hold a script: some distributions build it so. Use Node.js from nodejs.org`;
}

/** Puts `main.cjs` of a folder into `blob`. Its names are relative: the blob holds them, and the same sources give the same bytes. */
function configure(work, execArgvExtension) {
  const config = { main: 'main.cjs', output: 'blob', disableExperimentalSEAWarning: true, execArgvExtension };
  writeFileSync(join(work, 'config.json'), JSON.stringify(config));
  const { NODE_OPTIONS: _, ...env } = process.env;
  capture(process.execPath, ['--experimental-sea-config', 'config.json'], { cwd: work, env });
}

/** Whether an executable of the Node.js that runs can ignore NODE_OPTIONS: one that cannot does not read this member. */
function canIgnoreOptions(work) {
  writeFileSync(join(work, 'main.cjs'), '');
  try {
    configure(work, 'no such extension');
    return false;
  } catch (error) {
    if (!String(error).includes('execArgvExtension')) throw error;
    return true;
  }
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
    writeFileSync(join(work, 'main.cjs'), await bundleCommand('cjs', 'fapilog-tamper-verify', !canIgnoreOptions(work)));
    configure(work, 'none');
    const ending = process.platform === 'win32' ? '.exe' : '';
    const name = `fapilog-tamper-verify-${process.platform}-${process.arch}${ending}`;
    mkdirSync(folder, { recursive: true });
    const file = join(folder, name);
    copyFileSync(process.execPath, file);
    chmodSync(file, 0o755);
    await inject(file, 'NODE_SEA_BLOB', readFileSync(join(work, 'blob')), { sentinelFuse: FUSE });
    writeFileSync(join(folder, 'SHA256SUMS'), checksums([[name, readFileSync(file)]]));
    return name;
  } finally {
    rmSync(work, { recursive: true });
  }
}
