import { type Digest, digestFrom } from '../core/hash.ts';
import { verifyInclusion } from '../core/inclusion-proof.ts';
import { decodeBase64 } from '../format/base64.ts';
import { decodeUtf8 } from '../format/entry.ts';
import { readHash } from '../format/evidence/tlog-proof.ts';
import { isOrigin } from '../format/origin.ts';
import { PROOF_LIMIT } from '../verify/proof/check-proof.ts';
import {
  PROOF_SEVERITY,
  type ProofFinding,
  type ProofFindingCode,
  type ProofReport,
} from '../verify/proof/proof-report.ts';
import { type ProofOptions, verifyProof } from '../verify/verify-proof.ts';
import {
  type BucketItem,
  base64Of,
  bucketLeaf,
  bucketOf,
  bucketProblem,
  formatEntry,
  isSame,
  itemOf,
  type JournalEntry,
  keyOf,
  lastHead,
  type NightEnds,
  readEntry,
  readNight,
} from './nights.ts';

/** The proof of what a night of a journal says of one stream (spec/journal.md, section 3): its text, and the check of it. */

const PREFIX = 'fapilog-tamper/';
const HEADER = `${PREFIX}v1 stream`;
const ORIGIN = 'origin ';
const ENTRY = 'entry ';

/** What stands behind the proof of the night's record. */
export interface StreamPart {
  readonly origin: string;
  /** Absent: the night has no such stream. */
  readonly entry?: JournalEntry | undefined;
  /** The bucket of the stream. */
  readonly items: readonly BucketItem[];
  /** The inclusion proof of the bucket, the sibling first. */
  readonly path: readonly Digest[];
}

/** What a stream proof says, and whether it holds. */
export interface StreamProofReport
  extends Pick<ProofReport, 'verdict' | 'size' | 'sealedAt' | 'checkpoint' | 'signers' | 'held' | 'findings'> {
  /** The journal; absent where the proof cannot be read. */
  readonly journal?: string;
  /** SEQ of the record with which the night ended, and of that with which it began. */
  readonly seq?: number;
  readonly begun?: number;
  /** The time of the audit, by the auditor's clock, UTC. */
  readonly night?: string;
  readonly stream?: string;
  /** What the night says of it; absent where it has no such stream. */
  readonly entry?: JournalEntry;
}

/** The text of a proof. `record` is the tlog-proof of the night's record. */
export function formatStreamProof(record: string, { origin, entry, items, path }: StreamPart): string {
  const lines = [
    HEADER,
    `${ORIGIN}${origin}`,
    ...(entry === undefined ? [] : [`${ENTRY}${formatEntry(entry)}`]),
    ...items.map(({ key, leaf }) => `${base64Of(key)} ${base64Of(leaf)}`),
    ...path.map(base64Of),
  ];
  return `${record}\n${lines.join('\n')}\n`;
}

type Reading<T> = T | { readonly code: ProofFindingCode; readonly problem: string };

/** Checks the bytes of a proof. @throws {@link TamperError} as `verifyProof` */
export async function verifyStreamProof(bytes: Uint8Array, options: ProofOptions): Promise<StreamProofReport> {
  const cut = bytes.length > PROOF_LIMIT ? undefined : splitOf(bytes);
  const report = await verifyProof(cut?.record ?? bytes, options);
  const { origin: journal, seq, record, size, sealedAt, checkpoint, signers, held, findings: found } = report;
  const findings: ProofFinding[] = [...found];
  const add = ({ code, problem }: { code: ProofFindingCode; problem: string }): void => {
    findings.push({ code, severity: PROOF_SEVERITY[code], message: problem });
  };
  const part =
    cut === undefined ? malformed('nothing about a stream stands behind its checkpoint') : readPart(cut.rest);
  if ('problem' in part) add(part);
  const night = record === undefined ? undefined : readNight(record.text ?? '');
  const ended = night !== undefined && 'of' in night ? night : undefined;
  if (record !== undefined && ended === undefined)
    add({ code: 'RECORD_WRONG', problem: 'the proven record is not one with which a night of a journal ends' });
  if (ended !== undefined && !('problem' in part)) for (const problem of problemsOf(part, ended)) add(problem);
  const worst = findings.some(({ severity }) => severity === 'tampered') ? 'tampered' : 'undecided';
  return {
    verdict: findings.length === 0 ? 'ok' : worst,
    ...(journal !== undefined && { journal }),
    ...(seq !== undefined && { seq }),
    ...(size !== undefined && { size }),
    ...(ended !== undefined && { night: ended.night, begun: ended.of }),
    ...('problem' in part ? {} : { stream: part.origin, ...(part.entry && { entry: part.entry }) }),
    ...(sealedAt !== undefined && { sealedAt }),
    ...(checkpoint !== undefined && { checkpoint }),
    signers,
    held,
    findings,
  };
}

/** J3.5: whether what a later night says of a stream goes on from this. */
function goesOn(before: JournalEntry | undefined, after: JournalEntry | undefined): boolean {
  const head = before && lastHead(before);
  if (head === undefined) return before === undefined || after !== undefined;
  return isSame(after?.since, head) || (after?.since?.size ?? 0) > head.size;
}

