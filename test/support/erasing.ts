import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPolicy, type Policy } from '../../src/index.ts';
import { type SigningKey, vkeyOf } from './signing-keys.ts';

/** Policies that name an erasure log (spec/erasure.md, R1.2). */

/** What a policy demands of a stream that is signed with one key, as its file says it. */
export function signedBy(origin: string, key: SigningKey, more: object = {}): object {
  return { origin, require: ['signature'], keys: [{ sign: vkeyOf(origin, key) }], ...more };
}

/** The policy of a file that says this. */
export async function policyOf(streams: readonly object[], erasures: readonly string[]): Promise<Policy> {
  const folder = mkdtempSync(join(tmpdir(), 'policy-'));
  try {
    const path = join(folder, 'policy.yaml');
    writeFileSync(path, JSON.stringify({ version: 1, streams, erasures }));
    return await loadPolicy(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
