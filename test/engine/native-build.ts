import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Builds the native engine before the tests that need it: they fail where it does not build. */
export default function build(): void {
  const script = fileURLToPath(new URL('../../scripts/build/engine.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the native engine does not build:\n${stdout}${stderr}`);
}
