import type { Digest } from '../../core/hash.ts';
import type { OpenEntry } from '../../format/control.ts';
import type { PeekedSource } from '../input/peek.ts';
import type { Findings } from '../model/findings.ts';
import type { ManifestAlone } from './ignored-files.ts';
import type { StreamFacts } from './report.ts';

/** Streams that go on from one another: the one before and the one after must be there and agree (M8.28). */

/** One stream, as far as others depend on it. */
export interface LinkedStream {
  readonly facts: StreamFacts;
  readonly findings: Findings;
  /** What its first open says of the stream before it. */
  readonly after: OpenEntry['after'];
  /** The roots computed at its end and at the sizes that other streams cite. */
  readonly roots: ReadonlyMap<number, Digest>;
  /** The auditor holds a checkpoint of it, so that its beginning was seen before. */
  readonly held: boolean;
  /** It is checked by itself. */
  readonly part: boolean;
  /** Nothing up to this size can be abandoned any more (M8.26). */
  readonly settledSize: number;
  /** What could not be read may hold more of it (M8.5). */
  readonly maybeElsewhere: boolean;
  /** Its last file ends inside a line, or before the entry that its manifest names as the last one. */
  readonly isCut: boolean;
}

/**
 * Adds what is missing or contradicts to the findings of the stream that it concerns.
 *
 * @param beside - manifests of files that are here, where none was recomputed: they too tell that the end of one was cut off
 */
export function checkLinks(streams: readonly LinkedStream[], beside: readonly ManifestAlone[] = []): void {
  const there = new Map(
    streams.filter(({ facts }) => facts.lastSeq > 0).map((stream) => [stream.facts.origin, stream]),
  );
  const mayHide = streams.some(({ maybeElsewhere }) => maybeElsewhere);
  for (const stream of there.values()) {
    if (stream.part) continue;
    checkNext(stream, there, mayHide);
    checkBefore(stream, there, mayHide, beside);
  }
}

/** A close why continued is an end only where the stream that it names is verified too. */
function checkNext(
  { facts, findings }: LinkedStream,
  there: ReadonlyMap<string, LinkedStream>,
  mayHide: boolean,
): void {
  const { origin, continuedBy, lastSeq } = facts;
  if (continuedBy === undefined) return;
  const next = there.get(continuedBy);
  if (next === undefined) {
    const what = `${continuedBy}, which continues it,`;
    const why = mayHide ? unread(what) : `no file of ${what} was given`;
    const message = `the stream ends with close continued (entry ${lastSeq}), but ${why}`;
    findings.add('END_UNPROVEN', { seq: lastSeq }, message);
  } else if (next.facts.firstSeq === 1 && next.after?.origin !== origin) {
    const message = `the stream ends with close continued, but ${continuedBy} does not say that it continues this stream`;
    findings.add('END_UNPROVEN', { seq: lastSeq }, message);
  }
}

const unread = (what: string): string => `no entry of ${what} was found: a file that could not be read may hold them`;

/** A stream that goes on from another one says how far that one was. */
function checkBefore(
  stream: LinkedStream,
  there: ReadonlyMap<string, LinkedStream>,
  mayHide: boolean,
  beside: readonly ManifestAlone[],
): void {
  const { after, facts, findings, held } = stream;
  if (after === undefined) return;
  const before = there.get(after.origin);
  if (before === undefined) {
    if (held) return;
    const why = mayHide ? unread('that stream') : 'no file of that stream was given';
    const message = `this stream continues ${after.origin} (after entry ${after.size}), but ${why}`;
    findings.add('START_UNPROVEN', { seq: 1 }, message);
    return;
  }
  if (after.size === 0 || before.facts.firstSeq > after.size || facts.provenSize === 0) return;
  const { lastSeq } = before.facts;
  const root = before.roots.get(after.size);
  if (lastSeq < after.size) {
    if (before.maybeElsewhere) return; // which was reported
    if (before.isCut || beside.some((one) => one.origin === after.origin && one.lastSeq > lastSeq)) {
      const message = `the stream ${facts.origin} continues this one after entry ${after.size}, but the last file of this one was cut off after entry ${lastSeq}`;
      before.findings.add('END_UNPROVEN', { seq: lastSeq }, message);
      return;
    }
    const message = `the stream ${facts.origin} continues this one after entry ${after.size}, yet this one ends at entry ${lastSeq}: its end was cut off`;
    before.findings.add('LINK_CONTRADICTED', { seq: lastSeq }, message);
  } else if (root === undefined) {
    const message = `this stream continues ${after.origin}, but its first ${after.size} entries could not be compared`;
    findings.add('START_UNPROVEN', { seq: 1 }, message);
  } else if (root !== after.root) {
    if (before.maybeElsewhere && after.size > before.settledSize) return; // a crash may have lost what is here
    const message = `the first ${after.size} entries are not those that ${facts.origin} says it continues: this stream was rewritten`;
    before.findings.add('LINK_CONTRADICTED', { seq: after.size }, message);
  }
}

/** The sizes at which streams say that they go on from another one, by that other's origin. */
export function citedSizes(files: readonly PeekedSource[]): Map<string, number[]> {
  const cited = new Map<string, number[]>();
  for (const {
    peek: { after },
  } of files) {
    if (after !== undefined) cited.set(after.origin, [...(cited.get(after.origin) ?? []), after.size]);
  }
  return cited;
}
