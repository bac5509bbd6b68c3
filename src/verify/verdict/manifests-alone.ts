import { entriesText } from '../model/entries-text.ts';
import { type Finding, Findings } from '../model/findings.ts';
import type { ManifestAlone } from './ignored-files.ts';
import type { LinkedStream } from './links.ts';

/** Manifests whose files are not here: one that leads further than its stream does shows that something is missing (M7.1). */

/** What is missing of a stream. */
export interface Unmet {
  readonly origin: string;
  readonly finding: Finding & { readonly code: 'FILES_MISSING' };
}

/**
 * What the manifests show to be missing, once for each stream.
 *
 * @param ends - the last entry of each stream that is here, or was. Of others only those count that go on from one of these,
 *   or whose file another one has taken the place of: who keeps logs for a time deletes older ones with all that they had, and
 *   may leave their manifests
 */
export function unmet(manifests: readonly ManifestAlone[], ends: ReadonlyMap<string, number>): Unmet[] {
  const expected = withNext(manifests, ends);
  const furthest = new Map<string, ManifestAlone>();
  for (const one of manifests) {
    if (!expected.has(one.origin)) continue;
    const end = Math.max(ends.get(one.origin) ?? 0, furthest.get(one.origin)?.lastSeq ?? 0);
    if (one.lastSeq > end) furthest.set(one.origin, one);
  }
  return [...furthest].map(([origin, { name: file, firstSeq, lastSeq }]) => {
    const seq = Math.max(firstSeq, (ends.get(origin) ?? 0) + 1);
    const what = `${entriesText(seq, lastSeq)} ${seq === lastSeq ? 'is' : 'are'}`;
    const message = `this manifest is of a file that ended with entry ${lastSeq}, but ${what} missing: the file is not here, or its end was cut off`;
    return { origin, finding: { code: 'FILES_MISSING', severity: 'undecided', message, file, seq, lastSeq } };
  });
}

/** Adds what manifests show to be missing to the findings of its stream. @returns the findings of streams that are missing altogether */
export function checkManifestsAlone(
  streams: readonly LinkedStream[],
  manifests: readonly ManifestAlone[],
): { readonly origin: string; readonly findings: Findings }[] {
  if (streams.some(({ part }) => part)) return []; // less is asked
  const mayBeElsewhere = streams.some(({ maybeElsewhere }) => maybeElsewhere);
  const here = new Map(streams.map((stream) => [stream.facts.origin, stream]));
  const ends = new Map(streams.map(({ facts }) => [facts.origin, facts.lastSeq]));
  return unmet(manifests, ends).flatMap(({ origin, finding: { code, severity: _, message, ...place } }) => {
    const stream = here.get(origin);
    const findings = stream?.findings ?? new Findings();
    if (stream?.maybeElsewhere !== true) findings.add(code, place, message); // else a file that could not be read may hold the rest
    return stream === undefined && !mayBeElsewhere ? [{ origin, findings }] : [];
  });
}

/** The streams that are here and those that go on from them, by what the manifests say. */
function withNext(manifests: readonly ManifestAlone[], ends: ReadonlyMap<string, number>): Set<string> {
  const next = new Map<string, string[]>();
  for (const { origin, after } of manifests) {
    if (after === undefined || after === origin) continue;
    const own = next.get(after);
    if (own === undefined) next.set(after, [origin]);
    else own.push(origin);
  }
  const taken = manifests.flatMap(({ origin, beside }) => (beside === true ? [origin] : []));
  const expected = new Set([...ends.keys(), ...taken]);
  for (const origin of expected) for (const one of next.get(origin) ?? []) expected.add(one); // also those that are added
  return expected;
}
