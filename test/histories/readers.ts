import { isUtf8 } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ProofReport, ProvedRecord, VerifyOptions } from '../../src/index.ts';
import type { Random } from '../interop/differential/random.ts';
import { runCommand } from '../support/command-line.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { asSealed, type History, type NamedBytes } from './history.ts';
import type { Judge } from './judge.ts';
import { type PlacedLine, placedLines, type Truth, truthOf } from './truth.ts';
import type { World } from './world.ts';

/** What else than a verdict is read out of a log: the application's lines, what `inspect` shows, the proof of one record. */

const MEMBER = Buffer.from(',"integrity":{"seq":');

/** What the application wrote (spec 1): of a part that part. */
function ownBytes({ bytes, member }: PlacedLine): Buffer {
  if (member?.as === undefined) return Buffer.concat([bytes.subarray(0, bytes.lastIndexOf(MEMBER)), Buffer.from('}')]);
  const { line } = JSON.parse(bytes.toString('utf8'));
  return Buffer.from(line, member.as === 'text' ? 'utf8' : 'base64');
}

/** The application's lines, in their order. */
function ownLines(truth: Truth): Buffer[] {
  const lines: Buffer[] = [];
  let parts: Buffer[] = [];
  for (const line of [...truth.entries].sort(([a], [b]) => a - b).map(([, one]) => one)) {
    if (line.member?.kind !== undefined) continue;
    const own = ownBytes(line);
    if (line.member?.part === undefined) lines.push(own);
    else {
      parts.push(own);
      if (line.member.last !== true) continue;
      lines.push(Buffer.concat(parts));
      parts = [];
    }
  }
  return lines;
}

export interface Read extends History {
  readonly random: Random;
  readonly reader: Reader;
}

type Reader = (judge: Judge, read: Read, options: VerifyOptions) => Promise<string[]>;

/** The lines that a function gives back, and what it says besides. */
async function given(
  run: (onPiece: (piece: Buffer, last: boolean) => undefined, onProblem: () => void) => Promise<unknown>,
) {
  const lines: Buffer[] = [];
  let parts: Buffer[] = [];
  let problems = 0;
  await run(
    (piece, last) => {
      parts.push(Buffer.from(piece));
      if (!last) return undefined;
      lines.push(Buffer.concat(parts));
      parts = [];
      return undefined;
    },
    () => {
      problems++;
    },
  );
  return { lines, problems };
}

const same = (what: string, is: readonly Buffer[], lines: readonly Buffer[]): string[] =>
  is.length === lines.length && is.every((line, at) => line.equals(lines[at] as Buffer))
    ? []
    : [`${what} gives ${lines.length} lines of ${is.length}`];

const original: Reader = async (judge, { world }, { paths }) => {
  const truths = world.origins.map((origin) =>
    truthOf(
      world,
      origin,
      world.files.filter((one) => one.origin === origin),
    ),
  );
  const torn = truths.flatMap(({ told }) => told).filter((one) => one.startsWith('TORN_TAIL')).length;
  const { lines, problems } = await given((onPiece, onProblem) =>
    judge.verifier.originalLines({ paths, onPiece, onProblem: () => onProblem() }),
  );
  const says = same('originalLines', truths.flatMap(ownLines), lines);
  return problems === torn ? says : [...says, `${problems} problems, ${torn} torn lines`];
};

const verified: Reader = async (judge, { world }, options) => {
  if (world.origins.length > 1) return [];
  const truth = truthOf(world, world.origins[0] as string, world.files);
  let verdict = '';
  const { lines, problems } = await given(async (onPiece, onProblem) => {
    // all of it is proven: nothing is left out
    const told = { onPiece, onProblem: () => onProblem(), onUnproven: () => onProblem() };
    ({ verdict } = await judge.verifier.verifiedLines({ ...options, ...told }));
  });
  if (verdict !== 'ok') return lines.length === 0 ? [] : [`${verdict}, and gives lines`];
  return [...same('verifiedLines', ownLines(truth), lines), ...(problems === 0 ? [] : ['problems'])];
};

