import type { StreamReport } from '../../verify/verdict/report.ts';
import { keysUsed, type UsedKey } from '../words/keys-used.ts';
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
