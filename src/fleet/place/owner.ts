import { ownersOfEmpty } from '../../verify/files/stream-files.ts';
import type { Peek, PeekedSource } from '../../verify/input/peek.ts';

/** What a file begins with; of an empty one whose it was, which the manifest beside it says: the verifier goes by that too. */
export async function withOwner(file: PeekedSource): Promise<Peek> {
  const owner = (await ownersOfEmpty([file])).get(file);
  return owner === undefined ? file.peek : { ...file.peek, owner };
}