const inspected: Reader = async (judge, { world, random }, { paths }) => {
  let files: readonly NamedBytes[] = world.files;
  let looked = paths;
  const [first, [path = '']] = [files[0] as NamedBytes, paths];
  const signed = first.bytes.indexOf('{"integrity":{"kind":"checkpoint"');
  if (signed > 0 && random.chance(0.3)) {
    files = [{ name: first.name, bytes: first.bytes.subarray(0, signed) }];
    looked = [path];
    writeFileSync(path, files[0]?.bytes ?? '');
  }
  const { events, ...shown } = await judge.verifier.inspect(looked);
  const lines = placedLines(files);
  const notes = lines.filter(({ member }) => member?.kind === 'checkpoint');
  const entries = lines.filter(({ member }) => member?.seq !== undefined);
  const newest = Math.max(...notes.map(({ member }) => Number(member?.note?.split('\n')[1])));
  const is = {
    files: looked.length,
    records: entries.filter(({ member }) => member?.kind === undefined).length,
    entries: entries.length,
    checkpoints: notes.length,
    foreignLines: lines.filter(({ member, bytes }) => member === undefined && bytes.length > 0).length,
    ...(notes.length > 0 && { newestCheckpoint: newest }),
    moreEvents: 0,
    problems: 0,
  };
  const says = { ...shown, files: shown.files.length, problems: shown.problems.length };
  const worth = entries.filter(({ member }) => member?.kind !== undefined && member.kind !== 'seal');
  const told = worth.map(({ line, member }) => `${line} ${member?.seq} ${member?.kind} ${member?.time}`);
  const listed = events.map(({ line, seq, kind, time }) => `${line} ${seq} ${kind} ${time}`);
  return [
    ...(isDeepStrictEqual(is, says) ? [] : [`inspect ${JSON.stringify(says)}, is ${JSON.stringify(is)}`]),
    ...(isDeepStrictEqual(told, listed) ? [] : [`inspect lists ${listed}, is ${told}`]),
  ];
};

/** What leaves a proof undecided (spec/evidence.md, section 3); everything else shows that it was changed. */
const UNDECIDED_PROOF: ReadonlySet<string> = new Set([
  'UNSUPPORTED',
  'LIMIT',
  'ORIGIN_NOT_NAMED',
  'UNSIGNED',
  'UNWITNESSED',
  'NO_KEY',
]);

/** The proof of one record, and the same with one character changed. */
const proven: Reader = async (judge, { world, random, keys, origins }, options) => {
  if (world.origins.length > 1) return [];
  const origin = origins[0] as string;
  const truth = truthOf(world, origin, world.files);
  const seq = random.int(10) === 0 ? truth.facts.lastSeq + random.int(3) : 1 + random.int(truth.facts.lastSeq);
  const made = await judge.verifier.proveRecord({ ...options, seq });
  const refused = expectedRefusal(world, truth, made, seq);
  if (refused !== undefined) return refused;
  const proof = made.proof as string;
  const says: string[] = [];
  const holds = random.chance(0.5);
  const held = holds ? world.kept.map(({ note }) => note) : [];
  const asked = { origin, held, keys: judge.verifier.auditorKeys({ publicKeys: keys.vkeys }) };
  const report = await judge.verifier.verifyProof(proof, asked);
  says.push(...proofDifferences(world, truth, report, seq, holds));
  const named = judge.verifier.auditorKeys({ publicKeys: [] });
  const keyless = await judge.verifier.verifyProof(proof, { origin, keys: named });
  if (keyless.verdict !== 'undecided') says.push(`without a key ${keyless.verdict}`);
  const elsewhere = await judge.verifier.verifyProof(proof, { ...asked, origin: `${origin}x` });
  if (elsewhere.verdict === 'ok') says.push('of another stream ok');
  const at = random.int(proof.length);
  const other = proof[at] === 'A' ? 'B' : 'A';
  const changed = await judge.verifier.verifyProof(`${proof.slice(0, at)}${other}${proof.slice(at + 1)}`, asked);
  // of several signatures one may be of a key that nobody named
  if (
    changed.verdict === 'ok' &&
    !isDeepStrictEqual({ ...changed, signers: [], checkpoint: '' }, { ...report, signers: [], checkpoint: '' })
  )
    says.push(`changed at ${at}, and ok`);
  const wrong = changed.findings.filter(({ code }) => !UNDECIDED_PROOF.has(code)).map(({ code }) => code);
  if (wrong.length > 0 && changed.verdict !== 'tampered') says.push(`changed at ${at}: ${wrong} ${changed.verdict}`);
  return says;
};

function expectedRefusal(
  world: World,
  truth: Truth,
  { report, proof, refusal }: ProvedRecord,
  seq: number,
): string[] | undefined {
  if (report.verdict !== 'ok')
    return proof === undefined && refusal === undefined ? [] : [`${report.verdict}, and proves`];
  const line = truth.entries.get(seq);
  const code =
    line === undefined
      ? 'NO_ENTRY'
      : line.member?.kind !== undefined
        ? 'NOT_A_RECORD'
        : world.mode === 'mac'
          ? 'UNSIGNED'
          : undefined;
  if (code === refusal?.code) return code === undefined ? undefined : [];
  return [`refuses ${refusal?.code}, is ${code}`];
}

function proofDifferences(world: World, truth: Truth, report: ProofReport, seq: number, holds: boolean): string[] {
  const line = truth.entries.get(seq) as PlacedLine;
  const own = ownBytes(line);
  const size = Math.min(...truth.sizes.filter((one) => one >= seq));
  const text = isUtf8(own);
  const is = {
    verdict: 'ok',
    origin: truth.facts.origin,
    seq,
    record: {
      ...(text ? { text: own.toString('utf8') } : { base64: own.toString('base64') }),
      ...(line.member?.part !== undefined && { part: line.member.part }),
      ...(line.member?.last === true && { lastPart: true }),
    },
    size,
    sealedAt: truth.seals.find((one) => one.seq === size)?.time,
    held: holds && world.kept.some((one) => one.size === size),
    findings: [],
  };
  const { signers, checkpoint, ...says } = report;
  const differs = isDeepStrictEqual(is, says) ? [] : [`proof ${JSON.stringify(says)}, is ${JSON.stringify(is)}`];
  if (signers.length === 0) differs.push('no signers');
  if (Number(checkpoint?.split('\n')[1]) !== size) differs.push('another checkpoint');
  return differs;
}