/** J3.5: proofs that were verified together, with what contradicts another one. */
export function compared<R extends StreamProofReport>(proofs: readonly R[]): R[] {
  const wrong = new Set<R>();
  const known = new Map<string, readonly [R, string | undefined]>();
  const claim = (proof: R, about: unknown[], value: string | undefined): void => {
    const key = JSON.stringify([proof.journal, ...about]);
    const [other, said] = known.get(key) ?? [proof, value];
    if (said !== value) wrong.add(proof).add(other);
    known.set(key, [other, said]);
  };
  const last = new Map<string, R>();
  const inOrder = proofs.filter(({ verdict }) => verdict === 'ok').sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
  for (const proof of inOrder) {
    const { journal, checkpoint, size, seq, begun, stream, entry } = proof;
    claim(proof, ['checkpoint', size], checkpoint?.split('\n')[2]);
    claim(proof, ['night', begun], String(seq));
    claim(proof, ['stream', stream, seq], JSON.stringify(entry));
    const key = JSON.stringify([journal, stream]);
    const before = last.get(key);
    if (before !== undefined && before.seq !== seq && !goesOn(before.entry, entry)) wrong.add(proof).add(before);
    last.set(key, proof);
  }
  const code = 'KNOWN_CONTRADICTED';
  const message = 'another proof that was given says something else: its auditor signed two histories';
  const finding = { code, severity: PROOF_SEVERITY[code], message } as const;
  return proofs.map((one) => (wrong.has(one) ? { ...one, verdict: 'tampered', findings: [finding] } : one));
}

const malformed = (problem: string): { code: 'PROOF_MALFORMED'; problem: string } => ({
  code: 'PROOF_MALFORMED',
  problem,
});

/** J3.1: a note has one empty line, and so has what is before it; the next one ends the tlog-proof. */
function splitOf(bytes: Uint8Array): { readonly record: Buffer; readonly rest: string } | undefined {
  const text = decodeUtf8(bytes);
  let end = 0;
  for (let nth = 0; nth < 3 && text !== undefined && end >= 0; nth++)
    end = text.indexOf('\n\n', end + Math.min(nth, 1));
  if (text === undefined || end < 0) return undefined;
  return { record: Buffer.from(text.slice(0, end + 1), 'utf8'), rest: text.slice(end + 2) };
}

/** J3.1, J3.2: the one spelling of what stands behind the tlog-proof. */
function readPart(text: string): Reading<StreamPart> {
  const lines = text.split('\n');
  if (lines.pop() !== '') return malformed('its last line does not end with LF');
  const [header, origin, ...rest] = lines;
  if (header !== HEADER) {
    const problem = `what stands behind its checkpoint is not "${HEADER}"`;
    return { code: /^fapilog-tamper\/v[0-9]+ /.test(header ?? '') ? 'UNSUPPORTED' : 'PROOF_MALFORMED', problem };
  }
  const name = origin?.startsWith(ORIGIN) === true ? origin.slice(ORIGIN.length) : '';
  if (!isOrigin(name)) return malformed('there is no "origin" line with the name of a stream where one is required');
  const given = rest[0]?.startsWith(ENTRY) === true ? rest.shift()?.slice(ENTRY.length) : undefined;
  const entry = given === undefined ? undefined : readEntry(given);
  if (given !== undefined && entry?.origin !== name) return malformed(`its "entry" line is not an entry of ${name}`);
  const items: BucketItem[] = [];
  while (rest[0]?.includes(' ') === true) {
    const [key, leaf, ...more] = (rest.shift() ?? '').split(' ').map(readHash);
    if (key === undefined || leaf === undefined || more.length > 0)
      return malformed('a line of its bucket is not the canonical base64 of a key and of a hash');
    items.push({ key, leaf });
  }
  const path = rest.map(readHash);
  if (path.includes(undefined)) return malformed('a line of its path is not the canonical base64 of 32 bytes');
  return { origin: name, entry, items, path: path as Digest[] };
}

/** J3.3, J3.4 */
function problemsOf(
  { origin, entry, items, path }: StreamPart,
  { bits, root }: NightEnds,
): { code: ProofFindingCode; problem: string }[] {
  const key = keyOf(origin);
  const bucket = bucketOf(key, bits);
  const problem = bucketProblem(items, bucket, bits);
  if (problem !== undefined) return [malformed(problem)];
  if (path.length !== bits)
    return [malformed(`its path has ${path.length} hashes, but a bucket of that night takes ${bits}`)];
  const wrong = (text: string): { code: 'INCLUSION_WRONG'; problem: string }[] => [
    { code: 'INCLUSION_WRONG', problem: text },
  ];
  const isIn = verifyInclusion(
    bucket,
    2 ** bits,
    bucketLeaf(items),
    path,
    digestFrom(decodeBase64(root) ?? Buffer.alloc(0)),
  );
  if (!isIn) return wrong(`bucket ${bucket}, as it stands here, is not in the tree of that night`);
  const item = items.find((one) => one.key === key);
  if (entry === undefined)
    return item === undefined ? [] : wrong(`it has no entry of ${origin}, but the night has that stream`);
  const own = itemOf(origin, formatEntry(entry));
  return item?.leaf === own.leaf ? [] : wrong(`the entry of ${origin}, as it stands here, is not in the bucket`);
}
