import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditorKeys, loadWitnesses, type ProofReport, proveRecord, verify, verifyProof } from '../../src/index.ts';
import { Random } from '../interop/differential/random.ts';
import { Litewitness } from '../servers/litewitness.ts';
import { runCommand } from '../support/command-line.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { times } from '../support/tier.ts';
import { askTorchwood, buildTorchwood, cosignedBy } from '../support/torchwood.ts';
import { mutantOf, stranger } from '../support/witnessed-logs.ts';
import { edKey, nextEdKey, nextPqKey, p256Key, p384Key, rsaPkcs1Key, rsaPssKey } from '../vectors/keys.ts';

/**
 * A proof of a log that two litewitnesses cosigned, before filippo.io/torchwood v0.10.0 (`ParsePolicy`, `VerifyProof`), which the
 * same people wrote: it accepts what we make, and refuses what we refuse.
 */

let one: Litewitness;
let two: Litewitness;
let folder = '';
const at = (name: string): string => join(folder, name);
const log = new SealedLog('audit.example.com/torchwood');
const vkey = vkeyOf(log.origin, edKey);
let policy = '';
const proofs = new Map<number, string>();

const torchwood = (text: string, proofTexts: readonly string[], of = proofs.get(3) ?? ''): string[] =>
  askTorchwood(text, proofTexts, of);

async function ours(text: string, proof: string): Promise<ProofReport> {
  writeFileSync(at('asked.txt'), text);
  const witnesses = await loadWitnesses(at('asked.txt'));
  return verifyProof(proof, { origin: log.origin, keys: auditorKeys({ publicKeys: [vkey] }), witnesses });
}

beforeAll(async () => {
  buildTorchwood();
  folder = mkdtempSync(join(tmpdir(), 'torchwood-'));
  one = await Litewitness.start('witness.example/one');
  two = await Litewitness.start('witness.example/two');
  policy = `log ${vkey}\nwitness one ${one.vkey}\nwitness two ${two.vkey}\ngroup both all one two\nquorum both\n`;
  for (const witness of [one, two]) await witness.addLog(log.origin, vkey);
  log
    .open({ signers: [edKey] })
    .seal()
    .checkpoint();
  // the first checkpoint over the record is cosigned by one alone, the second by both, each in a file of its own
  for (const by of [[one], [one, two], [two]]) {
    log.record('{"n":1}', '{"n":2}').seal().checkpoint();
    writeFileSync(at('log.jsonl'), log.toFiles()[0]?.bytes ?? '');
    for (const witness of by) {
      const out = at(witness === one ? 'one.witnessed' : 'two.witnessed');
      const flags = ['--origin', log.origin, '--url', witness.url, '--witness', witness.vkey, '--out', out];
      const { code, stderr } = await runCommand(['witness', at('log.jsonl'), ...flags]);
      expect([code, stderr]).toEqual([0, '']);
    }
  }
  writeFileSync(at('policy.txt'), policy);
  const demands = {
    paths: ['log.jsonl', 'one.witnessed', 'two.witnessed'].map(at),
    origin: log.origin,
    keys: auditorKeys({ publicKeys: [vkey] }),
    witnesses: await loadWitnesses(at('policy.txt')),
    live: true,
    now: new Date(log.clock + 1000),
  };
  expect((await verify(demands)).verdict).toBe('ok');
  for (const seq of [3, 4, 6]) proofs.set(seq, (await proveRecord({ ...demands, seq })).proof ?? '');
}, 600_000);
afterAll(async () => {
  await one?.stop();
  await two?.stop();
  if (folder !== '') rmSync(folder, { recursive: true });
});

describe('torchwood', () => {
  it('accepts the proof by a quorum of two litewitnesses, as we do, under the first checkpoint that both cosigned', async () => {
    const proof = proofs.get(3) ?? '';
    expect(await ours(policy, proof)).toMatchObject({ verdict: 'ok', size: 8, findings: [] });
    expect(torchwood(policy, [proof])).toEqual(['ok']);
    expect(readFileSync(at('one.witnessed'), 'utf8')).toContain('\\n8\\n');
  });

  it.each<[string, (text: string) => string, string]>([
    [
      'one of a stranger more',
      (text) =>
        text
          .replace('witness two', `witness three ${stranger.vkey}\nwitness two`)
          .replace('all one two', 'all one two three'),
      'UNWITNESSED',
    ],
    [
      'two of three',
      (text) =>
        text
          .replace('witness two', `witness three ${stranger.vkey}\nwitness two`)
          .replace('all one two', '2 one two three'),
      '',
    ],
    [
      'one in a group with a stranger, and the other',
      (text) =>
        text
          .replace('witness two', `witness three ${stranger.vkey}\ngroup g any one three\nwitness two`)
          .replace('all one two', 'all g two'),
      '',
    ],
    ['a stranger in place of one', (text) => text.replace(one.vkey, stranger.vkey), 'UNWITNESSED'],
    ['a quorum of one witness', (text) => text.replace('quorum both', 'quorum two'), ''],
  ])('and we say the same of %s', async (_name, change, code) => {
    const text = change(policy);
    const proof = proofs.get(3) ?? '';
    expect((await ours(text, proof)).findings.map((found) => found.code)).toEqual(code === '' ? [] : [code]);
    const [answer = ''] = torchwood(text, [proof]);
    expect(answer === 'ok').toBe(code === '');
  });

  it('refuses every mutant that we refuse for what it reads as well, and accepts every one that we do', async () => {
    const proof = proofs.get(3) ?? '';
    const others = [...proofs.values()].join('\n').split('\n');
    const note = proof.slice(proof.indexOf('\n\n') + 2);
    others.push(stranger.cosign(note.slice(0, note.indexOf('\n\n') + 1), 1_795_561_230).trimEnd());
    const random = new Random(4711);
    const mutants: string[] = [];
    while (mutants.length < times(1500, 5000)) {
      const bytes = mutantOf(random, proof, others);
      const text = bytes.toString('utf8');
      if (Buffer.from(text).equals(bytes)) mutants.push(text); // JSON carries no other bytes
    }
    const answers = torchwood(policy, mutants);
    const counts = { bothAccept: 0, bothRefuse: 0, weAlone: 0 };
    for (const [index, mutant] of mutants.entries()) {
      const report = await ours(policy, mutant);
      const accepts = answers[index] === 'ok';
      if (report.verdict === 'ok') {
        expect(accepts, `${answers[index]}\n${mutant}`).toBe(true);
        counts.bothAccept++;
      } else if (!accepts) counts.bothRefuse++;
      else {
        // the record and the seal in "extra" it does not read; its base64 may have bits too many; its index a sign or zeros
        const [extra, ...rest] = mutant.split('\n').slice(1);
        const isExtra = extra !== proof.split('\n')[1];
        const isSpelling = report.findings.every((found) => found.code === 'PROOF_MALFORMED');
        expect(isExtra || isSpelling, `${JSON.stringify(report.findings)}\n${rest.join('\n')}`).toBe(true);
        counts.weAlone++;
      }
    }
    console.log(counts);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
  }, 600_000);
});

