import { spokenFingerprint } from '../../format/spoken-fingerprint.ts';
import type { DataKeyReport, KeyReport, SignerReport } from '../../verify/verdict/report.ts';

/** A key that a log names, over all periods in which it does. */
export interface UsedKey {
  readonly kind: 'data key' | 'signing key';
  readonly source: string;
  /** What the log calls it; absent where that is its fingerprint. */
  readonly identity?: string;
  /** Absent for a data key. */
  readonly algorithm?: string;
  /** In groups of four hexadecimal digits; absent for a key that has none. */
  readonly spoken?: string;
  /** A data key has another fingerprint in each key period: the last one, and how many there are. */
  readonly lastSpoken?: string;
  readonly fingerprints: number;
  /** Where the auditor has it from; absent if the auditor has it not. */
  readonly givenBy?: string;
  /** Whether entries were checked with it. */
  readonly checked: boolean;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** The keys of a log in the order of their first entries, each once. */
export function keysUsed(periods: readonly KeyReport[]): UsedKey[] {
  const used = new Map<string, UsedKey>();
  const add = (id: string, key: UsedKey): void => {
    const known = used.get(id);
    if (known === undefined) used.set(id, key);
    else {
      const lastSeq = Math.max(known.lastSeq, key.lastSeq);
      const another = key.spoken !== undefined && key.spoken !== (known.lastSpoken ?? known.spoken);
      used.set(id, {
        ...known,
        checked: known.checked || key.checked,
        lastSeq,
        ...(another && { lastSpoken: key.spoken, fingerprints: known.fingerprints + 1 }),
      });
    }
  };
  for (const { dataKey, signers, checkedBy, firstSeq, lastSeq } of periods) {
    const range = { firstSeq, lastSeq };
    if (dataKey !== undefined) {
      const key = { kind: 'data key', ...named(dataKey), checked: checkedBy.includes('mac'), ...range } as const;
      add(`d ${dataKey.source} ${dataKey.identity} ${dataKey.givenBy ?? ''} ${key.checked}`, key);
    }
    for (const signer of signers) {
      const { algorithm, givenBy, identity, fingerprint = '' } = signer;
      const checked = givenBy !== undefined && checkedBy.includes('signature');
      add(`s ${fingerprint} ${identity}`, { kind: 'signing key', ...named(signer), algorithm, checked, ...range });
    }
  }
  return [...used.values()];
}

function named({ source, identity, fingerprint, givenBy }: DataKeyReport | SignerReport) {
  const bytes = fingerprint === undefined ? undefined : fingerprintBytes(fingerprint);
  return {
    source,
    ...(identity !== fingerprint && { identity }),
    ...(bytes !== undefined && { spoken: spokenFingerprint(bytes) }),
    fingerprints: bytes === undefined ? 0 : 1,
    ...(givenBy !== undefined && { givenBy }),
  };
}

/** `sha256:` and hex, as of a signer, or base64url, as of a data key. */
function fingerprintBytes(text: string): Uint8Array {
  const hex = /^sha256:([0-9a-f]+)$/.exec(text)?.[1];
  if (hex !== undefined) return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
