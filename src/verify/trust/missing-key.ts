import { noteKeyOf, type Signer } from '../../format/key-reference.ts';
import { encodeNoteKey, formatVkey } from '../../format/vkey.ts';
import type { Epoch } from '../model/epoch.ts';
import type { StreamState } from '../state/state.ts';
import { signerFingerprint } from './key-fingerprint.ts';

/** What an auditor who could check nothing of a key period is told: what came of the keys that were given, what it needs. */
export function missingKeyText(state: StreamState, epoch: Epoch): string {
  return `key period ${epoch.kid}: ${whatWasGiven(state, epoch)}; it needs ${whatItNeeds(epoch)}`;
}

function whatWasGiven({ auditor, findings, knownKeys: { named } }: StreamState, epoch: Epoch): string {
  if (epoch.dataKey.refused !== undefined) return epoch.dataKey.refused;
  for (const { name, key } of auditor.namedElsewhere ?? []) {
    const id = encodeNoteKey(key).toString('latin1');
    if (!epoch.signers.has(id)) continue;
    return `you named its signer for the stream ${name} only. If it also signs for this one, name ${formatVkey(auditor.origin, key)}`;
  }
  if (named.length === 0)
    return findings.count('KEY_SERVICE') > 0 ? 'no key came from its service' : 'you gave no key for it';
  return named.length === 1
    ? 'the public key that you gave does not sign it'
    : `none of the ${named.length} public keys that you gave signs it`;
}

function whatItNeeds({ reference, signers }: Epoch): string {
  const publicKeys = [...signers.values()].map(nameOf).join(' and ');
  if (reference.records === 'hash') return `the public key of its signer (${publicKeys})`;
  const dataKey = `its data key (${reference.source} ${printable(reference.identity)})`;
  return publicKeys === '' ? dataKey : `${dataKey} or the public key of its signer (${publicKeys})`;
}

function nameOf(signer: Signer): string {
  return signerFingerprint(signer) ?? `${noteKeyOf(signer).algorithm} ${printable(signer.identity)}`;
}

/** Nothing from a log is printed raw (spec 8). */
function printable(text: string): string {
  return text.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?');
}
