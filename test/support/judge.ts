import { createHmac } from 'node:crypto';
import { TamperError } from '../../src/errors.ts';
import { parseSignedCheckpoint } from '../../src/format/checkpoint.ts';
import { parseWitnessVkey } from '../../src/format/cosignature.ts';
import type { Erasure } from '../../src/format/erasure.ts';
import { parseVkey } from '../../src/format/vkey.ts';
import { manifestsAlone } from '../../src/foundation/log-file-names.ts';
import { createDataKey, type Finding } from '../../src/index.ts';
import { type Acceptance, type Auditor, DEFAULT_ACCEPTANCE, type Demand } from '../../src/verify/auditor/auditor.ts';
import { postQuantumFrom } from '../../src/verify/auditor/post-quantum-from.ts';
import { countsFrom, limitedTo, refusedBy } from '../../src/verify/data-keys/data-key-range.ts';
import { ErasureBook } from '../../src/verify/erasures/erasure-book.ts';
import { groupByOrigin, namesStream } from '../../src/verify/files/grouping.ts';
import { manifestsOfCopies, orderFiles, ownersOfEmpty, readFiles } from '../../src/verify/files/stream-files.ts';
import { lookAtManifest } from '../../src/verify/found/judge.ts';
import { peek } from '../../src/verify/input/peek.ts';
import { fileSource, type Source } from '../../src/verify/input/sources.ts';
import { Findings } from '../../src/verify/model/findings.ts';
import type { LargeFiles } from '../../src/verify/parallel/parallel-reading.ts';
import { StreamVerifier } from '../../src/verify/stream/stream-verifier.ts';
import type { ManifestAlone } from '../../src/verify/verdict/ignored-files.ts';
import { linkedStream } from '../../src/verify/verdict/linked-stream.ts';
import { checkLinks, citedSizes, type LinkedStream } from '../../src/verify/verdict/links.ts';
import { checkManifestsAlone } from '../../src/verify/verdict/manifests-alone.ts';

/** What the auditor of a vector brings, as its JSON says it. */
export interface Brings {
  /** With `*` at its end: every stream whose origin begins so. */
  readonly origin: string;
  /** Hex data key by KID; `"unavailable"` where the key service does not answer for it. */
  readonly data_keys?: Readonly<Record<string, string>>;
  readonly vkeys?: readonly string[];
  /** First and last size that a vkey is named for; 0 as the last: without end. */
  readonly vkey_ranges?: Readonly<Record<string, readonly [number, number]>>;
  /** First and last entry that a data key is named for, by KID; 0 as the last: without end. */
  readonly data_key_ranges?: Readonly<Record<string, readonly [number, number]>>;
  /** Hex keys of the key service by identity, for `kms-hmac-sha256`. */
  readonly service_keys?: Readonly<Record<string, string>>;
  readonly held?: readonly string[];
  /** Checkpoints that have a valid time stamp. */
  readonly stamped?: readonly { readonly note: string; readonly time: string; readonly authority: string }[];
  /** Verifier keys of witnesses, and how many of them must have cosigned: all of them where nothing is said. */
  readonly witnesses?: readonly string[];
  readonly cosignatures?: number;
  /** What erasure logs record of the stream, and whether they are whole (spec/erasure.md, R1.3). */
  readonly erasures?: { readonly recorded: readonly Erasure[]; readonly whole: boolean };
  /** The stream is an erasure log. */
  readonly erasure_log?: boolean;
  readonly live?: boolean;
  readonly now?: string;
  readonly until?: string;
  readonly part?: boolean;
  /** A compressed file may expand to so many bytes. */
  readonly max_bytes?: number;
  readonly accept?: {
    readonly adopted?: number;
    readonly abandoned?: number;
    readonly dropped?: number;
    readonly recovery_gap_seconds?: number;
    readonly restarts?: 'keyed' | 'vouched';
    readonly successors?: boolean;
    readonly erased?: number;
  };
  readonly policy?: {
    /** `whole`: the log must be there from its first entry on. */
    readonly start?: 'whole' | 'held';
    readonly records?: 'mac' | 'hash';
    readonly require?: readonly Demand[];
  };
}

export interface Judgement {
  readonly verdict: 0 | 1 | 2;
  readonly findings: readonly Finding[];
  /** `CODE seq` or `CODE seq-lastSeq`, by seq, then by code. */
  readonly codes: readonly string[];
}

const NOW = '2026-11-25T00:00:00.000Z';

