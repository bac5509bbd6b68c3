import { noteKeyOf, type Signer } from '../../format/key-reference.ts';
import { encodeNoteKey, type NoteKey, noteKeyId } from '../../format/vkey.ts';
import type { Epoch, SignerId } from './epoch.ts';

/** A key that could have signed for a stream. */
export interface KnownKey {
  readonly id: SignerId;
  readonly key: NoteKey;
  /** As the log names it; undefined where only the auditor does. */
  readonly signer: Signer | undefined;
}

/** So many keys may share the 4 bytes of a key id: more are made so on purpose, and each is tried. */
const MAX_SAME_ID = 8;

/** Every key that the auditor names or that a key period so far has as its signer, found by the id in a note. */
export class KnownKeys {
  readonly #origin: string;
  readonly #byKeyId = new Map<string, KnownKey[]>();
  /** A key was left out, because too many others have its id. */
  crowded = false;

  constructor(origin: string) {
    this.#origin = origin;
  }

  add(key: NoteKey, signer?: Signer): void {
    const keyId = noteKeyId(this.#origin, key).toString('hex');
    const id = encodeNoteKey(key).toString('latin1');
    const same = this.#byKeyId.get(keyId) ?? [];
    const at = same.findIndex((known) => known.id === id);
    if (at < 0 && same.length >= MAX_SAME_ID) this.crowded = true;
    else if (at < 0) same.push({ id, key, signer });
    else if (same[at]?.signer === undefined) same[at] = { id, key, signer };
    this.#byKeyId.set(keyId, same);
  }

  addSignersOf(epoch: Epoch): void {
    for (const signer of epoch.signers.values()) this.add(noteKeyOf(signer), signer);
  }

  /** The keys whose id this is: one, unless somebody made ids collide. */
  withKeyId(keyId: string): readonly KnownKey[] {
    return this.#byKeyId.get(keyId) ?? [];
  }
}
