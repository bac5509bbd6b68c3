import type { DataKeyReport, KeyReport, SignerReport } from '../index.ts';

/** The keys of a report, each once, with where the auditor has it from: a key that nobody meant must not pass unseen. */
export function keyTexts(periods: readonly KeyReport[]): string[] {
  const fingerprints = new Map<string, Set<string>>();
  const take = (what: string, key: DataKeyReport | SignerReport, checked: boolean): void => {
    const from = key.givenBy === undefined ? '' : `, from ${key.givenBy}`;
    const text = `${what} ${key.source} ${key.identity}${from}${checked ? '' : ' (not checked)'}`;
    const known = fingerprints.get(text) ?? new Set();
    if (key.fingerprint !== undefined && key.fingerprint !== key.identity) known.add(key.fingerprint);
    fingerprints.set(text, known);
  };
  for (const { dataKey, signers, checkedBy } of periods) {
    if (dataKey !== undefined) take('data key', dataKey, checkedBy.includes('mac'));
    for (const signer of signers) take('signer', signer, checkedBy.includes('signature'));
  }
  return [...fingerprints].map(([text, known]) => text + fingerprintText([...known]));
}

/** A data key has another fingerprint in each key period. */
function fingerprintText(known: readonly string[]): string {
  const [first] = known;
  if (first === undefined) return '';
  return known.length === 1
    ? `, fingerprint ${first}`
    : `, fingerprints ${first} to ${known.at(-1) ?? ''} (${known.length})`;
}