function acceptanceOf(accept: Brings['accept'] = {}): Acceptance {
  const { adopted, abandoned, dropped, recovery_gap_seconds: gap, restarts, successors, erased } = accept;
  return {
    adopted: adopted ?? DEFAULT_ACCEPTANCE.adopted,
    abandoned: abandoned ?? DEFAULT_ACCEPTANCE.abandoned,
    dropped: dropped ?? DEFAULT_ACCEPTANCE.dropped,
    recoveryGapSeconds: gap ?? DEFAULT_ACCEPTANCE.recoveryGapSeconds,
    restarts: restarts ?? DEFAULT_ACCEPTANCE.restarts,
    successors: successors ?? DEFAULT_ACCEPTANCE.successors,
    erased: erased ?? DEFAULT_ACCEPTANCE.erased,
  };
}

/** As many of these witnesses as `required`, or all of them. */
function witnessingOf(vkeys: readonly string[], required = vkeys.length): NonNullable<Auditor['witnessing']> {
  const witnesses = vkeys.map((vkey) => parseWitnessVkey(vkey, 'a witness of a vector'));
  const members = witnesses.map(({ publicKey }) => publicKey.toString('hex'));
  return { witnesses, quorum: { threshold: required, members } };
}

export function auditorOf(brings: Brings): Auditor {
  const { service_keys: serviceKeys } = brings;
  const publicKeys = (brings.vkeys ?? []).map((vkey) => {
    const [from, until] = brings.vkey_ranges?.[vkey] ?? [1, 0];
    return { key: parseVkey(vkey).key, fromSeq: from, untilSeq: until === 0 ? Number.MAX_SAFE_INTEGER : until };
  });
  return {
    origin: brings.origin,
    publicKeys,
    postQuantumFrom: postQuantumFrom(brings.policy?.require ?? [], { named: publicKeys }, false),
    witnessing: brings.witnesses && witnessingOf(brings.witnesses, brings.cosignatures),
    stamped: brings.stamped?.flatMap(({ note, time, authority }) => {
      const checkpoint = parseSignedCheckpoint(note);
      if (checkpoint === undefined) throw new Error('a stamped note does not parse');
      return checkpoint.origin === brings.origin
        ? [{ checkpoint, time: new Date(time), authority, validUntil: new Date('2030-01-01') }]
        : [];
    }),
    held: (brings.held ?? [])
      .map((note) => {
        const checkpoint = parseSignedCheckpoint(note);
        if (checkpoint === undefined) throw new Error('a held note does not parse');
        return checkpoint;
      })
      .filter(({ origin }) => origin === brings.origin),
    dataKey: async (_reference, { kid, firstSeq }) => {
      const hex = brings.data_keys?.[kid];
      if (hex === undefined) return undefined;
      if (hex === 'unavailable') throw new TamperError('UNAVAILABLE', 'the key service does not answer');
      const key = createDataKey({ material: Buffer.from(hex, 'hex'), source: 'env', identity: 'audit' });
      const [fromSeq, until] = brings.data_key_ranges?.[kid] ?? [1, 0];
      const name = { name: 'audit', fromSeq, ...(until > 0 && { untilSeq: until }) };
      if (!countsFrom(name, firstSeq)) return refusedBy(name);
      const limit = limitedTo([name], firstSeq);
      return { material: key.material, erase: () => key.erase(), ...(limit && { limit }) };
    },
    erasures: {
      isLog: brings.erasure_log ?? false,
      recorded: brings.erasures && {
        erasures: brings.erasures.recorded.filter(({ erased }) => erased.origin === brings.origin),
        whole: brings.erasures.whole,
      },
      accepted: acceptanceOf(brings.accept).erased,
    },
    dataKeysFrom: [],
    confirmSigner: undefined,
    verifyOnline:
      serviceKeys &&
      (async (signer, text, signature) => {
        const secret = serviceKeys[signer.identity];
        if (secret === undefined) throw new TamperError('KEY_NOT_FOUND', `no key ${signer.identity}`);
        return createHmac('sha256', Buffer.from(secret, 'hex')).update(text).digest().equals(signature);
      }),
    live: brings.live ?? false,
    now: new Date(brings.now ?? NOW),
    until: brings.until === undefined ? undefined : new Date(brings.until),
    part: brings.part ?? false,
    wholeRequired: brings.policy?.start === 'whole',
    recordsFloor: brings.policy?.records ?? 'hash',
    manifestRequired: false,
    require: brings.policy?.require ?? [],
    accept: acceptanceOf(brings.accept),
  };
}

