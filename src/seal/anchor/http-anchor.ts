import { MAX_NOTE, parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { readBody } from '../../foundation/response-body.ts';

/** What an anchor that only takes checkpoints answers, or one that has none yet. */
const NOTHING: readonly number[] = [204, 404, 405, 501];

/** Gives a note to an anchor. */
export async function postNote(url: string, note: string, signal: AbortSignal): Promise<void> {
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  const response = await fetch(url, { method: 'POST', headers, body: note, signal });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
}

/** GET of an anchor, with `origin` as a parameter, gives the newest note of that stream. */
export async function newestPosted(
  name: string,
  origin: string,
  signal: AbortSignal,
): Promise<SignedCheckpoint | undefined> {
  const url = new URL(name);
  url.searchParams.set('origin', origin);
  const response = await fetch(url, { headers: { accept: 'text/plain' }, redirect: 'error', signal });
  const body = await readBody(response, MAX_NOTE, () => new Error(`its answer is longer than ${MAX_NOTE} bytes`));
  if (NOTHING.includes(response.status)) return undefined;
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  const checkpoint = parseSignedCheckpoint(body.toString('utf8'));
  if (checkpoint === undefined) throw new Error('its answer is no signed checkpoint');
  return checkpoint.origin === origin ? checkpoint : undefined;
}
