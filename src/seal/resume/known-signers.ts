import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import { type KeyReference, type Signer, signersOf } from '../../format/key-reference.ts';
import { checkNote, isConfirmed, keyText } from '../checkpoint/note-signing.ts';
import type { Epoch } from '../epoch/epoch.ts';
import { openingsOf } from './root-at.ts';
import type { StreamSite } from './stream-site.ts';

/**
 * Whose word counts about a stream at its start: the keys that it is to be signed with now, and those that its own state and
 * files name, retired ones among them.
 */
export class KnownSigners {
  readonly #site: StreamSite;
  readonly #epoch: Epoch;
  readonly #warn: (error: unknown) => void;
  readonly #signers: Signer[] = [];
  #retired: Promise<readonly Signer[]> | undefined;

  constructor(site: StreamSite, epoch: Epoch, warn: (error: unknown) => void) {
    this.#site = site;
    this.#epoch = epoch;
    this.#warn = warn;
    const { state, resumption } = site;
    const references = [epoch.reference, state.current?.key, state.checkpoint?.key, resumption.current?.key];
    for (const reference of [...references, ...resumption.candidates.map(({ key }) => key)]) {
      if (reference !== undefined) this.#add(this.#signers, reference);
    }
  }

  /** Whether the stream is sealed with a data key alone: nobody but its writer of the time could check its checkpoints. */
  get isEmpty(): boolean {
    return this.#signers.length === 0;
  }

  /** Whether one of them signed a checkpoint. */
  async signed(checkpoint: SignedCheckpoint): Promise<boolean> {
    if (await this.#isSignedBy(this.#signers, checkpoint)) return true;
    // the files are looked through once, and only where somebody else's word is to be judged
    this.#retired ??= this.#findRetired();
    return this.#isSignedBy(await this.#retired, checkpoint);
  }

  async #isSignedBy(signers: readonly Signer[], checkpoint: SignedCheckpoint): Promise<boolean> {
    const key: KeyReference = { records: 'hash', signers };
    return (await checkNote(checkpoint, key)) === 'signed' || isConfirmed(checkpoint, key, this.#epoch, this.#warn);
  }

  async #findRetired(): Promise<readonly Signer[]> {
    const found: Signer[] = [];
    for await (const { open } of openingsOf(this.#site)) this.#add(found, open.key);
    return found;
  }

  #add(signers: Signer[], reference: KeyReference): void {
    const known = new Set([...this.#signers, ...signers].map(keyText));
    signers.push(...signersOf(reference).filter((signer) => !known.has(keyText(signer))));
  }
}
