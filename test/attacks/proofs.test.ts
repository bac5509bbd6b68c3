import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditorKeys, loadPolicy, type ProofReport, proveRecord, verifyProof } from '../../src/index.ts';
import { linesOfProof, proofOfLines, spoiled } from '../support/record-proof.ts';
import { keyIdOf, signatureLine } from '../support/sealed-lines.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { type SigningKey, vkeyOf } from '../support/signing-keys.ts';
import { mlDsaWitnessKey, type Witness, witnessKey } from '../support/witness-keys.ts';
import { dataKey, edKey, nextEdKey, p256Key, pqKey, serviceKey } from '../vectors/keys.ts';

/** Attacks on the proof of one record: none may come out as ok, whoever made it without the signing key (E3.1 to E3.6). */

const ORIGIN = 'audit.example.com/vectors/a';
const SEQ = 9;
let folder = '';
let log: SealedLog;
let proof = '';

const lines = (from: number, word: string): string[] =>
  Array.from({ length: 11 }, (_, at) => `{"word":"${word}","n":${from + at}}`);

/** Entries: 1 open, 2 seal, 3-13 records, 14 seal, 15-25 records, 26 close. */
function madeLog(origin: string, word: string, signers: readonly SigningKey[] = [edKey]): SealedLog {
  const made = new SealedLog(origin).open({ signers }).seal().checkpoint();
  made
    .record(...lines(1, word))
    .seal()
    .checkpoint();
  return made
    .record(...lines(12, word))
    .close()
    .checkpoint();
}

async function proofOf(made: SealedLog, seq = SEQ, key = edKey): Promise<string> {
  const path = join(folder, `${made.origin.replaceAll('/', '-')}-${Math.random()}.jsonl`);
  writeFileSync(path, made.toFiles()[0]?.bytes ?? '');
  const keys = auditorKeys({ publicKeys: [vkeyOf(made.origin, key)] });
  const { proof: text } = await proveRecord({ paths: [path], seq, origin: made.origin, keys });
  if (text === undefined) throw new Error('the log was to be proven');
  return text;
}

const judge = async (bytes: string | Uint8Array, key: SigningKey = edKey): Promise<ProofReport> =>
  verifyProof(bytes, { origin: ORIGIN, keys: auditorKeys({ publicKeys: [vkeyOf(ORIGIN, key)] }) });

const codes = ({ findings }: ProofReport): string[] => findings.map(({ code }) => code);

/** Everything but the signature, which only the key makes, is made right again. */
async function tampered(text: string, ...expected: string[]): Promise<void> {
  const found = await judge(text);
  expect(codes(found)).toEqual(expected);
  expect(found.verdict).toBe('tampered');
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attacked-proofs-'));
  log = madeLog(ORIGIN, 'honest');
  proof = await proofOf(log);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('an untouched proof', () => {
  it('is ok, and written again by other code the same', async () => {
    expect((await judge(proof)).verdict).toBe('ok');
    expect(proofOfLines(linesOfProof(proof))).toBe(proof);
    expect(spoiled(proof, () => undefined)).toBe(proof);
  });
});

describe('any byte', () => {
  it('changed to any other, left out, doubled or put in: never ok', async () => {
    const bytes = Buffer.from(proof, 'utf8');
    const change = fc.record({
      at: fc.nat(bytes.length - 1),
      to: fc.nat(255),
      how: fc.constantFrom('set', 'drop', 'put'),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ at, to, how }) => {
        const kept = how === 'put' ? at : at + 1;
        const middle = how === 'drop' ? [] : [Uint8Array.of(to)];
        const changed = Buffer.concat([bytes.subarray(0, at), ...middle, bytes.subarray(kept)]);
        fc.pre(!changed.equals(bytes));
        expect((await judge(changed)).verdict).not.toBe('ok');
      }),
      { numRuns: 1500 },
    );
  });

  it('changed in one bit: never ok, bit by bit', async () => {
    const bytes = Buffer.from(proof, 'utf8');
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 32]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] as number) ^ bit;
        expect((await judge(changed)).verdict, `byte ${at}`).not.toBe('ok');
      }
    }
  });

  it('cut off at the end, or anything added there: never ok', async () => {
    for (let end = 0; end < proof.length; end += 7) {
      expect((await judge(proof.slice(0, end))).verdict).toBe('tampered');
    }
    for (const more of ['\n', ' ', '\0', 'x', proof, '— other AAAAAAAA\n\n']) {
      expect((await judge(proof + more)).verdict, JSON.stringify(more)).toBe('tampered');
    }
  });
});

