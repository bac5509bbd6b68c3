import { TamperError } from '../errors.ts';
import { parseSignedCheckpoint, type SignedCheckpoint } from '../format/checkpoint.ts';
import type { Signer } from '../format/key-reference.ts';
import { parseVkey } from '../format/vkey.ts';
import type { SigningKey } from '../keys/provider.ts';
import { type Auditor, DEFAULT_ACCEPTANCE, type NamedPublicKey } from './auditor.ts';
import { dataKeyFinder } from './data-keys.ts';
import { coversOrigin } from './grouping.ts';
import type { PublicKeyName, VerifyOptions } from './options.ts';
import type { Policy, StreamPolicy } from './policy.ts';

/** What the auditor brings for one stream, put together from options and policy. */

function heldCheckpoints(notes: readonly string[]): SignedCheckpoint[] {
  return notes.map((note) => {
    const checkpoint = parseSignedCheckpoint(note);
    if (checkpoint !== undefined) return checkpoint;
    throw new TamperError('FORMAT_INVALID', 'a checkpoint that you hold is no signed note', {
      hint: 'A held checkpoint is the note as it was printed: origin, size, root, an empty line, signatures.',
    });
  });
}

function namedPublicKey(name: string | PublicKeyName): NamedPublicKey {
  const { vkey, fromSeq = 1, untilSeq = Number.MAX_SAFE_INTEGER } = typeof name === 'string' ? { vkey: name } : name;
  return { key: parseVkey(vkey).key, fromSeq, untilSeq };
}

function policyFor(policy: Policy | undefined, origin: string): StreamPolicy | undefined {
  const matching = policy?.streams.filter((stream) => coversOrigin(stream.origin, origin)) ?? [];
  return matching.sort((a, b) => b.origin.length - a.origin.length)[0];
}

function onlineVerifier({ verifyOnline }: VerifyOptions): Auditor['verifyOnline'] {
  if (verifyOnline === undefined) return undefined;
  return async (signer, text, signature) => verifyOnline(signingKeyOf(signer), text, signature);
}

function signingKeyOf({ source, identity, algorithm, spki }: Signer): SigningKey {
  return { source, identity, algorithm, ...(spki !== undefined && { spki }) };
}

/** The auditor of one stream. `heldNotes` are signed notes, of whatever stream. @throws {@link TamperError} `FORMAT_INVALID` */
export function auditorFor(options: VerifyOptions, origin: string, heldNotes: readonly string[]): Auditor {
  const policy = policyFor(options.policy, origin);
  const named = (options.dataKeys ?? []).map((one) => ({
    ...one,
    named: [...one.named, ...(policy?.dataKeys.map(({ wrap, ...range }) => ({ name: wrap, ...range })) ?? [])],
  }));
  const held = heldCheckpoints([...heldNotes, ...(policy?.pins ?? [])]).filter((one) => one.origin === origin);
  const accept = policy?.accept ?? DEFAULT_ACCEPTANCE;
  const { confirmSigner } = options;
  return {
    origin,
    publicKeys: [...(options.publicKeys ?? []), ...(policy?.publicKeys ?? [])].map(namedPublicKey),
    held,
    dataKey: dataKeyFinder(named),
    dataKeysFrom: policy?.dataKeys.map(({ fromSeq }) => fromSeq) ?? [],
    confirmSigner: confirmSigner === undefined ? undefined : async (signer) => confirmSigner(signingKeyOf(signer)),
    verifyOnline: onlineVerifier(options),
    live: options.live ?? policy?.end === 'live',
    now: options.now ?? new Date(),
    until: typeof policy?.end === 'object' ? policy.end.until : undefined,
    part: options.part ?? false,
    wholeRequired: policy?.wholeRequired ?? false,
    recordsFloor: policy?.records ?? 'hash',
    manifestRequired: policy?.manifestRequired ?? false,
    require: policy?.require ?? [],
    accept: options.acceptSuccessors === true ? { ...accept, successors: true } : accept,
  };
}
