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

/** So long the keys of the erasure log may take, and so long it may come no further, in milliseconds. */
const KEYS_MS = 120_000;
const STUCK_MS = 20_000;

/** Seals erasures. Resolves when they are durable, sealed and signed. @throws what a sealer throws, and `UNAVAILABLE` */
export async function append(config: ResolvedConfig, erasures: readonly Erasure[]): Promise<void> {
  // waiting for room is for a log that goes on; here somebody waits for an answer
  const sealer = createSealerFor({ ...config, onWriteFailure: 'stop', onStateConflict: 'error' });
  let stop: (error: TamperError) => void = () => undefined;
  const stopped = new Promise<never>((_, reject) => {
    sealer.once('error', reject);
    stop = reject;
  });
  stopped.catch(() => undefined); // it is told by whichever of the promises is waited for
  let size = -1;
  const looking = setInterval(() => {
    const { size: now, waitsFor } = sealer.stats;
    const why = waitsFor === undefined ? 'it came no further' : `it waits (${waitsFor})`;
    if (now === size) stop(notWritten(config, why));
    size = now;
  }, STUCK_MS);
  try {
    await Promise.race([sealer.ready, stopped]);
    if (sealer.stats.origin !== config.origin) throw otherStream(config, sealer.stats.origin);
    for (const erasure of erasures)
      if (!sealer.writeObject(formatErasure(erasure))) await Promise.race([sealer.flush(), stopped]);
    await Promise.race([sealer.flush(), stopped]);
  } finally {
    clearInterval(looking);
    await sealer.close();
  }
  if (sealer.stats.unsignedEntries > 0) throw notWritten(config, 'its last entries could not be signed');
}

function notWritten({ origin, file }: ResolvedConfig, why: string): TamperError {
  return new TamperError('UNAVAILABLE', `the erasure log ${origin} could not be written: ${why}`, {
    hint: `Nothing was erased. ${file} and its state_dir must be writable, and its key service must answer. Then run this again: what is on record by now is erased then.`,
    retryable: true,
  });
}

/** What a policy cannot name (R1.2) records nothing. */
function otherStream({ origin, file }: ResolvedConfig, now: string): TamperError {
  return new TamperError('STATE_CONFLICT', `${file} goes on as ${now}, which no policy can name as an erasure log`, {
    hint: `Nothing was erased. Begin a new erasure log with a name and a key of its own, and name it in the policy beside ${origin}.`,
  });
}