// E1.1, E1.2
describe('the form', () => {
  const malformed: [string, (text: string) => string][] = [
    ['CR LF', (text) => text.replaceAll('\n', '\r\n')],
    ['one CR', (text) => text.replace('\nindex', '\r\nindex')],
    ['a byte order mark', (text) => `\ufeff${text}`],
    ['an empty line in front', (text) => `\n${text}`],
    ['the index line twice', (text) => text.replace(/index \d+\n/, '$&$&')],
    ['the extra line twice', (text) => text.replace(/extra .*\n/, '$&$&')],
    ['extra after index', (text) => text.replace(/(extra .*\n)(index \d+\n)/, '$2$1')],
    ['no index', (text) => text.replace(/index \d+\n/, '')],
    ['an empty extra', (text) => text.replace(/extra .*/, 'extra ')],
    ['extra without padding', (text) => text.replace(/(extra [^=\n]*)=*\n/, '$1\n').replace(/(extra .*)/, '$1A')],
    ['extra as base64url', (text) => text.replace(/extra .*/, 'extra -_-_')],
    ['an index with a leading zero', (text) => text.replace(/index /, 'index 0')],
    ['an index with a sign', (text) => text.replace(/index /, 'index +')],
    ['an index in hex', (text) => text.replace(/index \d+/, 'index 0x8')],
    ['an index with a space behind', (text) => text.replace(/(index \d+)/, '$1 ')],
    ['an index of 2^53', (text) => text.replace(/index \d+/, 'index 9007199254740992')],
    ['an index of 2^53 - 1', (text) => text.replace(/index \d+/, 'index 9007199254740991')],
    ['an index at the size', (text) => text.replace(/index \d+/, 'index 14')],
    ['an index of 17 digits', (text) => text.replace(/index \d+/, `index ${'1'.repeat(17)}`)],
    ['an index of 100,000 digits', (text) => text.replace(/index \d+/, `index ${'1'.repeat(100_000)}`)],
    ['a line more in the proof', (text) => spoiled(text, (one) => one.hashes.push(one.hashes[0] ?? ''))],
    ['a line less in the proof', (text) => spoiled(text, (one) => one.hashes.pop())],
    ['no proof', (text) => spoiled(text, (one) => one.hashes.splice(0))],
    ['a hundred lines of proof', (text) => spoiled(text, (one) => one.hashes.push(...Array(100).fill(one.hashes[0])))],
    ['a hash of 31 bytes', (text) => spoiled(text, (one) => (one.hashes[0] = Buffer.alloc(31).toString('base64')))],
    ['a hash of 33 bytes', (text) => spoiled(text, (one) => (one.hashes[0] = Buffer.alloc(33).toString('base64')))],
    ['a hash in hex', (text) => spoiled(text, (one) => (one.hashes[0] = 'ab'.repeat(32)))],
    ['a hash with bits behind its end', (text) => spoiled(text, (one) => (one.hashes[0] = `${'A'.repeat(42)}B=`))],
    ['an empty line before the proof', (text) => text.replace(/(index \d+\n)/, '$1\n')],
    ['two empty lines before the checkpoint', (text) => text.replace('\n\n', '\n\n\n')],
    ['no checkpoint', (text) => text.slice(0, text.indexOf('\n\n') + 2)],
    ['a size with a leading zero', (text) => text.replace('\n14\n', '\n014\n')],
    ['a size of 2^53', (text) => text.replace('\n14\n', '\n9007199254740992\n')],
    ['an extension line in the checkpoint', (text) => spoiled(text, (one) => one.text.push('more'))],
    ['no signature line', (text) => spoiled(text, (one) => one.signatures.splice(0))],
    ['a signature line that is none', (text) => spoiled(text, (one) => one.signatures.push('— witness'))],
    ['a hyphen for the dash', (text) => text.replace('— ', '-- ')],
    ['a note of more than 64 KiB', (text) => spoiled(text, (one) => one.signatures.push(`— w ${'A'.repeat(70_000)}`))],
  ];
  it.each(malformed)('with %s is no proof', async (_name, change) => {
    const changed = change(proof);
    expect(changed).not.toBe(proof);
    const found = await judge(changed);
    expect(found.verdict).toBe('tampered');
    expect(codes(found)).toEqual(['PROOF_MALFORMED']);
  });

  it('with 500 signature lines of others is the same proof', async () => {
    const others = Array<string>(500).fill('— witness.example AAAAAAAAAA==');
    const found = await judge(spoiled(proof, (one) => one.signatures.push(...others)));
    expect(found.verdict).toBe('ok');
    expect(found.findings).toEqual((await judge(proof)).findings);
  });

  it.each([
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from('c2sp.org/tlog-proof@v1\n'), Buffer.from([0xff])])],
    ['nothing', ''],
    ['a sealed log', '{"integrity":{"seq":1}}\n'],
  ])('of %s is no proof', async (_name, bytes) => {
    expect(await judge(bytes)).toMatchObject({ verdict: 'tampered', findings: [{ code: 'PROOF_MALFORMED' }] });
  });

  it.each([
    ['another version', (text: string) => text.replace('@v1', '@v2')],
    ['no extra data', (text: string) => text.replace(/extra .*\n/, '')],
    [
      'the data of another application',
      (text: string) => spoiled(text, (one) => (one.extra = [Buffer.from('age-v1')])),
    ],
    [
      'a later version of ours',
      (text: string) => spoiled(text, (one) => (one.extra[0] = Buffer.from('fapilog-tamper/v2 record'))),
    ],
  ])('with %s is undecided', async (_name, change) => {
    expect(await judge(change(proof))).toMatchObject({ verdict: 'undecided', findings: [{ code: 'UNSUPPORTED' }] });
  });

  it('longer than a proof can be is undecided', async () => {
    expect(await judge(Buffer.alloc(32 * 1024 * 1024 + 1))).toMatchObject({
      verdict: 'undecided',
      findings: [{ code: 'LIMIT' }],
    });
  });

  it.each([
    ['no LF at the end of the extra data', (data: Buffer) => data.subarray(0, -1)],
    ['a line more in it', (data: Buffer) => Buffer.concat([data, data.subarray(-45)])],
    ['a line less in it', (data: Buffer) => data.subarray(0, -45)],
    ['an empty line more', (data: Buffer) => Buffer.concat([data, Buffer.from('\n')])],
    ['its header alone', (data: Buffer) => data.subarray(0, data.indexOf('\n') + 1)],
    ['its header and the record', (data: Buffer) => data.subarray(0, data.indexOf('\n{"integrity"') + 1)],
    ['ten thousand lines', (data: Buffer) => Buffer.concat([data, Buffer.alloc(10_000, '\n')])],
  ])('with %s is no proof', async (_name, change) => {
    const data = Buffer.from(/extra (.*)/.exec(proof)?.[1] ?? '', 'base64');
    const changed = proof.replace(/extra .*/, `extra ${change(data).toString('base64')}`);
    expect(codes(await judge(changed))).toEqual(['PROOF_MALFORMED']);
  });
});

