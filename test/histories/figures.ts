import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Finding, FindingCode, StreamReport, VerifyReport } from '../../src/index.ts';
import type { NamedBytes } from './history.ts';
import { type Truth, truthOf } from './truth.ts';
import type { World } from './world.ts';

/** A report on a whole log, for an auditor with every key, against what is true of it. */

/** How the report may differ from one on the files as they were written. */
export interface Reading {
  /** The bytes were in other files, or other bytes. */
  readonly otherFiles?: boolean;
  /** Manifests are read, too: they carry checkpoints, which are told as well. */
  readonly manifests?: boolean;
  /** What is left out, each as `NAME WHY`. */
  readonly ignores?: readonly string[];
  /** What is said because of that, besides. */
  readonly adds?: readonly FindingCode[];
  /** The largest size of each stream of which a checkpoint is held: nothing is said of what was there before. */
  readonly holds?: ReadonlyMap<string, number>;
}

/** Who vouches: it depends on the keys alone. */
const TRUST: ReadonlySet<FindingCode> = new Set(['FIRST_RUN_TRUSTS_KEY', 'RESTART_TRUSTS_KEY', 'ADOPTED']);
const RANGES: ReadonlySet<FindingCode> = new Set(['ABANDONED', 'ABANDONED_UNPROVEN']);

function toldOf({ code, file, line, seq, lastSeq }: Finding, otherFiles: boolean): string {
  const place = otherFiles ? '' : `${basename(file ?? '')}:${line}`;
  return `${code} ${place} ${code === 'TORN_TAIL' ? '' : seq}${RANGES.has(code) ? `-${lastSeq}` : ''}`;
}

const firstLines = (note: string | undefined): string => (note ?? '').split('\n').slice(0, 3).join('\n');

/** Each event once, where a manifest may tell of it again. */
function timelineOf({ events, counts }: StreamReport['timeline'], manifests: boolean): object {
  if (!manifests) return { events, counts };
  const texts = new Set(events.map((event) => JSON.stringify(event)));
  return { events: [...texts], counts: { ...counts, checkpoint: 0 } };
}

/** The members of a report that {@link Truth} knows, with the names of files alone. */
function shownFacts(stream: StreamReport, { otherFiles = false, manifests = false }: Reading): object {
  const { keys, verdict, findings, more, firstCheckpoint, checkpoint, takenOver, ...facts } = stream;
  const events = facts.timeline.events.map((event) =>
    event.file === undefined ? event : { ...event, file: otherFiles ? '' : basename(event.file) },
  );
  const details = (facts.fileDetails ?? []).map((one) => ({ ...one, file: basename(one.file) }));
  return {
    ...facts,
    files: otherFiles ? [] : facts.files.map((file) => basename(file)),
    fileDetails: otherFiles ? [] : details,
    timeline: timelineOf({ ...facts.timeline, events }, manifests),
  };
}

function expectedFacts({ facts }: Truth, { otherFiles = false, manifests = false }: Reading): object {
  const events = facts.timeline.events.map((event) =>
    event.file === undefined ? event : { ...event, file: otherFiles ? '' : event.file },
  );
  return {
    ...facts,
    ...(otherFiles && { files: [], fileDetails: [] }),
    timeline: timelineOf({ ...facts.timeline, events }, manifests),
  };
}

function differing(name: string, is: object, says: object): string[] {
  const names = new Set([...Object.keys(is), ...Object.keys(says)]);
  return [...names].flatMap((one) => {
    const [true_, said] = [Reflect.get(is, one), Reflect.get(says, one)];
    return isDeepStrictEqual(true_, said) ? [] : [`${name}${one} is ${short(true_)}, says ${short(said)}`];
  });
}

const short = (value: unknown): string => (JSON.stringify(value) ?? 'absent').slice(0, 300);

