import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  auditorKeys,
  loadWitnesses,
  proveRecord,
  type VerifyOptions,
  type VerifyProofOptions,
  verify,
  verifyProof,
} from '../../src/index.ts';
import { Random } from '../interop/differential/random.ts';
import { checkpointLine, signatureLine } from '../support/sealed-lines.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { ed25519Key, vkeyOf } from '../support/signing-keys.ts';
import { times } from '../support/tier.ts';
import { type Cosigning, mlDsaWitnessKey, type Witness, witnessKey } from '../support/witness-keys.ts';
import {
  isMet,
  LOG_KEYS,
  makeWitnessedLog,
  mutantOf,
  noteOf,
  type Shape,
  stranger,
  tlogPolicy,
  type WitnessedLog,
} from '../support/witnessed-logs.ts';
import { edKey } from '../vectors/keys.ts';

/** A proof says of witnesses what the log says of them, wherever their cosignatures stand (E2.2, E2.3, E3.6, M8.29). */

let folder = '';
let made = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'witnessed-proofs-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function put(name: string, bytes: Buffer | string): string {
  const path = join(folder, `${++made}-${name}`);
  writeFileSync(path, bytes);
  return path;
}

/** What an auditor says of this log, by a list and a number or by a tlog-policy. */
async function demandsOf({ log, key, witnesses, shape, isList, live }: WitnessedLog): Promise<VerifyOptions> {
  const vkey = vkeyOf(log.origin, key);
  const list = { witnesses: witnesses.map((one) => one.vkey), cosignatures: shape.threshold };
  const file = (): string => put('policy.txt', tlogPolicy(key === LOG_KEYS[0] ? [vkey] : [], witnesses, shape));
  const named = isList ? list : { witnesses: await loadWitnesses(file()) };
  return {
    paths: [],
    origin: log.origin,
    keys: auditorKeys({ publicKeys: [vkey] }),
    ...(witnesses.length > 0 && named),
    ...(live && { live, now: new Date(log.clock + 1000) }),
  };
}

/** The end of the part that enough witnesses cosigned, there or further on. */
function reached({ cosigned, shape, witnesses }: WitnessedLog): number {
  const sizes = [...cosigned.keys()].sort((a, b) => b - a);
  if (witnesses.length === 0) return sizes[0] ?? 0;
  const so = new Set<number>();
  for (const size of sizes) {
    for (const one of cosigned.get(size) ?? []) so.add(one);
    if (isMet(shape, so)) return size;
  }
  return 0;
}

/** What is asked of the proof of a log that was asked this. */
function asked({ origin = [], keys = [], witnesses, cosignatures }: VerifyOptions): VerifyProofOptions {
  return { origin, keys, ...(witnesses && { witnesses }), ...(cosignatures && { cosignatures }) };
}

const counts = new Map<string, number>();
const count = (what: string): unknown => counts.set(what, (counts.get(what) ?? 0) + 1);

async function check(one: WitnessedLog, random: Random): Promise<void> {
  const { log, shape, cosigned, isSpoilt, live, witnesses, beside } = one;
  const paths = [put('log.jsonl', log.toFiles()[0]?.bytes ?? '')];
  if (beside !== '') paths.push(put('log.witnessed', beside));
  const demands = { ...(await demandsOf(one)), paths };
  const { verdict, streams, findings } = await verify(demands);
  const end = reached(one);
  const isOk = live ? end >= 2 : end === log.size;
  const why = JSON.stringify(findings);
  expect(verdict, why).toBe(isSpoilt ? 'tampered' : isOk ? 'ok' : 'undecided');
  if (!isSpoilt && witnesses.length > 0) expect(streams[0]?.witnessed?.size).toBe(end);
  count(`log ${verdict}`);
  const seqs = log.lines.flatMap(({ kind, seq }) => (kind === 'record' && seq !== undefined ? [seq] : []));
  const seq = random.pick(seqs);
  const { proof, refusal } = await proveRecord({ ...demands, seq });
  const sizes = [...cosigned.keys()].sort((a, b) => a - b).filter((size) => size > seq);
  const expected = sizes.find((size) => witnesses.length === 0 || isMet(shape, cosigned.get(size) ?? new Set()));
  if (verdict !== 'ok') {
    expect([proof, refusal]).toEqual([undefined, undefined]);
    return;
  }
  if (expected === undefined) {
    expect(refusal?.code).toBe('UNWITNESSED');
    count('no one checkpoint is enough');
    return;
  }
  // of a log that has ended there always is one: its end
  const report = await verifyProof(proof ?? '', asked(demands));
  expect(report, why).toMatchObject({ verdict: 'ok', size: expected, seq });
  const note = noteOf(proof ?? '');
  expect(note.lines).toHaveLength(new Set(note.lines).size);
  for (const at of cosigned.get(expected) ?? []) {
    const name = witnesses[at]?.vkey.split('+')[0];
    expect(note.lines.filter((line) => line.startsWith(`— ${name} `))).toHaveLength(1);
  }
  count('proven');
  // whoever demands one witness more than cosigned gets no ok
  const by = cosigned.get(expected)?.size ?? 0;
  if (by === witnesses.length) return;
  const vkeys = witnesses.map(({ vkey }) => vkey);
  const more = await verifyProof(proof ?? '', { ...asked(demands), witnesses: vkeys, cosignatures: by + 1 });
  expect(more.findings.map(({ code }) => code)).toEqual(['UNWITNESSED']);
  count('one more demanded');
}

