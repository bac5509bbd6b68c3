import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { leafOf, lineOf } from '../interop/differential/leaf.ts';
import type { Litewitness } from '../servers/litewitness.ts';
import { runCommand } from './command-line.ts';
import { linesOfProof } from './record-proof.ts';
import { goProgram } from './registry-tools.ts';

/** filippo.io/torchwood: its witness, and its library, which checks tlog-proofs under a tlog-policy. */

let binary = '';

/** To be called before {@link askTorchwood}. */
export function buildTorchwood(): void {
  binary = goProgram('torchwood');
}

/** One line a proof of the record that `of` proves: `ok`, or why not. */
export function askTorchwood(policy: string, proofs: readonly string[], of: string): string[] {
  const [, start = Buffer.alloc(0)] = linesOfProof(of).extra;
  const leaf = leafOf(lineOf(start, 'A'.repeat(43))); // without its auth, and its salt where it has one
  const record = createHash('sha256').update('\0').update(leaf);
  const input = JSON.stringify({ Policy: policy, Record: record.digest('hex'), Proofs: proofs });
  const { stdout, stderr, status } = spawnSync(binary, [], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0 || stderr !== '') throw new Error(`torchwood ended with ${status}: ${stderr}`);
  return stdout.trimEnd().split('\n');
}

/** All know the log in this file by this key, and cosign it. @returns the files with their cosignatures */
export async function cosignedBy(
  witnesses: readonly Litewitness[],
  log: { readonly origin: string; readonly path: string; readonly key: string },
): Promise<string[]> {
  const parts: string[] = [];
  for (const witness of witnesses) {
    await witness.addLog(log.origin, log.key);
    const out = `${log.path}.${parts.length}`;
    const flags = ['--origin', log.origin, '--url', witness.url, '--witness', witness.vkey, '--out', out];
    const { code, stderr } = await runCommand(['witness', log.path, ...flags]);
    expect([code, stderr]).toEqual([0, '']);
    parts.push(out);
  }
  return parts;
}
