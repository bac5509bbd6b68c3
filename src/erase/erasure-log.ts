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

/** So long the keys of the erasure log may take, and writing to it, in milliseconds. */
const KEYS_MS = 120_000;
const WRITE_MS = 120_000;

/** Seals erasures. Resolves when they are durable, sealed and signed. @throws what a sealer throws */
export async function append(config: ResolvedConfig, erasures: readonly Erasure[]): Promise<void> {
  // waiting for room is for a log that goes on; here somebody waits for an answer
  const sealer = createSealerFor({ ...config, onWriteFailure: 'stop', onStateConflict: 'error' });
  const warnings: unknown[] = [];
  sealer.on('warning', (warning) => warnings.splice(0, 1, warning));
  const { stopped, release } = stopOf(sealer, config, warnings);
  try {
    await Promise.race([sealer.ready, stopped]);
    if (sealer.stats.origin !== config.origin) throw otherStream(config, sealer.stats.origin);
    for (const erasure of erasures) if (!sealer.writeObject(formatErasure(erasure))) await sealer.flush();
    await Promise.race([sealer.flush(), stopped]);
  } finally {
    await Promise.race([sealer.close(), stopped]).finally(release);
  }
  const { unsignedEntries, origin } = sealer.stats;
  if (unsignedEntries > 0) {
    throw new TamperError('UNAVAILABLE', `the erasure log ${origin} could not be signed, so nothing was erased`, {
      cause: warnings[0],
      hint: 'Run this again when its key service answers: what is on record by now is erased then.',
      retryable: true,
    });
  }
}

/** Rejects when the sealer has failed, or has not come further for too long. */
function stopOf(
  sealer: ReturnType<typeof createSealerFor>,
  { file }: ResolvedConfig,
  warnings: readonly unknown[],
): { readonly stopped: Promise<never>; readonly release: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const stopped = new Promise<never>((_, reject) => {
    sealer.once('error', reject);
    timer = setTimeout(() => {
      const hint =
        'Nothing was erased. Make sure that there is room, and that you may write to it and to its state_dir.';
      reject(
        new TamperError('UNAVAILABLE', `the erasure log ${file} could not be written in time`, {
          cause: warnings[0],
          hint,
        }),
      );
    }, WRITE_MS);
  });
  stopped.catch(() => undefined); // it is told by whichever of the promises is waited for
  return { stopped, release: () => clearTimeout(timer) };
}

/** What a policy cannot name (R1.2) records nothing. */
function otherStream({ origin, file }: ResolvedConfig, now: string): TamperError {
  return new TamperError('STATE_CONFLICT', `${file} goes on as ${now}, which no policy can name as an erasure log`, {
    hint: `Nothing was erased. Begin a new erasure log with a name and a key of its own, and name it in the policy beside ${origin}.`,
  });
}