describe('a proof', () => {
  it.each(LOG_KEYS.map((key) => [key.signer.algorithm, key] as const))(
    'of a log of %s says what the log says, of any witnesses, quorum, and places of their cosignatures',
    async (algorithm, key) => {
      const random = new Random(algorithm.length * 7919);
      const cases = algorithm.startsWith('ml-dsa') ? times(2, 40) : times(8, 60);
      for (let at = 0; at < cases; at++) await check(makeWitnessedLog(random.fork(), key), random);
    },
    600_000,
  );

  it('was made, and refused', () => {
    console.log(Object.fromEntries(counts));
    for (const what of ['log ok', 'log tampered', 'log undecided', 'proven', 'one more demanded'])
      expect(counts.get(what), what).toBeGreaterThan(0);
  });
});

const SEEN = 1_795_561_230;
const witnesses = Array.from({ length: 20 }, (_, at) => witnessKey(`witness.example.com/w${at}`));
const pqWitnesses = (count: number): Witness[] =>
  Array.from({ length: count }, (_, at) => mlDsaWitnessKey(`witness.example.com/pq${at}`));
const [w0, w1, w2] = witnesses as [Witness, Witness, Witness];
const by = (...some: Witness[]): { witnesses: Cosigning[] } => ({
  witnesses: some.map((witness) => ({ witness, time: SEEN })),
});

/** Entries: 1 open, 2 seal, 3 record, 4 seal, 5 record, 6 close; of the last two sizes the checkpoint lines are `lines`. */
function logOf(lines: (log: SealedLog) => unknown): SealedLog {
  const log = new SealedLog()
    .open({ signers: [edKey] })
    .seal()
    .checkpoint();
  log.record('{"n":1}').seal().checkpoint().record('{"n":2}').close().checkpoint();
  lines(log);
  return log;
}

const demanding = (log: SealedLog, named: readonly Witness[], more: Partial<VerifyOptions> = {}): VerifyOptions => ({
  paths: [put('log.jsonl', log.toFiles()[0]?.bytes ?? '')],
  origin: log.origin,
  keys: auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)] }),
  witnesses: named.map(({ vkey }) => vkey),
  ...more,
});
const linesOf = (proof: string | undefined): readonly string[] => noteOf(proof ?? '').lines;

describe('the cosignatures of a proof', () => {
  it('are those of one text, and of different checkpoints do not add up', async () => {
    const open = new SealedLog()
      .open({ signers: [edKey] })
      .seal()
      .checkpoint();
    open.record('{"n":1}').seal().checkpoint(by(w0)).record('{"n":2}').seal().checkpoint(by(w1));
    const apart = await proveRecord({
      ...demanding(open, [w0, w1], { live: true, now: new Date(open.clock) }),
      seq: 3,
    });
    expect([apart.report.verdict, apart.refusal?.code]).toEqual(['ok', 'UNWITNESSED']);
    expect(apart.refusal?.message).toContain('those of different checkpoints do not add up in a proof');
  });

  it.each([1, 4, 20])('may be of %i witnesses, all demanded: a note has no limit but its length', async (count) => {
    const some = witnesses.slice(0, count);
    const log = logOf((one) => some.map((witness) => one.checkpoint(by(witness))));
    const { proof } = await proveRecord({ ...demanding(log, some), seq: 3 });
    expect(linesOf(proof)).toHaveLength(count + 1);
    const again = asked(demanding(log, some));
    expect((await verifyProof(proof ?? '', again)).verdict).toBe('ok');
  });

  it('of ML-DSA are as many as fit into 64 KiB, if those are enough', async () => {
    const some = pqWitnesses(21);
    const log = logOf((one) => some.map((witness) => one.checkpoint(by(witness))));
    const all = await proveRecord({ ...demanding(log, some), seq: 3 });
    expect([all.report.verdict, all.refusal?.code]).toEqual(['ok', 'UNWITNESSED']);
    const demands = demanding(log, some, { cosignatures: 15 });
    const { proof = '' } = await proveRecord({ ...demands, seq: 3 });
    expect(Buffer.byteLength(proof.slice(proof.indexOf('\n\n') + 2))).toBeLessThanOrEqual(65_536);
    const again = asked(demands);
    expect((await verifyProof(proof, again)).verdict).toBe('ok');
    expect(linesOf(proof).length).toBeGreaterThan(15);
  }, 60_000);

  it('are there for those who demand them although the prover named no witness', async () => {
    const log = logOf((one) => one.checkpoint(by(w0)).checkpoint(by(w1, w2)));
    const { proof } = await proveRecord({ ...demanding(log, []), seq: 5 });
    const again = asked(demanding(log, [w0, w1, w2]));
    expect(await verifyProof(proof ?? '', again)).toMatchObject({ verdict: 'ok', size: 6 });
  });

  it('are not pushed out by any number of lines of nobody', async () => {
    const junk = (at: number): string => `${signatureLine(`j${at}`, Buffer.alloc(4), Buffer.alloc(72, at))}\n`;
    const log = logOf((one) => {
      for (let at = 0; at < 2000; at += 100)
        one.raw(
          checkpointLine(one.note() + Array.from({ length: 100 }, (_, n) => junk(at + n)).join('')),
          'checkpoint',
        );
      one.checkpoint(by(w0, w1));
    });
    const demands = demanding(log, [w0, w1]);
    const { proof } = await proveRecord({ ...demands, seq: 5 });
    const again = asked(demands);
    expect((await verifyProof(proof ?? '', again)).verdict).toBe('ok');
    expect(linesOf(proof)).toHaveLength(100);
  });

  it('may stand under a checkpoint that the auditor holds', async () => {
    const log = logOf(() => undefined);
    const demands = demanding(log, [w0], { held: [log.note(by(w0))] });
    const { proof } = await proveRecord({ ...demands, seq: 5 });
    const again = asked(demands);
    expect(await verifyProof(proof ?? '', again)).toMatchObject({ verdict: 'ok', size: 6 });
  });
});

