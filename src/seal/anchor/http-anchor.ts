import { TamperError } from '../../errors.ts';
import { MAX_NOTE, parseSignedCheckpoint, type SignedCheckpoint } from '../../format/checkpoint.ts';
import { askOverHttp } from '../../foundation/http-answer.ts';
import { shownName } from './anchor-name.ts';

/** What an anchor that only takes checkpoints answers, or one that has none yet: which, nobody can tell from one that was emptied. */
const NOTHING: readonly number[] = [204, 404, 405, 501];

/** How one request to an anchor is bounded. */
export interface AnchorRequest {
  /** In milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Gives a note to an anchor. @throws what {@link askOverHttp} throws, or `UNAVAILABLE` with the status */
export async function postNote(name: string, note: string, request: AnchorRequest): Promise<void> {
  const { ok, status } = await askOverHttp({
    what: `the anchor ${shownName(name)}`,
    url: name,
    method: 'POST',
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: note,
    limit: 0,
    ...request,
  });
  if (!ok) throw refused(status);
}

/**
 * GET of an anchor, with `origin` as a parameter, gives the newest note of that stream.
 *
 * @throws what {@link askOverHttp} throws, `UNAVAILABLE` with the status, `RESPONSE_MALFORMED`
 */
export async function newestPosted(
  name: string,
  origin: string,
  request: AnchorRequest,
): Promise<SignedCheckpoint | undefined> {
  const url = new URL(name);
  url.searchParams.set('origin', origin);
  const { ok, status, body } = await askOverHttp({
    what: `the anchor ${shownName(name)}`,
    url,
    method: 'GET',
    headers: { accept: 'text/plain' },
    limit: MAX_NOTE,
    ...request,
  });
  if (NOTHING.includes(status)) return undefined;
  if (!ok) throw refused(status);
  const checkpoint = parseSignedCheckpoint(body.toString('utf8'));
  if (checkpoint === undefined) throw malformed('is not a signed checkpoint');
  if (checkpoint.origin !== origin) throw malformed('is a checkpoint of another stream');
  return checkpoint;
}

function refused(status: number): TamperError {
  return new TamperError('UNAVAILABLE', `HTTP status ${status}`);
}

function malformed(what: string): TamperError {
  return new TamperError('RESPONSE_MALFORMED', `its answer ${what}`);
}