/** A file in memory, read in chunks of `chunk` bytes. */
export function memorySource(name: string, bytes: Buffer, chunk: number = 1 << 20): Source {
  return {
    name,
    repeatable: true,
    size: bytes.length,
    async *read() {
      for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
    },
  };
}

/** The same source in chunks of another size. */
export function inChunks(source: Source, chunk: number): Source {
  return {
    ...source,
    async *read(onProblem, onWhole) {
      for await (const bytes of source.read(onProblem, onWhole)) {
        for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
      }
    },
  };
}

function describe({ code, seq, lastSeq }: Finding): string {
  if (seq === undefined) return code;
  return lastSeq === undefined || lastSeq === seq ? `${code} ${seq}` : `${code} ${seq}-${lastSeq}`;
}

/** By the first seq, then by code. */
export function inOrder(one: string, other: string): number {
  const seq = (text: string): number => Number(/ (\d+)/.exec(text)?.[1] ?? Number.MAX_SAFE_INTEGER);
  return seq(one) - seq(other) || (one < other ? -1 : 1);
}

/** How files are read, and what the report is to show. */
interface Reading {
  readonly large?: LargeFiles | undefined;
  readonly shown?: { readonly quoteLines: boolean; readonly digestFiles: boolean };
}

/** What is known of one stream; of several, and how they go on from one another, where `origin` ends with `*`. */
export async function judgeStreams(
  sources: readonly Source[],
  brings: Brings,
  { large, shown }: Reading = {},
): Promise<LinkedStream[]> {
  const alone = manifestsAlone(sources.map(({ name }) => name));
  const files = await Promise.all(
    sources.flatMap((source) =>
      alone.has(source.name) ? [] : [peek(source).then((seen) => ({ source, peek: seen }))],
    ),
  );
  const several = brings.origin.endsWith('*');
  const groups = several
    ? groupByOrigin([brings.origin], files, { paths: [], origin: brings.origin }, await ownersOfEmpty(files))
    : new Map([[brings.origin, files]]);
  const streams: LinkedStream[] = [];
  const manifests: ManifestAlone[] = [];
  for (const [origin, own] of groups) {
    if (origin === undefined) throw new Error('a file belongs to no stream that is named');
    const findings = new Findings();
    const verifier = new StreamVerifier(auditorOf({ ...brings, origin }), findings, {
      cited: citedSizes(files).get(origin),
      keeper: brings.erasure_log === true ? new ErasureBook([]).reader(findings).keeper : undefined,
      quoteLines: shown?.quoteLines,
    });
    const reading = { onBytes: () => undefined, large, digestFiles: shown?.digestFiles };
    const ordered = await orderFiles(own, findings);
    manifests.push(...(await manifestsOfCopies(own, ordered)));
    const details = await readFiles(verifier, ordered, reading);
    verifier.end();
    streams.push(
      linkedStream(
        verifier.state,
        own.map(({ source }) => source.name),
        details,
      ),
    );
  }
  checkLinks(streams);
  for (const source of sources.filter(({ name }) => alone.has(name))) {
    const { missing } = (await lookAtManifest(source)) ?? {};
    if (missing !== undefined && namesStream([brings.origin], missing.origin, false))
      manifests.push({ ...missing, name: source.name });
  }
  for (const { origin, findings } of checkManifestsAlone(streams, manifests)) {
    const { state } = new StreamVerifier(auditorOf({ ...brings, origin }), findings, {});
    streams.push(linkedStream(state, []));
  }
  return streams;
}

/** The verdict on files; those that are compressed may expand to `limit` bytes. */
export async function judgePaths(files: readonly string[], brings: Brings, limit: number): Promise<Judgement> {
  return judge(await Promise.all(files.map(async (file) => fileSource(file, limit))), brings);
}

/** The verdict on them. */
export async function judge(sources: readonly Source[], brings: Brings, large?: LargeFiles): Promise<Judgement> {
  const streams = await judgeStreams(sources, brings, { large });
  const list = streams.flatMap(({ findings }) => findings.list());
  const tampered = streams.some(({ findings }) => findings.tampered);
  const undecided = streams.some(({ findings }) => findings.undecided);
  return { verdict: tampered ? 1 : undecided ? 2 : 0, findings: list, codes: list.map(describe).sort(inOrder) };
}
