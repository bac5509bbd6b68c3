import { type Digest, sha256 } from '../../core/hash.ts';
import type { SignedCheckpoint } from '../../format/checkpoint.ts';
import type { SignerId } from './epoch.ts';

/** So many are remembered: those of the newest checkpoints. */
const REMEMBERED = 1 << 15;

/** Signatures that verified. A checkpoint line may stand in a log as often as anybody likes (M4.8). */
export class GoodSignatures {
  readonly #digests = new Set<Digest>();
  #onAdd: ((place: Digest) => void) | undefined;

  /** Tells of each as it is verified from now on. */
  tell(onAdd: (place: Digest) => void): void {
    this.#onAdd = onAdd;
  }

  /** Where a signature is remembered: under its key, its text and its bytes. */
  place(id: SignerId, checkpoint: SignedCheckpoint, signature: Buffer): Digest {
    const text = Buffer.from(checkpoint.text, 'utf8');
    return sha256(Buffer.concat([Buffer.from(`${id.length} ${text.length} ${id}`, 'latin1'), text, signature]));
  }

  has(place: Digest): boolean {
    return this.#digests.has(place);
  }

  add(place: Digest): void {
    this.#digests.add(place);
    this.#onAdd?.(place);
    if (this.#digests.size <= REMEMBERED) return;
    for (const oldest of this.#digests) {
      this.#digests.delete(oldest);
      return;
    }
  }
}
