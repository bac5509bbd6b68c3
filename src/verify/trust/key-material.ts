import { TamperError, type TamperErrorCode } from '../../errors.ts';
import type { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';
import { countsAsNamed } from './named-keys.ts';

/** What an error says of a local key itself, which asking again would not change. */
const SAYS_OF_KEY: ReadonlySet<TamperErrorCode> = new Set([
  'KEY_NOT_FOUND',
  'KEY_MALFORMED',
  'KEY_WRONG_USAGE',
  'KEY_FILE_PERMISSIONS',
  'ACCESS_DENIED',
]);

const isLocalKey = ({ reference }: Epoch): boolean =>
  reference.records === 'mac' && (reference.source === 'env' || reference.source === 'file');

/** Gets the data key of a MAC epoch from the auditor's side and derives the keys of its step (spec 3, 8.5, 8.7). */
export async function fetchKeys(state: StreamState, epoch: Epoch): Promise<void> {
  await confirmSigners(state, epoch);
  const { reference } = epoch;
  if (reference.records !== 'mac') return;
  const { origin } = state.auditor;
  if (!mayAsk(state, 'refusedKeys')) return;
  try {
    const { kid, number, firstSeq } = epoch;
    const dataKey = await state.auditor.dataKey(reference, { origin, kid, epoch: number, firstSeq });
    if (dataKey === undefined) return;
    if ('refused' in dataKey) {
      epoch.missKey({ refused: dataKey.refused });
      return;
    }
    try {
      epoch.takeKey(dataKey, origin);
    } finally {
      dataKey.erase();
    }
  } catch (error) {
    if (!(error instanceof TamperError)) throw error;
    reportFailure(state, epoch, error);
  }
}

/** Signers that the auditor names by their identity: the auditor's key service says whether the public key is theirs. */
async function confirmSigners(state: StreamState, epoch: Epoch): Promise<void> {
  const { confirmSigner } = state.auditor;
  if (confirmSigner === undefined) return;
  for (const [id, signer] of epoch.signers) {
    if (countsAsNamed(state, id) || state.knownKeys.isRefused(id) || !mayAsk(state, 'refusedSigners')) continue;
    try {
      if (!(await confirmSigner(signer))) {
        state.knownKeys.refuse(id);
        state.allowance.take('refusedSigners');
        continue;
      }
      state.knownKeys.confirm(signer);
    } catch (error) {
      if (!(error instanceof TamperError)) throw error;
      state.allowance.take('serviceFailures');
      const message = `key period ${epoch.kid}: the key service could not be asked about its signer (${error.code}): ${error.message}`;
      state.find('KEY_SERVICE', message, epoch.introducedAt);
    }
  }
}

/** A log can name key after key for a service that takes its time, or is away. */
function mayAsk(state: StreamState, refused: 'refusedKeys' | 'refusedSigners'): boolean {
  for (const what of ['serviceFailures', refused] as const) {
    if (state.allowance.left(what) > 0) continue;
    const why = what === 'serviceFailures' ? 'failed too often' : 'knows too few of the keys in this log';
    state.sayOnce(what, `the key service ${why}; it is not asked again`);
    return false;
  }
  return true;
}

function reportFailure(state: StreamState, epoch: Epoch, error: TamperError): void {
  const seq = epoch.introducedAt;
  state.allowance.take(error.code === 'WRONG_KEY_OR_CONTEXT' ? 'refusedKeys' : 'serviceFailures');
  if (error.code === 'WRONG_KEY_OR_CONTEXT') {
    state.find(
      'WRONG_KEY',
      `key period ${epoch.kid}: the wrapped data key cannot be unwrapped for this stream: ${error.message}`,
      seq,
    );
    return;
  }
  const hint = error.hint === undefined ? '' : ` ${error.hint}`;
  if (isLocalKey(epoch) && SAYS_OF_KEY.has(error.code)) {
    const missing = error.code === 'KEY_NOT_FOUND';
    const why = missing ? error.message : `its data key cannot be used (${error.code}): ${error.message}.${hint}`;
    epoch.missKey({ missing: `key period ${epoch.kid}: ${why}` });
    return;
  }
  state.find('KEY_SERVICE', `key period ${epoch.kid}: no data key (${error.code}): ${error.message}.${hint}`, seq);
}
