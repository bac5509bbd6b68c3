// The commands `seal`, from standard input, and `verify`, each as a whole process.
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cost } from './process-cost.mjs';

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const measured = fileURLToPath(new URL('../measured.mjs', import.meta.url));
const ORIGIN = 'bench.example.com/command';
const key = randomBytes(32).toString('hex');

/**
 * Seals the lines of a file with MACs and verifies them.
 *
 * @param how - `engine`, `folder`, `input`; `cpu`: the one to stay on; `withManifest`: whether `verify` also computes the hash of the
 *   whole file that the manifest beside it has; `salted`: whether each record has a salt
 * @returns for `sealing` and `verifying` CPU seconds and the peak of memory in MB; how many bytes the sealed file has
 */
export function macRound({ engine, folder, input, cpu, withManifest = false, salted = false }) {
  const name = `${engine}-${basename(input)}`;
  const file = join(folder, `${name}.jsonl`);
  const state = join(folder, `${name}-state`);
  const source = openSync(input, 'r');
  const run = (argv, stdin) => {
    const node = [process.execPath, '--import', measured, program, ...argv];
    const env = { FAPILOG_TAMPER_ENGINE: engine, FAPILOG_TAMPER_KEY: key };
    const { seconds, stderr } = cost(node, { env, stdin, cpu });
    return { seconds, peak: Number(/measured \d+ (\d+)/.exec(stderr)[1]) / 1024 };
  };
  try {
    const flags = ['--quiet', '--out', file, '--origin', ORIGIN, '--state-dir', state];
    const sealing = run(['seal', ...flags, ...(salted ? ['--salt-records'] : [])], source);
    const { size } = statSync(file);
    if (!withManifest) rmSync(`${file}.manifest.json`);
    const verifying = run(['verify', file, '--origin', ORIGIN, '--quiet', '--key-env', 'FAPILOG_TAMPER_KEY']);
    return { sealing, verifying, size };
  } finally {
    closeSync(source);
    for (const one of [file, `${file}.manifest.json`, state]) rmSync(one, { recursive: true, force: true });
  }
}
