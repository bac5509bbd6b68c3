import type { ResolvedConfig } from './config/index.ts';
import { createSealerFor } from './create-sealer.ts';
import { TamperError } from './errors.ts';

/** Writes to a log of the auditor's own, which is open only while it is written, so that its end can be proven. */

/** How errors name such a log, and what its writer did not do where it could not be written: one sentence. */
export interface OwnLog {
  readonly what: string;
  readonly undone: string;
}

/** So long a log may come no further, in milliseconds. */
const STUCK_MS = 20_000;

/**
 * Seals lines. Resolves when they are durable, sealed and signed.
 *
 * @param lines - JSON objects, each without its LF
 * @throws {@link TamperError} what a sealer throws; `UNAVAILABLE`; `STATE_CONFLICT` where the log goes on under another name
 */
export async function appendRecords(config: ResolvedConfig, lines: readonly string[], log: OwnLog): Promise<void> {
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
    if (now === size) stop(notWritten(config, why, log));
    size = now;
  }, STUCK_MS);
  try {
    await Promise.race([sealer.ready, stopped]);
    if (sealer.stats.origin !== config.origin) throw otherStream(config, sealer.stats.origin, log);
    for (const line of lines) if (!sealer.writeObject(line)) await Promise.race([sealer.flush(), stopped]);
    await Promise.race([sealer.flush(), stopped]);
  } finally {
    clearInterval(looking);
    await sealer.close();
  }
  if (sealer.stats.unsignedEntries > 0) throw notWritten(config, 'its last entries could not be signed', log);
}

function notWritten({ origin, file }: ResolvedConfig, why: string, { what, undone }: OwnLog): TamperError {
  return new TamperError('UNAVAILABLE', `the ${what} ${origin} could not be written: ${why}`, {
    hint: `${undone} ${file} and its state_dir must be writable, and its key service must answer. Then run this again.`,
    retryable: true,
  });
}

/** Nobody looks for its records under another name. */
function otherStream({ origin, file }: ResolvedConfig, now: string, { what, undone }: OwnLog): TamperError {
  return new TamperError(
    'STATE_CONFLICT',
    `${file} goes on as ${now}, which no policy can name as the ${what} ${origin}`,
    {
      hint: `${undone} Begin a new ${what} with a name and a key of its own.`,
    },
  );
}