it('a log of ML-DSA-44 is cosigned by two litewitnesses, and torchwood accepts its proof by the same key', async () => {
  const signed = new SealedLog('audit.example.com/ml-dsa-44-alone');
  signed
    .open({ signers: [nextPqKey] })
    .seal()
    .checkpoint()
    .record('{"n":1}', '{"n":2}')
    .close()
    .checkpoint();
  const path = at('alone.jsonl');
  writeFileSync(path, signed.toFiles()[0]?.bytes ?? '');
  const own = vkeyOf(signed.origin, nextPqKey);
  const text = policy.replace(`log ${vkey}`, `log ${own}`);
  writeFileSync(at('ml-dsa-44-policy.txt'), text);
  const asked = {
    paths: [path, ...(await cosignedBy([one, two], { origin: signed.origin, path, key: own }))],
    origin: signed.origin,
    keys: auditorKeys({ publicKeys: [own] }),
    witnesses: await loadWitnesses(at('ml-dsa-44-policy.txt')),
    seq: 3,
  };
  const { origin, keys, witnesses } = asked;
  const { proof = '' } = await proveRecord(asked);
  expect(torchwood(text, [proof], proof)).toEqual(['ok']);
  expect(await verifyProof(proof, { origin, keys, witnesses })).toMatchObject({ verdict: 'ok' });
  const line = `\u2014 ${signed.origin} `;
  const at44 = proof.indexOf(line) + line.length;
  const random = new Random(44);
  const mutants = Array.from({ length: times(100, 1000) }, () => {
    const place = at44 + random.int(3_200);
    return `${proof.slice(0, place)}${proof[place] === 'A' ? 'B' : 'A'}${proof.slice(place + 1)}`;
  });
  const answers = torchwood(text, mutants, proof);
  for (const [index, mutant] of mutants.entries()) {
    expect([mutant, answers[index]]).not.toEqual([mutant, 'ok']);
    expect((await verifyProof(mutant, { origin, keys, witnesses })).verdict).not.toBe('ok');
  }
}, 120_000);

// M4.11: of other algorithms than Ed25519 and ML-DSA-44 litewitness and torchwood know no log keys
describe.each([p256Key, p384Key, rsaPssKey, rsaPkcs1Key, nextPqKey])('a note key beside $signer.algorithm', (key) => {
  const signed = new SealedLog(`audit.example.com/${key.signer.algorithm}`);
  const noteVkey = vkeyOf(signed.origin, edKey);
  const keys = auditorKeys({ publicKeys: [vkeyOf(signed.origin, key)] });

  it('makes a log witnessed by two litewitnesses, whose proof torchwood accepts, as we do by the other key', async () => {
    signed
      .open({ signers: [key], notes: [edKey] })
      .seal()
      .checkpoint()
      .record('{"n":1}', '{"n":2}')
      .close()
      .checkpoint();
    const path = at(`${key.signer.algorithm}.jsonl`);
    writeFileSync(path, signed.toFiles()[0]?.bytes ?? '');
    const parts = await cosignedBy([one, two], { origin: signed.origin, path, key: noteVkey });
    const text = policy.replace(`log ${vkey}`, `log ${noteVkey}`);
    writeFileSync(at('note-policy.txt'), text);
    const witnesses = await loadWitnesses(at('note-policy.txt'));
    const asked = { paths: [path, ...parts], origin: signed.origin, keys, witnesses, seq: 3 };
    const { proof = '', report } = await proveRecord({ ...asked, noteKeys: [noteVkey] });
    expect(report.verdict).toBe('ok');
    expect(torchwood(text, [proof], proof)).toEqual(['ok']);
    expect(await verifyProof(proof, { origin: signed.origin, keys, witnesses })).toMatchObject({ verdict: 'ok' });
    const byNote = auditorKeys({ publicKeys: [noteVkey] });
    expect(await verifyProof(proof, { origin: signed.origin, keys: byNote, witnesses })).toMatchObject({
      verdict: 'ok', // who names it, trusts it: a proof is one checkpoint, and he has no other word on who signs
    });
    const without = await proveRecord({ ...asked, noteKeys: [vkeyOf(signed.origin, nextEdKey)] });
    expect(without.refusal?.code).toBe('UNSIGNED');
  });
});