describe('the log itself', () => {
  // M4.10
  it('is no witness of its own under its own name, whoever named it', async () => {
    const self = witnessKey(new SealedLog().origin, 'another key');
    const log = logOf((one) => one.checkpoint(by(self)));
    const demands = demanding(log, [self]);
    expect((await verify(demands)).findings.map(({ code }) => code)).toEqual(['UNWITNESSED']);
    const { proof } = await proveRecord({ ...demanding(log, []), seq: 5 });
    const again = asked(demands);
    expect((await verifyProof(proof ?? '', again)).findings.map(({ code }) => code)).toEqual(['UNWITNESSED']);
  });

  it('is none under another name where its key signed as the log, and the auditor named no signer', async () => {
    const self = witnessKey('witness.example.com/self');
    const selfKey = ed25519Key('witness witness.example.com/self');
    const log = new SealedLog()
      .open({ signers: [selfKey] })
      .seal()
      .checkpoint();
    log.record('{"n":1}').close().checkpoint(by(self));
    const held = { held: [log.note()], keys: [] };
    const demands = { ...demanding(log, [self], held) };
    expect((await verify(demands)).findings.map(({ code }) => code)).toContain('UNWITNESSED');
    const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, selfKey)] });
    const { proof } = await proveRecord({ ...demanding(log, [], { keys }), seq: 3 });
    const again = { ...asked(demands), held: [log.note()] };
    expect((await verifyProof(proof ?? '', again)).findings.map(({ code }) => code)).toEqual(['UNWITNESSED']);
  });
});

describe('a mutant of a proof', () => {
  it('is ok only with the same text, the same record and enough of the same cosignatures', async () => {
    const groups: Shape = { threshold: 2, members: [0, { threshold: 1, members: [1, 2] }, 3] };
    const five = witnesses.slice(0, 5);
    const log = logOf((one) => one.checkpoint({ size: 4, ...by(...five) }).checkpoint(by(...five)));
    const policy = await loadWitnesses(put('policy.txt', tlogPolicy([], five, groups)));
    const demands = demanding(log, [], { witnesses: policy });
    const { proof = '' } = await proveRecord({ ...demands, seq: 5 });
    const other = await proveRecord({ ...demands, seq: 3 });
    const honest = noteOf(proof);
    const again = asked(demands);
    const record = (await verifyProof(proof, again)).record;
    const others = [...(other.proof ?? '').split('\n'), stranger.cosign(honest.text, SEEN).trimEnd()];
    const random = new Random(20_261_201);
    const verdicts = { ok: 0, tampered: 0, undecided: 0 };
    for (let at = 0; at < times(1500, 3000); at++) {
      const mutant = mutantOf(random, proof, others);
      const report = await verifyProof(mutant, again);
      verdicts[report.verdict]++;
      if (report.verdict !== 'ok') continue;
      const { text, lines } = noteOf(mutant.toString());
      const there = five.flatMap(({ vkey }, one) =>
        lines.some((line) => line.startsWith(`— ${vkey.split('+')[0]} `) && honest.lines.includes(line)) ? [one] : [],
      );
      expect([text, report.record, isMet(groups, new Set(there))]).toEqual([honest.text, record, true]);
    }
    console.log(verdicts);
    for (const found of Object.values(verdicts)) expect(found).toBeGreaterThan(0);
  }, 600_000);
});
