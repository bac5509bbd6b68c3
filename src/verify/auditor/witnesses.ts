import { TamperError } from '../../errors.ts';
import { parseWitnessVkey, rawNoteKey } from '../../format/cosignature.ts';
import { parseVkey } from '../../format/vkey.ts';
import type { Witnessing } from './auditor.ts';
import { policyFor } from './auditor-names.ts';
import type { VerifyOptions } from './options.ts';
import { quorumOf, quorumProblem, vkeysIn } from './quorum.ts';

/** Witnesses that the auditor names, and how many of them must have cosigned (spec 8, M8.29). */

/** What an auditor says of witnesses and signers. */
type WitnessOptions = Pick<VerifyOptions, 'policy' | 'publicKeys' | 'witnesses' | 'cosignatures'>;

/**
 * The witnesses of one stream: those of the policy where it names any for the stream, else those of the options. All of them
 * must have cosigned unless a smaller number is given.
 *
 * @throws {@link TamperError} `USAGE`
 */
export function witnessingOf(options: WitnessOptions, origin: string): Witnessing | undefined {
  const policy = policyFor(options.policy, origin);
  const byPolicy = vkeysIn(policy?.witnesses ?? []).length > 0;
  const given = (byPolicy ? policy?.witnesses : options.witnesses) ?? [];
  const vkeys = vkeysIn(given);
  const required = byPolicy ? policy?.cosignatures : options.cosignatures;
  if (!byPolicy && required !== undefined && vkeys.length === 0) {
    throw new TamperError('USAGE', 'cosignatures are demanded, but no witness is named', {
      hint: 'Name the witnesses by their verifier keys: --witness, or the option "witnesses".',
    });
  }
  const problem = quorumProblem(given, required);
  if (problem !== undefined) {
    throw new TamperError('USAGE', `the witnesses that you named: ${problem}`, {
      hint: 'Name each witness once, by the verifier key that it publishes.',
    });
  }
  if (vkeys.length === 0) return undefined;
  refuseSigners(options, vkeys);
  const witnesses = vkeys.map((vkey) => parseWitnessVkey(vkey, 'a witness'));
  return { witnesses, quorum: quorumOf(given, required) };
}

/** Whoever signs the log is no second pair of eyes. */
function refuseSigners({ policy, publicKeys = [] }: WitnessOptions, witnesses: readonly string[]): void {
  const bySignature = policy?.streams.flatMap((stream) => stream.publicKeys) ?? [];
  const signers = [...publicKeys, ...bySignature].map((one) => parseVkey(typeof one === 'string' ? one : one.vkey).key);
  const raw = new Set(signers.map((key) => rawNoteKey(key).toString('hex')));
  for (const vkey of witnesses) {
    const { name, publicKey } = parseWitnessVkey(vkey, 'a witness');
    if (!raw.has(publicKey.toString('hex'))) continue;
    throw new TamperError('USAGE', `the witness ${name} has the key of a signer that you named`, {
      hint: 'A witness is somebody else, with a key of its own.',
    });
  }
}
