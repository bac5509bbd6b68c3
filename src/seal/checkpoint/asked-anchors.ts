import { TamperError } from '../../errors.ts';
import { parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { withDeadline } from '../../foundation/deadline.ts';
import { isUrl } from './anchors.ts';

/** The newest checkpoint that anchors with an address have, asked at a start (spec 6, M6.5). */

/** A start waits no longer for an anchor, in milliseconds. */
const ASK_LIMIT = 5_000;
/** A note is no longer (spec 4). */
const NOTE_LIMIT = 65_536;
/** What an anchor that only takes checkpoints answers, or one that has none yet. */
const NOTHING: readonly number[] = [204, 404, 405, 501];

/**
 * Asks every anchor with an address: GET of it, with `origin` as a parameter, gives the newest note of that stream. One that
 * cannot be asked is told of, and the start goes on: a log must not depend on a second place.
 */
export async function askAnchors(
  names: readonly string[],
  origin: string,
  signal: AbortSignal,
  warn: (error: TamperError) => void,
): Promise<SignedCheckpoint[]> {
  const answers = await Promise.all(
    names.filter(isUrl).map(async (name) => {
      const { host } = new URL(name);
      try {
        return await withDeadline({ what: `the anchor ${host}`, timeoutMs: ASK_LIMIT, signal }, async (within) =>
          newestOf(name, origin, within),
        );
      } catch (cause) {
        if (!signal.aborted) warn(notAsked(host, cause));
        return undefined;
      }
    }),
  );
  return answers.filter((note) => note !== undefined);
}

async function newestOf(name: string, origin: string, signal: AbortSignal): Promise<SignedCheckpoint | undefined> {
  const url = new URL(name);
  url.searchParams.set('origin', origin);
  const response = await fetch(url, { headers: { accept: 'text/plain' }, redirect: 'error', signal });
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > NOTE_LIMIT) throw new Error(`its answer is longer than ${NOTE_LIMIT} bytes`);
    parts.push(part);
  }
  if (NOTHING.includes(response.status)) return undefined;
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  const checkpoint = parseSignedCheckpoint(Buffer.concat(parts).toString('utf8'));
  if (checkpoint === undefined) throw new Error('its answer is no signed checkpoint');
  return checkpoint.origin === origin ? checkpoint : undefined;
}

function notAsked(host: string, cause: unknown): TamperError {
  return new TamperError('UNAVAILABLE', `the anchor ${host} could not be asked for its newest checkpoint`, {
    cause,
    hint: 'The log goes on. Had its state been rolled back, only this anchor would have shown it: compare by hand, with verify --since.',
  });
}
