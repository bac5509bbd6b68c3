import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import { noteKeyOf, type Signer } from '../../format/key-reference.ts';
import type { SigningKey } from '../../keys/provider.ts';
import { dataKeyFinder } from '../data-keys/data-keys.ts';
import { type Auditor, DEFAULT_ACCEPTANCE, type StampedCheckpoint } from './auditor.ts';
import { policyDataKeys, policyFor, publicKeysOf, type StreamPublicKeys } from './auditor-names.ts';
import { readHeldNote } from './held-notes.ts';
import type { VerifyOptions } from './options.ts';
import { postQuantumFrom } from './post-quantum-from.ts';
import { witnessingOf } from './witnesses.ts';

/** What the auditor brings for one stream, put together from options and policy. */

const heldOf = new WeakMap<readonly string[], ReadonlyMap<string, SignedCheckpoint[]>>();

/** Held checkpoints by origin, read once for all streams. */
function heldByOrigin(notes: readonly string[]): ReadonlyMap<string, SignedCheckpoint[]> {
  const before = heldOf.get(notes);
  if (before !== undefined) return before;
  const byOrigin = new Map<string, SignedCheckpoint[]>();
  for (const checkpoint of notes.map((note) => readHeldNote(note, 'a checkpoint that you hold'))) {
    const same = byOrigin.get(checkpoint.origin);
    if (same === undefined) byOrigin.set(checkpoint.origin, [checkpoint]);
    else same.push(checkpoint);
  }
  heldOf.set(notes, byOrigin);
  return byOrigin;
}

function stampedOf({ timestamps = [] }: VerifyOptions, origin: string): StampedCheckpoint[] {
  return timestamps.flatMap(({ note, ...stamp }) => {
    const checkpoint = readHeldNote(note, 'a checkpoint with a time stamp');
    return checkpoint.origin === origin ? [{ checkpoint, ...stamp }] : [];
  });
}

function onlineVerifier({ verifyOnline }: VerifyOptions): Auditor['verifyOnline'] {
  if (verifyOnline === undefined) return undefined;
  return async (signer, text, signature) => verifyOnline(signingKeyOf(signer), text, signature);
}

/** A key that the policy names is what the policy says; the key service is not asked about it. */
function signerConfirmer({ confirmSigner }: VerifyOptions, { inPolicy }: StreamPublicKeys): Auditor['confirmSigner'] {
  if (confirmSigner === undefined) return undefined;
  return async (signer) => !inPolicy(noteKeyOf(signer)) && (await confirmSigner(signingKeyOf(signer)));
}

function signingKeyOf({ source, identity, algorithm, spki }: Signer): SigningKey {
  return { source, identity, algorithm, ...(spki !== undefined && { spki }) };
}

/** The auditor of one stream. `heldNotes` are signed notes, of whatever stream. @throws `FORMAT_INVALID`, `USAGE` */
export function auditorFor(given: VerifyOptions, origin: string, heldNotes: readonly string[]): Auditor {
  // R1.2: of an erasure log only the policy says whose key counts, for no flag tells whose log it is for
  const { publicKeys: _flags, confirmSigner: _service, ...rest } = given;
  const options: VerifyOptions = given.policy?.erasures?.includes(origin) === true ? rest : given;
  const policy = policyFor(options.policy, origin);
  const publicKeys = publicKeysOf(options, origin);
  const held = [heldNotes, policy?.pins ?? []].flatMap((notes) => heldByOrigin(notes).get(origin) ?? []);
  const accept = policy?.accept ?? DEFAULT_ACCEPTANCE;
  return {
    origin,
    publicKeys: publicKeys.named,
    namedElsewhere: publicKeys.elsewhere,
    witnessing: witnessingOf(options, origin),
    stamped: stampedOf(options, origin),
    held,
    dataKey: dataKeyFinder(options.dataKeys ?? [], policyDataKeys(options.policy, origin), options.recoveredKeys),
    dataKeysFrom: policy?.dataKeys.map(({ fromSeq }) => fromSeq) ?? [],
    confirmSigner: signerConfirmer(options, publicKeys),
    signerNamed: options.signerNamed ?? false,
    verifyOnline: onlineVerifier(options),
    live: options.live ?? policy?.end === 'live',
    now: options.now ?? new Date(),
    until: typeof policy?.end === 'object' ? policy.end.until : undefined,
    part: options.part ?? false,
    wholeRequired: policy?.wholeRequired ?? false,
    recordsFloor: policy?.records ?? 'hash',
    manifestRequired: policy?.manifestRequired ?? false,
    require: policy?.require ?? [],
    postQuantumFrom: postQuantumFrom(policy?.require ?? [], publicKeys, options.confirmSigner !== undefined),
    observer: options.observer,
    accept: options.acceptSuccessors === true ? { ...accept, successors: true } : accept,
  };
}
