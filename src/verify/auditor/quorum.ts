import { parseWitnessVkey, witnessVkeyProblem } from '../../format/cosignature.ts';
import type { WitnessGroup } from '../../format/tlog-policy.ts';

/** Which of the witnesses must have cosigned: as many of a list, or groups of them (spec 8, M8.29). */

/** A {@link WitnessGroup} whose members are the hex of public keys. */
export interface Quorum {
  readonly threshold: number;
  readonly members: readonly (string | Quorum)[];
}

/** The verifier keys in a list or a group. */
export function vkeysIn(witnesses: readonly string[] | WitnessGroup): readonly string[] {
  if (!('members' in witnesses)) return witnesses;
  return witnesses.members.flatMap((one) => (typeof one === 'string' ? [one] : vkeysIn(one)));
}

/** The same by public keys; `required` is for a list, of which all are demanded without it. */
export function quorumOf(witnesses: readonly string[] | WitnessGroup, required?: number): Quorum {
  const isGroup = 'members' in witnesses;
  const members = (isGroup ? witnesses.members : witnesses).map((one) =>
    typeof one === 'string' ? parseWitnessVkey(one, 'a witness').publicKey.toString('hex') : quorumOf(one),
  );
  return { threshold: isGroup ? witnesses.threshold : (required ?? members.length), members };
}

/** The largest size that enough of the witnesses have reached, there or further on; 0 if there is none. */
export function reached({ threshold, members }: Quorum, sizeOf: (witness: string) => number): number {
  const sizes = members.map((one) => (typeof one === 'string' ? sizeOf(one) : reached(one, sizeOf)));
  return sizes.sort((a, b) => b - a)[threshold - 1] ?? 0;
}

/** Whether these witnesses are enough. */
export function isMet(quorum: Quorum, cosigned: Pick<ReadonlySet<string>, 'has'>): boolean {
  return reached(quorum, (witness) => (cosigned.has(witness) ? 1 : 0)) === 1;
}

/** With fewer witnesses than this nothing meets it. */
export function fewest({ threshold, members }: Quorum): number {
  const counts = members.map((one) => (typeof one === 'string' ? 1 : fewest(one))).sort((a, b) => a - b);
  return counts.slice(0, threshold).reduce((sum, count) => sum + count, 0);
}

/** Whether it is no list of witnesses: then their number does not say whether it is met. */
export function isGrouped({ members }: Quorum): boolean {
  return members.some((one) => typeof one !== 'string');
}

/** What is wrong with witnesses and the number of them that is demanded; undefined if nothing is. */
export function quorumProblem(
  witnesses: readonly string[] | WitnessGroup,
  required: number | undefined,
): string | undefined {
  const vkeys = vkeysIn(witnesses);
  for (const vkey of vkeys) {
    const problem = witnessVkeyProblem(vkey);
    if (problem !== undefined) return `this is not the verifier key of a witness: ${problem}`;
  }
  const keys = vkeys.map((vkey) => parseWitnessVkey(vkey, 'a witness').publicKey.toString('hex'));
  // the signed bytes do not say the name: one key under two names would be counted twice
  if (new Set(keys).size < keys.length) return 'two witnesses have the same key';
  if ('members' in witnesses) {
    if (required === undefined) return thresholdProblem(witnesses);
    return 'a number of cosignatures is demanded, but a tlog-policy says itself which witnesses are enough';
  }
  if (required !== undefined && required > vkeys.length) {
    return `${required} cosignatures are demanded, but ${vkeys.length} witnesses are named`;
  }
  return undefined;
}

function thresholdProblem({ threshold, members }: WitnessGroup): string | undefined {
  if (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > members.length)
    return `the threshold of a group of ${members.length} must be from 1 to that`;
  for (const one of members) {
    const problem = typeof one === 'string' ? undefined : thresholdProblem(one);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
