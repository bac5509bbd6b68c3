import { spokenFingerprint } from '../../format/spoken-fingerprint.ts';
import type { DataKeyReport, KeyReport, SignerReport, StreamReport } from '../../verify/verdict/report.ts';
import { grouped } from '../words/verdict-words.ts';
import { brief, capped, type Limits } from './limits.ts';
import { html, type Markup } from './markup.ts';

/** Which keys a log names, and which of them the auditor has. */
export function keysSection({ keys }: StreamReport, { keys: most }: Limits, heading: Markup): Markup {
  const used = keysUsed(keys);
  if (used.length === 0) return html`<section>${heading}<p>The log names no key that was read.</p></section>`;
  const { shown, rest } = capped(used, most, 'keys');
  return html`<section>${heading}
<p>Compare each fingerprint with the owner of the key, by telephone or from paper; a fingerprint that arrived together with the log proves nothing. A data key has another fingerprint in each key period; fingerprints reveal nothing of the keys.</p>
<div class="scroll" role="region" aria-label="Keys" tabindex="0"><table class="keys">
<thead><tr><th scope="col">Key</th><th scope="col">Fingerprint</th><th scope="col">Where you have it from</th><th scope="col">Entries</th></tr></thead>
<tbody>${shown.map(row)}</tbody>
</table></div>${rest}</section>`;
}

function row({
  kind,
  source,
  identity,
  algorithm,
  givenBy,
  checked,
  firstSeq,
  lastSeq,
  ...fingerprints
}: UsedKey): Markup {
  const what = kind === 'data key' ? 'Data key' : 'Signing key';
  const unnamed = checked ? html`one of yours` : html`<strong>You have not named it</strong>`;
  const from = givenBy === undefined ? unnamed : html`${brief(givenBy)}`;
  const range = lastSeq < firstSeq ? 'none: it never came into force' : `${grouped(firstSeq)} to ${grouped(lastSeq)}`;
  return html`<tr><th scope="row">${what}<br><span class="quiet">${brief(source)}${algorithm !== undefined && `, ${brief(algorithm)}`}</span>${identity !== undefined && html`<br><code>${brief(identity)}</code>`}</th>
<td>${fingerprintText(fingerprints)}</td>
<td>${from}${!checked && html`<br><span class="quiet">nothing was checked with it</span>`}</td>
<td class="number">${range}</td></tr>`;
}

function fingerprintText({
  spoken,
  lastSpoken,
  fingerprints,
}: Pick<UsedKey, 'spoken' | 'lastSpoken' | 'fingerprints'>): Markup {
  if (spoken === undefined) return html`none: only its service can check it`;
  const code = (text: string): Markup => html`<code class="spoken">${text}</code>`;
  if (lastSpoken === undefined) return code(spoken);
  return html`<span class="quiet">${grouped(fingerprints)} key periods, from</span>${code(spoken)}<span class="quiet">to</span>${code(lastSpoken)}`;
}

/** A key that a log names, over all periods in which it does. */
interface UsedKey {
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