describe('without the signing key', () => {
  // E3.2, E3.4
  it('a record changed, replaced by another one of the log, or renumbered: tampered', async () => {
    const record = (change: (leaf: string) => string): string =>
      spoiled(proof, (one) => (one.extra[1] = Buffer.from(change(String(one.extra[1])))));
    await tampered(
      record((leaf) => leaf.replace('honest', 'forged')),
      'INCLUSION_WRONG',
    );
    const other = linesOfProof(await proofOf(log, 10)).extra[1] ?? Buffer.alloc(0);
    await tampered(
      record(() => String(other)),
      'RECORD_WRONG',
      'INCLUSION_WRONG',
    );
    await tampered(
      record(() => String(other).replace('"seq":10', '"seq":9')),
      'INCLUSION_WRONG',
    );
    await tampered(
      record((leaf) => leaf.replace('"hash":"', '"mac":"')),
      'INCLUSION_WRONG',
    );
    await tampered(
      record((leaf) => `${leaf}x`),
      'RECORD_WRONG',
      'INCLUSION_WRONG',
    );
    await tampered(
      record(() => ''),
      'RECORD_WRONG',
      'INCLUSION_WRONG',
    );
  });

  it('a control entry is no record, even with its right proof', async () => {
    const seal = await proofOf(log, 13);
    const lineOf = (seq: number): Buffer =>
      log.lines.find((line) => line.seq === seq)?.bytes.subarray(0, -46) ?? Buffer.alloc(0);
    const asRecord = spoiled(seal, (one) => {
      one.index = 'index 13';
      one.extra[1] = lineOf(14);
      one.hashes = one.extra.slice(3).map(String);
    });
    await tampered(asRecord, 'RECORD_WRONG');
  });

  it('any hash of either proof changed or swapped, or the index: tampered', async () => {
    const { hashes, extra } = linesOfProof(proof);
    expect(hashes.length).toBe(4);
    const other = hashes.at(-1) ?? '';
    for (let at = 0; at < hashes.length - 1; at++) {
      await tampered(
        spoiled(proof, (one) => (one.hashes[at] = other)),
        'INCLUSION_WRONG',
      );
      await tampered(
        spoiled(proof, (one) => one.hashes.push(...one.hashes.splice(at, 1))),
        'INCLUSION_WRONG',
      );
    }
    for (let at = 3; at < extra.length; at++) {
      await tampered(
        spoiled(proof, (one) => (one.extra[at] = Buffer.from(hashes[0] ?? ''))),
        'INCLUSION_WRONG',
      );
    }
    for (const index of [0, 7, 9, 10]) {
      const found = await judge(spoiled(proof, (one) => (one.index = `index ${index}`)));
      expect(found.verdict, `index ${index}`).toBe('tampered');
      expect(codes(found)).toContain('RECORD_WRONG');
    }
  });

  // E3.3
  it('a seal changed, or replaced by another entry of the log: tampered', async () => {
    const seal = (change: (leaf: string) => string): string =>
      spoiled(proof, (one) => (one.extra[2] = Buffer.from(change(String(one.extra[2])))));
    await tampered(
      seal((leaf) => leaf.replace('23:00:0', '22:00:0')),
      'INCLUSION_WRONG',
    );
    await tampered(
      seal((leaf) => leaf.replace('"records":11', '"records":0011')),
      'SEAL_WRONG',
      'INCLUSION_WRONG',
    );
    await tampered(
      seal((leaf) => leaf.replace('"seq":14', '"seq":2')),
      'SEAL_WRONG',
      'INCLUSION_WRONG',
    );
    for (const kind of ['gap', 'close', 'dusk']) {
      const found = await judge(seal((leaf) => leaf.replace('"kind":"seal"', `"kind":"${kind}"`)));
      expect(found.verdict, kind).toBe('tampered');
      expect(codes(found), kind).toContain('INCLUSION_WRONG');
    }
    const { extra } = linesOfProof(proof);
    await tampered(
      seal(() => String(extra[1])),
      'SEAL_WRONG',
      'INCLUSION_WRONG',
    );
  });

  it('the checkpoint of another size, root or tree of the same log, its signature right: tampered', async () => {
    const others = linesOfProof(await proofOf(log, 20));
    expect(others.text[1]).toBe('26');
    const found = await judge(
      spoiled(proof, (one) => Object.assign(one, { text: others.text, signatures: others.signatures })),
    );
    expect(found.verdict).toBe('tampered');
    const root = spoiled(proof, (one) => (one.text[2] = others.text[2] ?? ''));
    await tampered(root, 'INCLUSION_WRONG', 'INCLUSION_WRONG', 'SIGNATURE_WRONG');
    expect((await judge(spoiled(proof, (one) => (one.text[1] = '13')))).verdict).toBe('tampered');
  });

  it("each part swapped with that of another stream, or of the same stream's other writer: never ok", async () => {
    for (const origin of [ORIGIN, 'audit.example.com/vectors/b']) {
      const other = linesOfProof(await proofOf(madeLog(origin, 'other')));
      for (const part of ['extra', 'hashes', 'text', 'signatures'] as const) {
        const found = await judge(spoiled(proof, (one) => Object.assign(one, { [part]: other[part] })));
        expect(found.verdict, `${origin} ${part}`).not.toBe('ok');
      }
    }
  });

  // E3.5
  it('a whole proof of another stream by the same key: that stream was not named', async () => {
    const other = madeLog('audit.example.com/vectors/b', 'other');
    expect(await judge(await proofOf(other))).toMatchObject({
      verdict: 'undecided',
      findings: [{ code: 'ORIGIN_NOT_NAMED' }],
    });
  });

  it("another stream's record, seal and tree under our name, signed by that stream's key: wrong tag, no signature of ours", async () => {
    const other = await proofOf(madeLog('audit.example.com/vectors/b', 'other'));
    const renamed = spoiled(other, (one) => {
      one.text[0] = ORIGIN;
      one.signatures = one.signatures.map((line) => line.replace('audit.example.com/vectors/b', ORIGIN));
    });
    await tampered(renamed, 'ORIGIN_WRONG', 'ORIGIN_WRONG', 'UNSIGNED');
  });

  it('a proof signed by a key that nobody named: undecided, whoever names the key in it', async () => {
    const forged = await proofOf(madeLog(ORIGIN, 'forged', [nextEdKey]), SEQ, nextEdKey);
    expect(await judge(forged)).toMatchObject({ verdict: 'undecided', findings: [{ code: 'UNSIGNED' }], signers: [] });
    const { signatures } = linesOfProof(proof);
    const claimed = spoiled(forged, (one) => (one.signatures = signatures));
    expect(await judge(claimed)).toMatchObject({ verdict: 'tampered' });
    const both = spoiled(forged, (one) => one.signatures.push(...signatures));
    await tampered(both, 'SIGNATURE_WRONG');
  });

  it('a signature under another name than the stream is none', async () => {
    const renamed = spoiled(
      proof,
      (one) => (one.signatures = one.signatures.map((line) => line.replace(ORIGIN, `${ORIGIN}x`))),
    );
    expect(await judge(renamed)).toMatchObject({ verdict: 'undecided', findings: [{ code: 'UNSIGNED' }] });
  });

  it('lines of unknown names and keys are skipped, and do not count; a wrong one of a known key is not', async () => {
    const text = Buffer.from(`${linesOfProof(proof).text.join('\n')}\n`);
    const stranger = signatureLine(
      'witness.example',
      keyIdOf(vkeyOf('witness.example', nextEdKey)),
      nextEdKey.sign(text),
    );
    expect((await judge(spoiled(proof, (one) => one.signatures.push(stranger)))).verdict).toBe('ok');
    expect((await judge(spoiled(proof, (one) => one.signatures.unshift(stranger)))).verdict).toBe('ok');
    expect((await judge(spoiled(proof, (one) => (one.signatures = [stranger])))).verdict).toBe('undecided');
    const wrong = signatureLine(ORIGIN, keyIdOf(vkeyOf(ORIGIN, edKey)), Buffer.alloc(64));
    await tampered(
      spoiled(proof, (one) => one.signatures.push(wrong)),
      'SIGNATURE_WRONG',
    );
  });

  it('an ECDSA signature by a key of the same id under another origin is not one of this stream', async () => {
    const made = madeLog(ORIGIN, 'honest', [p256Key]);
    const signed = await proofOf(made, SEQ, p256Key);
    expect((await judge(signed, p256Key)).verdict).toBe('ok');
    const other = linesOfProof(
      await proofOf(madeLog('audit.example.com/vectors/b', 'honest', [p256Key]), SEQ, p256Key),
    );
    const swapped = spoiled(
      signed,
      (one) => (one.signatures = other.signatures.map((line) => line.replace(/vectors\/b/, 'vectors/a'))),
    );
    expect(codes(await judge(swapped, p256Key))).toEqual(['SIGNATURE_WRONG']);
  });
});