/** The policy that a log drafts for itself names each of its keys, from where it is in force. */
const drafted: Reader = async (_judge, { world }, { paths }) => {
  if (world.origins.length > 1) return [];
  const { stdout, code } = await runCommand(['policy', 'init', ...paths]);
  const keys = new Map<string, number>();
  for (const { member } of placedLines(world.files)) {
    if (member?.kind !== 'open' && member?.kind !== 'key') continue;
    const { key: reference, origin = world.origins[0] as string, epoch_seq: from = member.seq as number } = member;
    if (reference?.records === 'mac' && !keys.has('wrap "audit"')) keys.set('wrap "audit"', from);
    for (const { spki } of reference?.signers ?? []) {
      const signer = world.signers.find((one) => one.signer.spki?.toString('base64url') === spki);
      const name = `sign ${JSON.stringify(signer && vkeyOf(origin, signer))}`;
      if (!keys.has(name)) keys.set(name, from);
    }
  }
  const told = [...stdout.matchAll(/- \{ (wrap|sign): (".+"), from_seq: (\d+) \}/g)].map(
    ([, kind, name, seq]) => `${kind} ${name} ${seq}`,
  );
  const is = [...keys].map(([name, seq]) => `${name} ${seq}`);
  const records = world.mode === 'hash' ? 'hash' : 'mac';
  const demands = [...(world.mode === 'hash' ? [] : ['mac']), ...(world.mode === 'mac' ? [] : ['signature'])];
  return [
    ...(code === 0 && told.sort().join() === is.sort().join() ? [] : [`policy init ${code}: ${told}, is ${is}`]),
    ...(stdout.includes(`records: ${records} `) && stdout.includes(`require: [${demands.join(', ')}]`)
      ? []
      : ['policy init: demands']),
  ];
};

/** The key periods that a log speaks of, whether a crash has abandoned them or not. */
const shown: Reader = async (_judge, { world }, { paths }) => {
  if (world.origins.length > 1) return [];
  const [path = ''] = paths;
  const { stdout } = await runCommand(['keys', 'show', '--format', 'json', paths.length > 1 ? dirname(path) : path]);
  const [{ periods, problems = [], entries }] = JSON.parse(stdout);
  const placed = placedLines(world.files);
  const lines = placed.flatMap(({ member }) => (member?.seq === undefined ? [] : [member]));
  const seen = new Map<string, string>();
  for (const { kind, seq = 0, key, key_id: own = '', next = '', epoch_seq: from, why } of lines) {
    if (kind !== 'open' && kind !== 'key') continue;
    const [kid, firstSeq] = kind === 'open' ? [own, from] : [next, seq + 2];
    const id = `${kid} ${JSON.stringify(key)}`;
    const seqs = lines.filter((one) => one.key_id === kid).map((one) => one.seq ?? 0);
    const by = kind === 'open' ? why : 'hand-over';
    if (!seen.has(id)) seen.set(id, `${kid} ${firstSeq}-${Math.max(0, ...seqs)} ${by}`);
  }
  const told = (periods as Record<string, unknown>[]).map(
    ({ keyId, firstSeq, lastSeq, introducedBy }) => `${keyId} ${firstSeq}-${lastSeq} ${introducedBy}`,
  );
  const torn = placed.some(({ member, bytes }) => member === undefined && bytes.length > 0);
  const isWhole = (problems.length === 0 || torn) && (entries === undefined || entries === lines.length);
  return [
    ...(told.join() === [...seen.values()].join() ? [] : [`keys show ${told}, is ${[...seen.values()]}`]),
    ...(isWhole ? [] : [`keys show ${entries}: ${problems}`]),
  ];
};

const READERS: readonly (readonly [string, Reader])[] = [
  ['originalLines', original],
  ['verifiedLines', verified],
  ['inspect', inspected],
  ['policy init', drafted],
  ['keys show', shown],
  ['proof', proven],
  ['proof', proven],
];

/** Undefined where the world is not whole. */
export function makeRead(random: Random, world: World): Read | undefined {
  if (world.open || (world.told?.size ?? 0) > 0) return undefined;
  const [what, reader] = random.pick(READERS);
  return { ...asSealed(world, world.dataKeys), what: [what], random, reader };
}

/** What it gives otherwise than it is. */
export const readViolations = (judge: Judge, read: Read): Promise<string[]> =>
  judge.at(read, (options) => read.reader(judge, read, options));
