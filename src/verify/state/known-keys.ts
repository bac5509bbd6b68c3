import { noteKeyOf, type Signer } from '../../format/key-reference.ts';
import { encodeNoteKey, type NoteKey, noteKeyId } from '../../format/vkey.ts';
import type { Auditor, NamedPublicKey } from '../auditor/auditor.ts';
import type { Epoch, SignerId } from '../model/epoch.ts';

/** A key that could have signed for a stream. */
export interface KnownKey {
  readonly id: SignerId;
  readonly key: NoteKey;
  /** As the log names it; undefined where only the auditor does. */
  readonly signer: Signer | undefined;
}

/** So many keys may share the 4 bytes of a key id: more are made so on purpose, and each is tried. */
const MAX_SAME_ID = 8;

/**
 * Every key that the auditor names or that a key period so far has as its signer, found by the id in a note. Keys are named
 * before the reading and, by the auditor's key service, on the way; none is taken away. They are written only here.
 */
export class KnownKeys {
  readonly #origin: string;
  readonly #byKeyId = new Map<string, KnownKey[]>();
  readonly #named: NamedPublicKey[] = [];
  readonly #namedById = new Map<SignerId, NamedPublicKey[]>();
  readonly #refused = new Set<SignerId>();
  #crowded = false;

  constructor({ origin, publicKeys }: Pick<Auditor, 'origin' | 'publicKeys'>) {
    this.#origin = origin;
    for (const named of publicKeys) {
      this.#name(named);
      this.#add(named.key);
    }
  }

  /** Those that the auditor names, or whose owner the auditor's key service confirmed. */
  get named(): readonly NamedPublicKey[] {
    return this.#named;
  }

  /** A key was left out, because too many others have its id. */
  get crowded(): boolean {
    return this.#crowded;
  }

  /** How the auditor names this key, each time with its range. */
  namedAs(id: SignerId): readonly NamedPublicKey[] {
    return this.#namedById.get(id) ?? [];
  }

  /** Whether the auditor's key service did not confirm it. */
  isRefused(id: SignerId): boolean {
    return this.#refused.has(id);
  }

  /** The keys whose id this is: one, unless somebody made ids collide. */
  withKeyId(keyId: string): readonly KnownKey[] {
    return this.#byKeyId.get(keyId) ?? [];
  }

  addSignersOf(epoch: Epoch): void {
    for (const signer of epoch.signers.values()) this.#add(noteKeyOf(signer), signer);
  }

  /** The auditor's key service says that the key is that of the identity which the auditor names. */
  confirm(signer: Signer): void {
    const all = { fromSeq: 1, untilSeq: Number.MAX_SAFE_INTEGER, givenBy: 'the configured signing key' };
    this.#name({ key: noteKeyOf(signer), ...all });
  }

  refuse(id: SignerId): void {
    this.#refused.add(id);
  }

  #name(named: NamedPublicKey): void {
    this.#named.push(named);
    const id = encodeNoteKey(named.key).toString('latin1');
    const same = this.#namedById.get(id) ?? [];
    same.push(named);
    this.#namedById.set(id, same);
  }

  #add(key: NoteKey, signer?: Signer): void {
    const keyId = noteKeyId(this.#origin, key).toString('hex');
    const id = encodeNoteKey(key).toString('latin1');
    const same = this.#byKeyId.get(keyId) ?? [];
    const at = same.findIndex((known) => known.id === id);
    if (at < 0 && same.length >= MAX_SAME_ID) this.#crowded = true;
    else if (at < 0) same.push({ id, key, signer });
    else if (same[at]?.signer === undefined) same[at] = { id, key, signer };
    this.#byKeyId.set(keyId, same);
  }
}