function streamDifferences(world: World, truth: Truth, stream: StreamReport, reading: Reading): string[] {
  const { otherFiles = false, adds = [], holds } = reading;
  const says = differing('', expectedFacts(truth, reading), shownFacts(stream, reading));
  const keys = stream.keys.map(({ status, dataKey, signers, ...rest }) => ({
    ...rest,
    ...(dataKey && {
      dataKey: { source: dataKey.source, identity: dataKey.identity, fingerprint: dataKey.fingerprint },
    }),
    signers: signers.map(({ source, identity, algorithm }) => ({ source, identity, algorithm })),
  }));
  says.push(...differing('key ', truth.keys, keys));
  const status = world.mode === 'mac' ? 'keyed' : 'vouched';
  for (const key of stream.keys) {
    if (key.status !== status && !(holds !== undefined && world.mode === 'mac'))
      says.push(`${key.keyId} ${key.status}`);
    if (key.dataKey !== undefined && key.dataKey.givenBy === undefined) says.push(`${key.keyId} without its data key`);
    const unnamed = key.signers.filter(
      ({ givenBy, fingerprint, identity }) =>
        givenBy === undefined || (identity.startsWith('sha256:') && fingerprint !== identity),
    );
    if (unnamed.length > 0) says.push(`${key.keyId} without its signers`);
  }
  says.push(...differing('note ', truth.notes, [stream.firstCheckpoint, stream.checkpoint].map(firstLines)));

  const { findings } = stream;
  const own = (code: FindingCode): boolean => !TRUST.has(code) && !adds.includes(code);
  const told = findings
    .filter(({ code }) => own(code))
    .map((one) => toldOf(one, otherFiles))
    .sort();
  const heldTo = holds?.get(stream.origin) ?? 0;
  const isNews = (one: string): boolean => !one.startsWith('RESTART') || Number(one.split(' ').at(-1)) > heldTo;
  const expected = truth.told
    .filter(isNews)
    .map((one) => (otherFiles ? one.replace(/ [^ ]+ /, '  ') : one))
    .sort();
  if (!isDeepStrictEqual(told, expected)) says.push(`tells ${short(told)}, is ${short(expected)}`);
  for (const code of adds) if (!findings.some((one) => one.code === code)) says.push(`does not say ${code}`);
  const count = (code: FindingCode): number => findings.filter((one) => one.code === code).length;
  if (holds === undefined) {
    const keyed = world.mode === 'mac';
    if (count('FIRST_RUN_TRUSTS_KEY') !== (keyed ? 1 : 0)) says.push('FIRST_RUN_TRUSTS_KEY');
    if (count('RESTART_TRUSTS_KEY') !== (keyed ? truth.restarts : 0)) says.push('RESTART_TRUSTS_KEY');
    if (count('ADOPTED') > 0 !== truth.facts.adoptedEntries > 0) says.push('ADOPTED');
    const adopted = (stream.takenOver ?? []).reduce((sum, { firstSeq, lastSeq }) => sum + lastSeq - firstSeq + 1, 0);
    if (world.mode === 'hash' && adopted !== truth.facts.adoptedEntries) says.push(`taken over ${adopted}`);
  }
  if (Object.keys(stream.more).length > 0) says.push('more findings');
  const undecided = findings.some(({ severity }) => severity === 'undecided');
  if (findings.some(({ severity }) => severity === 'tampered')) says.push('tampered');
  if (stream.verdict !== (undecided ? 'undecided' : 'ok')) says.push(`verdict ${stream.verdict}`);
  return says;
}

/** What the report says otherwise than it is. `files` are those of the world, in the order in which they were read. */
export function differences(
  world: World,
  files: readonly NamedBytes[],
  report: VerifyReport,
  reading: Reading = {},
): string[] {
  const says: string[] = [];
  if (!isDeepStrictEqual(report.streams.map(({ origin }) => origin).sort(), [...world.origins].sort()))
    says.push(`streams ${report.streams.map(({ origin }) => origin)}`);
  const ofStreams = report.streams.flatMap(({ origin, findings }) =>
    findings.map((finding) => ({ ...finding, origin })),
  );
  if (!isDeepStrictEqual(report.findings, ofStreams)) says.push('the findings are not those of the streams');
  const ignored = report.ignored.files.map(({ file, why }) => `${basename(file)} ${why}`).sort();
  if (ignored.join() !== [...(reading.ignores ?? [])].sort().join() || report.ignored.more > 0)
    says.push(`ignores ${ignored}`);
  const verdict = report.streams.every((one) => one.verdict === 'ok') ? 'ok' : 'undecided';
  if (report.verdict !== verdict) says.push(`verdict ${report.verdict}`);
  for (const stream of report.streams) {
    const own = files.filter(({ name }) => world.files.find((one) => one.name === name)?.origin === stream.origin);
    says.push(
      ...streamDifferences(world, truthOf(world, stream.origin, own), stream, reading).map(
        (one) => `${stream.origin}: ${one}`,
      ),
    );
  }
  return says;
}
