import { appendRecords } from '../append-records.ts';
import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import { type Erasure, formatErasure } from '../format/erasure.ts';
import { noteKeyOf } from '../format/key-reference.ts';
import { encodeNoteKey } from '../format/vkey.ts';
import { signersFor } from '../signers-for.ts';
import { policyFor } from '../verify/auditor/auditor-names.ts';
import { keyIdentitiesOf, type Policy } from '../verify/auditor/policy.ts';

/** Writes to an erasure log. */

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

const ERASURE_LOG = { what: 'erasure log', undone: 'Nothing was erased that is not on record yet.' } as const;

/** Seals erasures. Resolves when they are durable, sealed and signed. @throws as `appendRecords` */
export async function append(config: ResolvedConfig, erasures: readonly Erasure[]): Promise<void> {
  await appendRecords(config, erasures.map(formatErasure), ERASURE_LOG);
}