describe('what the auditor brings', () => {
  const at = async (
    options: Omit<Parameters<typeof verifyProof>[1], 'origin'> & { origin?: string },
  ): Promise<ProofReport> =>
    verifyProof(proof, { ...(options.policy === undefined && { origin: ORIGIN }), ...options });
  const policy = async (stream: string): Promise<Awaited<ReturnType<typeof loadPolicy>>> => {
    const path = join(folder, `policy-${Math.random()}.yaml`);
    writeFileSync(path, `version: 1\nstreams:\n  - origin: ${ORIGIN}\n${stream.replaceAll(/^/gm, '    ')}\n`);
    return loadPolicy(path);
  };
  const sign = (range = ''): string => `keys:\n  - { sign: "${vkeyOf(ORIGIN, edKey)}"${range} }`;

  it('is needed: without a stream it is a usage error, without a key or a held checkpoint undecided', async () => {
    await expect(verifyProof(proof, {})).rejects.toMatchObject({ code: 'USAGE' });
    expect(await at({})).toMatchObject({ verdict: 'undecided', findings: [{ code: 'UNSIGNED' }] });
    await expect(verifyProof(proof, { origin: 'a b' })).rejects.toMatchObject({ code: 'ORIGIN_INVALID' });
    await expect(verifyProof(proof, { orign: ORIGIN } as object)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(verifyProof(3 as unknown as string, { origin: ORIGIN })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('limits a key to its range, and the name of a key to its stream', async () => {
    expect((await at({ policy: await policy(sign()) })).verdict).toBe('ok');
    expect((await at({ policy: await policy(sign(', until_seq: 14')) })).verdict).toBe('ok');
    for (const range of [', until_seq: 13', ', from_seq: 15']) {
      expect(await at({ policy: await policy(sign(range)) })).toMatchObject({
        verdict: 'undecided',
        findings: [{ code: 'UNSIGNED' }],
      });
    }
    const pattern = { origin: 'audit.example.com/vectors/*' };
    const elsewhere = auditorKeys({ publicKeys: [vkeyOf('audit.example.com/vectors/b', edKey)] });
    expect(await at({ ...pattern, keys: elsewhere })).toMatchObject({
      verdict: 'undecided',
      findings: [{ code: 'UNSIGNED' }],
    });
    expect((await at({ ...pattern, keys: auditorKeys({ publicKeys: [vkeyOf('*', edKey)] }) })).verdict).toBe('ok');
  });

  it('holds a checkpoint: the same one is enough, one with another root contradicts, others say nothing', async () => {
    const keys = auditorKeys({ publicKeys: [vkeyOf(ORIGIN, edKey)] });
    expect(await at({ held: [log.note({ size: 14 })] })).toMatchObject({ verdict: 'ok', held: true, signers: [] });
    expect(await at({ held: [log.note({ size: 26 })] })).toMatchObject({ verdict: 'undecided', held: false });
    expect(await at({ keys, held: [log.note({ size: 26 }), log.note({ size: 2 })] })).toMatchObject({
      verdict: 'ok',
      held: false,
    });
    const other = madeLog(ORIGIN, 'other').note({ size: 14 });
    expect(codes(await at({ keys, held: [other] }))).toEqual(['KNOWN_CONTRADICTED']);
    const stream = madeLog('audit.example.com/vectors/b', 'other').note({ size: 14 });
    expect((await at({ keys, held: [stream] })).verdict).toBe('ok');
  });

  // E3.6
  it('demands MACs: a checksum is below the floor, and that MACs were checked no proof can show', async () => {
    expect(codes(await at({ policy: await policy(`records: mac\n${sign()}`) }))).toEqual(['RECORDS_FLOOR']);
    expect(codes(await at({ policy: await policy(`require: [mac]\n${sign()}`) }))).toEqual(['NO_KEY']);
    expect((await at({ policy: await policy(`require: [signature]\n${sign()}`) })).verdict).toBe('ok');
    const held = { held: [log.note({ size: 14 })] };
    expect(codes(await at({ ...held, policy: await policy('require: [signature]') }))).toEqual(['UNSIGNED']);
  });

  it('gives a classical signature no weight where the policy demands ML-DSA', async () => {
    const demand = 'require: [post-quantum]';
    expect(codes(await at({ policy: await policy(`${demand}\n${sign()}`) }))).toEqual(['UNSIGNED']);
    const both = madeLog(ORIGIN, 'both', [edKey, pqKey]);
    const text = await proofOf(both);
    const keys = (range = ''): string =>
      `keys:\n  - { sign: "${vkeyOf(ORIGIN, edKey)}" }\n  - { sign: "${vkeyOf(ORIGIN, pqKey)}"${range} }`;
    const judged = async (bytes: string, stream: string): Promise<ProofReport> =>
      verifyProof(bytes, { policy: await policy(stream) });
    expect((await judged(text, `${demand}\n${keys()}`)).verdict).toBe('ok');
    expect(codes(await judged(text, `${demand}\n${keys(', from_seq: 15')}`))).toEqual([]); // it is older than the demand
    // a policy of ML-DSA alone stands, whatever else a flag names
    const alone = await policy(keys().replace(/ {2}- \{ sign: "[^"]*" \}\n/, ''));
    const more = auditorKeys({ publicKeys: [vkeyOf(ORIGIN, edKey)] });
    const classical = await proofOf(madeLog(ORIGIN, 'forged too', [edKey]));
    expect(codes(await verifyProof(classical, { policy: alone, keys: more }))).toEqual(['UNSIGNED']);
    // whoever has broken the classical key leaves the other signature out
    const forged = await proofOf(madeLog(ORIGIN, 'forged', [edKey]));
    expect(codes(await judged(forged, `${demand}\n${keys()}`))).toEqual(['UNSIGNED']);
    expect(codes(await judged(forged, keys().replace(/ {2}- \{ sign: "[^"]*" \}\n/, '')))).toEqual(['UNSIGNED']);
  });

  it('names witnesses: as many as demanded have cosigned the checkpoint', async () => {
    const [w1, w2] = [witnessKey('witness.example.com/w1'), witnessKey('witness.example.com/w2')];
    const cosigned = `${proof}${w1.cosign(`${proof.split('\n\n')[1]}\n`, 1_795_561_230)}`;
    const demand = (count: number): string =>
      `${sign()}\nwitnesses: ["${w1.vkey}", "${w2.vkey}"]\ncosignatures: ${count}`;
    const judged = async (bytes: string, count: number): Promise<ProofReport> =>
      verifyProof(bytes, { policy: await policy(demand(count)) });
    expect((await judged(cosigned, 1)).verdict).toBe('ok');
    expect(codes(await judged(cosigned, 2))).toEqual(['UNWITNESSED']);
    expect(codes(await judged(proof, 1))).toEqual(['UNWITNESSED']);
    const byOptions = async (bytes: string, cosignatures: number): Promise<string[]> =>
      codes(
        await verifyProof(bytes, {
          origin: ORIGIN,
          keys: auditorKeys({ publicKeys: [vkeyOf(ORIGIN, edKey)] }),
          witnesses: [w1.vkey, w2.vkey],
          cosignatures,
        }),
      );
    expect(await byOptions(cosigned, 1)).toEqual([]);
    expect(await byOptions(cosigned, 2)).toEqual(['UNWITNESSED']);
    expect(await byOptions(proof, 1)).toEqual(['UNWITNESSED']);
    const other = `${proof}${w1.cosign(`${ORIGIN}\n14\nother\n`, 1_795_561_230)}`;
    expect(codes(await judged(other, 1))).toEqual(['SIGNATURE_WRONG']);
    const pq = mlDsaWitnessKey('witness.example.com/pq');
    const byPq = async (by: Witness): Promise<string[]> => {
      const bytes = `${proof}${by.cosign(`${proof.split('\n\n')[1]}\n`, 1_795_561_230)}`;
      return codes(await verifyProof(bytes, { policy: await policy(`${sign()}\nwitnesses: ["${pq.vkey}"]`) }));
    };
    expect(await byPq(pq)).toEqual([]);
    expect(await byPq(mlDsaWitnessKey('witness.example.com/pq', { signs: 'another' }))).toEqual(['SIGNATURE_WRONG']);
    const twice = `${cosigned}${cosigned.split('\n').at(-2)}\n`;
    expect((await judged(twice, 2)).verdict).not.toBe('ok');
  });

  it('names a key that only its service can check: it is no proof for anybody else', async () => {
    const made = new SealedLog()
      .open({ dataKey, signers: [edKey, serviceKey] })
      .seal()
      .checkpoint()
      .record('x')
      .close()
      .checkpoint();
    const text = await proofOf(made, 3);
    const byService = auditorKeys({ publicKeys: [vkeyOf(ORIGIN, serviceKey)] });
    expect(await verifyProof(text, { origin: ORIGIN, keys: byService })).toMatchObject({ verdict: 'undecided' });
  });
});

describe('who has the signing key', () => {
  it('can prove what is in no log, but not that it was before another checkpoint that somebody holds', async () => {
    const forged = madeLog(ORIGIN, 'forged');
    const text = await proofOf(forged);
    expect((await judge(text)).verdict).toBe('ok'); // spec 2: from then on it is the signer's word
    const held = [log.note({ size: 14 })];
    expect(await verifyProof(text, { origin: ORIGIN, held })).toMatchObject({ verdict: 'tampered' });
  });

  it('cannot sign a tree whose record or seal says that it stands elsewhere', async () => {
    const made = new SealedLog()
      .open({ signers: [edKey] })
      .seal()
      .checkpoint();
    made.recordAs('{"a":1,', undefined, undefined, false, { seq: 99 }).seal().checkpoint();
    const { leaves } = made;
    const { proveInclusion } = await import('../support/proof.ts');
    const { hashLine } = await import('../support/record-proof.ts');
    const leaf = (at: number): Buffer =>
      made.lines.filter(({ seq }) => seq !== undefined)[at]?.bytes.subarray(0, -46) ?? Buffer.alloc(0);
    const text = proofOfLines({
      header: 'c2sp.org/tlog-proof@v1',
      extra: [
        Buffer.from('fapilog-tamper/v1 record'),
        leaf(2),
        leaf(3),
        ...proveInclusion(leaves, 3).map((hash) => Buffer.from(hashLine(hash))),
      ],
      index: 'index 2',
      hashes: proveInclusion(leaves, 2).map(hashLine),
      text: made.lastSeal.text.trimEnd().split('\n'),
      signatures: made.note().trimEnd().split('\n\n')[1]?.split('\n') ?? [],
    });
    expect(codes(await judge(text))).toContain('RECORD_WRONG');
  });
});
