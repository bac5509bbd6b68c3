import { randomBytes } from 'node:crypto';
import { KeySchedule, NONCE_LENGTH } from '../core/key-schedule.ts';
import { TamperError } from '../errors.ts';
import type { KeyReference, MacKeyReference, Signer } from '../format/key-reference.ts';
import { kidOf } from '../format/origin.ts';
import { canonicalSpki } from '../format/vkey.ts';
import type { DataKey, SigningKey } from '../keys/provider.ts';
import { Epoch, type EpochSigner } from './epoch.ts';
import type { DataKeySource, KeySources, SigningSource } from './key-sources.ts';

/**
 * Makes a key period: mints its data key (never cached, never shared), resolves the versions of its signing keys. Its
 * number must have been announced in the state before (spec 1).
 *
 * @throws what the key sources throw; `KEY_MALFORMED` for a data or public key that no log can use
 */
export async function makeEpoch(
  sources: KeySources,
  origin: string,
  number: number,
  signal: AbortSignal,
): Promise<Epoch> {
  const [signers, mac] = await Promise.all([
    Promise.all(sources.signers.map((source) => resolveSigner(source, signal))),
    sources.dataKey && mint(sources.dataKey, origin, number, signal),
  ]);
  const named = signers.length === 0 ? {} : { signers: signers.map(({ signer }) => signer) };
  if (mac === undefined) {
    const reference: KeyReference = { records: 'hash', signers: signers.map(({ signer }) => signer) };
    return new Epoch({ origin, number, reference, signers });
  }
  return new Epoch({ origin, number, reference: { ...mac.reference, ...named }, signers, schedule: mac.schedule });
}

async function mint(
  source: DataKeySource,
  origin: string,
  number: number,
  signal: AbortSignal,
): Promise<{ reference: MacKeyReference; schedule: KeySchedule }> {
  const dataKey = await source.keys.getKey(source.keyId, { origin, kid: kidOf(origin, number) }, { signal });
  try {
    return schedule(dataKey, origin, number);
  } finally {
    dataKey.erase();
  }
}

function schedule(
  dataKey: DataKey,
  origin: string,
  epoch: number,
): { reference: MacKeyReference; schedule: KeySchedule } {
  const nonce = randomBytes(NONCE_LENGTH);
  const keys = KeySchedule.derive(dataKey.material, { nonce, origin, epoch });
  const { source, identity, wrapped } = dataKey;
  const reference: MacKeyReference = {
    records: 'mac',
    source,
    identity,
    nonce,
    fp: keys.fingerprint,
    ...(wrapped !== undefined && { wrapped: Buffer.from(wrapped) }),
  };
  return { reference, schedule: keys };
}

async function resolveSigner(source: SigningSource, signal: AbortSignal): Promise<EpochSigner> {
  const key = await source.signing.getSigningKey(source.keyId, { signal });
  return { signer: signerOf(key), signing: source.signing };
}

function signerOf(key: SigningKey): Signer {
  const { source, identity, algorithm } = key;
  if (algorithm === 'kms-hmac-sha256') return { source, identity, algorithm };
  const spki = key.spki && canonicalSpki(algorithm, key.spki);
  if (spki === undefined) {
    throw new TamperError('KEY_MALFORMED', `the public key of ${identity} is none of ${algorithm}`);
  }
  return { source, identity, algorithm, spki };
}
