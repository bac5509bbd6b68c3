import { parseWitnessVkey, witnessVkeyProblem } from '../../format/cosignature.ts';

/** What is wrong with a list of witnesses and a quorum; undefined if nothing is. */
export function quorumProblem(vkeys: readonly string[], required: number | undefined): string | undefined {
  for (const vkey of vkeys) {
    const problem = witnessVkeyProblem(vkey);
    if (problem !== undefined) return `this is not the verifier key of a witness: ${problem}`;
  }
  const keys = vkeys.map((vkey) => parseWitnessVkey(vkey, 'a witness').publicKey.toString('hex'));
  // the signed bytes do not say the name: one key under two names would be counted twice
  if (new Set(keys).size < keys.length) return 'two witnesses have the same key';
  if (required !== undefined && required > vkeys.length) {
    return `${required} cosignatures are demanded, but ${vkeys.length} witnesses are named`;
  }
  return undefined;
}
