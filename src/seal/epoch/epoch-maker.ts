import { randomBytes } from 'node:crypto';
import { KeySchedule, NONCE_LENGTH } from '../../core/key-schedule.ts';
import { isTamperError, TamperError } from '../../errors.ts';
import type { KeyReference, MacKeyReference, Signer } from '../../format/key-reference.ts';
import { kidOf } from '../../format/origin.ts';
import { spkiFor } from '../../format/vkey.ts';
import { assertPostQuantum } from '../../keys/ml-dsa.ts';
import type { DataKey, SigningKey } from '../../keys/provider.ts';
import { Epoch, type EpochSigner } from './epoch.ts';
import type { DataKeySource, KeySources, SigningSource } from './key-sources.ts';
import { checkLineRoom } from './line-room.ts';

/**
 * M5.6: Makes a key period: mints its data key (never cached, never shared), resolves the versions of its signing keys. Its
 * number must have been announced in the state before (spec 1).
 *
 * @throws what the key sources throw, `KEY_DISABLED` among it where a key cannot sign; `KEY_MALFORMED` for a data or public
 *   key that no log can use; `FORMAT_LIMIT`
 */
export async function makeEpoch(
  sources: KeySources,
  origin: string,
  number: number,
  signal: AbortSignal,
): Promise<Epoch> {
  const [signers, mac] = await both(
    Promise.all(sources.signers.map((source) => resolveSigner(source, signal))),
    mintIfPossible(sources, origin, number, signal),
  );
  if (mac !== undefined) {
    const named = signers.length === 0 ? {} : { signers: signers.map(({ signer }) => signer) };
    const { schedule, incarnation } = mac;
    return roomy(
      new Epoch({ origin, number, reference: { ...mac.reference, ...named }, signers, schedule, incarnation }),
    );
  }
  if (sources.signIfNoDataKey) signers.unshift(await resolveSigner(sources.signIfNoDataKey, signal));
  const reference: KeyReference = { records: 'hash', signers: signers.map(({ signer }) => signer) };
  return roomy(new Epoch({ origin, number, reference, signers }));
}

/** M1.8: refused before anything is sealed under it, not when its longest line comes. */
function roomy(epoch: Epoch): Epoch {
  try {
    checkLineRoom(epoch);
    return epoch;
  } catch (error) {
    epoch.erase();
    throw error;
  }
}

interface Minted {
  readonly reference: MacKeyReference;
  readonly schedule: KeySchedule;
  readonly incarnation: string | undefined;
}

/** Waits for both, so that a data key that arrives although the signers failed is erased. */
async function both(
  signers: Promise<EpochSigner[]>,
  mac: Promise<Minted | undefined>,
): Promise<[EpochSigner[], Minted | undefined]> {
  const [one, other] = await Promise.allSettled([signers, mac]);
  if (one.status === 'fulfilled' && other.status === 'fulfilled') return [one.value, other.value];
  if (other.status === 'fulfilled') other.value?.schedule.erase();
  throw one.status === 'rejected' ? one.reason : (other as PromiseRejectedResult).reason;
}

async function mintIfPossible(
  sources: KeySources,
  origin: string,
  number: number,
  signal: AbortSignal,
): Promise<Minted | undefined> {
  if (sources.dataKey === undefined) return undefined;
  try {
    return await mint(sources.dataKey, origin, number, signal);
  } catch (error) {
    if (sources.signIfNoDataKey !== undefined && isTamperError(error, 'UNSUPPORTED_OPERATION')) return undefined;
    throw error;
  }
}

async function mint(source: DataKeySource, origin: string, number: number, signal: AbortSignal): Promise<Minted> {
  const dataKey = await source.keys.getKey(source.keyId, { origin, kid: kidOf(origin, number) }, { signal });
  try {
    return derive(dataKey, origin, number);
  } finally {
    dataKey.erase();
  }
}

function derive(dataKey: DataKey, origin: string, epoch: number): Minted {
  const nonce = randomBytes(NONCE_LENGTH);
  const keys = KeySchedule.derive(dataKey.material, { nonce, origin, epoch });
  const { source, identity, wrapped, incarnation } = dataKey;
  const reference: MacKeyReference = {
    records: 'mac',
    source,
    identity,
    nonce,
    fp: keys.fingerprint,
    ...(wrapped !== undefined && { wrapped: Buffer.from(wrapped) }),
  };
  return { reference, schedule: keys, incarnation };
}

async function resolveSigner(source: SigningSource, signal: AbortSignal): Promise<EpochSigner> {
  const key = await source.signing.getSigningKey(source.keyId, { signal, toSign: true });
  if (source.postQuantum === true) assertPostQuantum(key);
  return { signer: signerOf(key), signing: source.signing };
}

function signerOf(key: SigningKey): Signer {
  const { source, identity, algorithm } = key;
  if (algorithm === 'kms-hmac-sha256') return { source, identity, algorithm };
  const spki = key.spki && spkiFor(algorithm, key.spki);
  if (spki === undefined) {
    throw new TamperError('KEY_MALFORMED', `the public key of ${identity} is not one for ${algorithm}`);
  }
  return { source, identity, algorithm, spki };
}
