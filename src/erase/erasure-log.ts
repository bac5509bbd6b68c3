import { existsSync } from 'node:fs';
import type { ResolvedConfig } from '../config/index.ts';
import { createSealerFor, signersFor } from '../create-sealer.ts';
import { TamperError } from '../errors.ts';
import { type Erasure, formatErasure } from '../format/erasure.ts';
import { noteKeyOf } from '../format/key-reference.ts';
import { encodeNoteKey } from '../format/vkey.ts';
import { policyFor } from '../verify/auditor/auditor-names.ts';
import { keyIdentitiesOf, type Policy } from '../verify/auditor/policy.ts';

/** Writes to an erasure log. It is open only while it is written, so that its end can be proven. */

/**
 * Whether the writer would sign with a key that the policy names: what another one signs would be undecided for ever.
 *
 * @throws {@link TamperError} `POLICY_INVALID` where none is named; what a key service throws
 */
export async function assertKeyIsNamed(config: ResolvedConfig, policy: Policy | undefined): Promise<void> {
  const named = policyFor(policy, config.origin);
  const keys = named === undefined ? [] : keyIdentitiesOf(named);
  const own = await signersFor(config, KEYS_MS);
  if (own.some((signer) => keys.includes(encodeNoteKey(noteKeyOf(signer)).toString('base64')))) return;
  throw new TamperError('POLICY_INVALID', `the policy does not name the key that signs for ${config.origin}`, {
    hint: `Nothing was written. Check the key in --erasures, and in the policy the keys under streams, ${config.origin}.`,
  });
}

/** So long the keys of the erasure log may take, in milliseconds. */
const KEYS_MS = 120_000;

/** Begins the log where there is none yet, so that it can be verified. @throws what a sealer throws */
export async function beginErasureLog(config: ResolvedConfig): Promise<void> {
  if (!existsSync(config.file)) await append(config, []);
}

/** Seals erasures. Resolves when they are durable, sealed and signed. @throws what a sealer throws */
export async function append(config: ResolvedConfig, erasures: readonly Erasure[]): Promise<void> {
  const sealer = createSealerFor(config);
  const failed = new Promise<never>((_, reject) => sealer.once('error', reject));
  failed.catch(() => undefined); // it is told by whichever of the two is waited for
  try {
    await Promise.race([sealer.ready, failed]);
    for (const erasure of erasures) if (!sealer.writeObject(formatErasure(erasure))) await sealer.flush();
    await Promise.race([sealer.flush(), failed]);
  } finally {
    await sealer.close();
  }
  const { unsignedEntries, origin } = sealer.stats;
  if (unsignedEntries > 0) {
    throw new TamperError('UNAVAILABLE', `the erasure log ${origin} could not be signed, so nothing was erased`, {
      hint: 'Run this again when its key service answers: what is on record by now is erased then.',
      retryable: true,
    });
  }
}
