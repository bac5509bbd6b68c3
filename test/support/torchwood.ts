import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toolCache } from '../../scripts/lib/tool-cache.mjs';
import { leafOf, lineOf } from '../interop/differential/leaf.ts';
import { linesOfProof } from './record-proof.ts';

/** filippo.io/torchwood, the library of litewitness' authors, which checks tlog-proofs under a tlog-policy. */

const source = fileURLToPath(new URL('../interop/torchwood/', import.meta.url));
const cache = join(toolCache(), 'go-interop');
const binary = join(cache, process.platform === 'win32' ? 'torchwood.exe' : 'torchwood');

/** It needs Go 1.27, which an older go fetches. */
export function buildTorchwood(): void {
  mkdirSync(cache, { recursive: true });
  const env = { ...process.env, GOTOOLCHAIN: 'auto' };
  const built = spawnSync('go', ['build', '-o', binary, '.'], { cwd: source, env, encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`go build failed: ${built.error?.message ?? built.stderr}`);
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
