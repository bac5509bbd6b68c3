import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checksums } from '../../lib/checksums.mjs';
import { root } from '../../lib/run.mjs';
import { bundleCommand } from './command.mjs';
import { bundlePage } from './page.mjs';

/** Where the build puts what an auditor takes along, from the project's folder. */
export const OFFLINE = 'dist/offline';

/** Makes the verifier in one file, the page that verifies, and their checksums. */
export async function buildOffline(folder = join(root, OFFLINE)) {
  const files = new Map([
    ['verify.mjs', await bundleCommand('esm', 'node verify.mjs')],
    ['verify.html', await bundlePage()],
  ]);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, 'SHA256SUMS'), checksums(files));
}
