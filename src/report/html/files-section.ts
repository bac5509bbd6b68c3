import type { IgnoredReport } from '../../verify/verdict/ignored-files.ts';
import type { StreamReport } from '../../verify/verdict/report.ts';
import { grouped, isOfTopic } from '../words/verdict-words.ts';
import { brief, capped, cutNote, type Limits } from './limits.ts';
import { html, type Markup } from './markup.ts';

/** The files of a log, and what they were when they were read. */
export function filesSection(
  { files, fileDetails = [] }: StreamReport,
  { files: most }: Limits,
  heading: Markup,
): Markup {
  if (files.length === 0) return html`<section>${heading}<p>There is no file of this log.</p></section>`;
  const details = new Map(fileDetails.map((one) => [one.file, one]));
  const { shown, rest } = capped(files, most, 'files');
  return html`<section>${heading}
<div class="scroll" role="region" aria-label="Files" tabindex="0"><table>
<thead><tr><th scope="col">File</th><th scope="col">Entries</th><th scope="col">Bytes</th><th scope="col">SHA-256 of what was read</th></tr></thead>
<tbody>${shown.map((file) => {
    const { size, bytes, sha256, firstSeq, lastSeq } = details.get(file) ?? {};
    const entries =
      firstSeq === undefined || lastSeq === undefined ? '—' : `${grouped(firstSeq)} to ${grouped(lastSeq)}`;
    const unpacked = bytes !== undefined && size !== undefined && size !== bytes && `, ${grouped(bytes)} unpacked`;
    const length = size ?? bytes;
    return html`<tr><th scope="row"><code>${brief(file)}</code></th><td class="number">${entries}</td>
<td class="number">${length === undefined ? '—' : grouped(length)}${unpacked}</td>
<td>${sha256 === undefined ? notComputed(file, bytes) : html`<code class="digest">${sha256}</code>`}</td></tr>`;
  })}</tbody>
</table></div>${rest}
<p class="quiet">The digest is that of the bytes that were verified, decompressed if the file is compressed: <code>sha256sum FILE</code>, or <code>zcat FILE | sha256sum</code>.</p></section>`;
}

function notComputed(file: string, bytes: number | undefined): string {
  if (isOfTopic(file)) return 'a topic has none';
  return bytes === undefined ? 'not read to its end' : 'not computed';
}

/** Files behind the given paths that are not part of a log, each with the reason. */
export function leftOut({ files, more }: IgnoredReport): Markup | undefined {
  const count = files.length + more;
  if (count === 0) return undefined;
  return html`<details><summary>${grouped(count)} ${count === 1 ? 'file that is' : 'files that are'} not part of a log ${count === 1 ? 'was' : 'were'} left out</summary><ul>${files.map(({ file, why }) => html`<li><code>${brief(file)}</code> (${why})</li>`)}</ul>${more > 0 && cutNote(`and ${grouped(more)} more`)}</details>`;
}
