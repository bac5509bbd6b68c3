import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  auditorKeys,
  type KeyProvider,
  loadPolicy,
  type ProvedRecord,
  type ProveOptions,
  proveRecord,
  verifyProof,
} from '../../src/index.ts';
import { openReceipt } from '../support/cose-receipt.ts';
import { erasedWithLog, policyWith, saltedLog } from '../support/erased-log.ts';
import { signerOf } from '../support/key-source.ts';
import { linesOfProof } from '../support/record-proof.ts';
import { commitOf, SealedLog, writeLog } from '../support/sealed-log.ts';
import { localKey, type SigningKey, vkeyOf } from '../support/signing-keys.ts';
import { times } from '../support/tier.ts';
import { witnessKey } from '../support/witness-keys.ts';
import {
  dataKey,
  edKey,
  nextEdKey,
  nextPqKey,
  p256Key,
  p384Key,
  pqKey,
  rsaPkcs1Key,
  rsaPssKey,
  serviceKey,
} from '../vectors/keys.ts';
import { bothLog, macLog, signedLog, signKeys } from '../vectors/logs.ts';

/** COSE receipts: what is signed, what others compute from it, and what nobody signs (E6.1 to E6.4). */

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'receipts-'));
  writeFileSync(join(folder, 'data.key'), dataKey.toString('base64'), { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

let made = 0;
const write = (log: SealedLog): string[] => writeLog(log, at(String(++made)));

async function prove(
  log: SealedLog,
  seq: number,
  options: Partial<ProveOptions> = {},
  signer: KeyProvider = signerOf(edKey),
): Promise<ProvedRecord> {
  const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)] });
  return proveRecord({ paths: write(log), seq, origin: log.origin, keys, format: 'cose', signer, ...options });
}

/** Checks it with nothing of ours. */
function opened({ receipt }: ProvedRecord, key: SigningKey = edKey): ReturnType<typeof openReceipt> {
  return openReceipt(receipt?.bytes ?? Buffer.of(), receipt?.leaf ?? Buffer.of(), key.noteKey.bytes);
}

const lineOf = (log: SealedLog, seq: number): Buffer =>
  log.lines.find((line) => line.seq === seq)?.bytes ?? Buffer.of();

/** A key source that fails the test where it is asked to sign. */
const silent = signerOf(edKey, { sign: async () => Promise.reject(new Error('the key was asked to sign')) });

describe('a receipt', () => {
  // E6.1, E6.2
  it('is of the checkpoint that a tlog-proof of the record has, and names the log and the key', async () => {
    const log = signedLog();
    for (const [seq, size] of [
      [3, 8],
      [7, 8],
      [9, 14],
      [13, 14],
    ] as const) {
      const proved = await prove(log, seq);
      const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)] });
      const { proof = '' } = await proveRecord({ paths: write(log), seq, origin: log.origin, keys });
      const { text } = linesOfProof(proof);
      expect(Object.keys(proved)).toEqual(['report', 'receipt']);
      expect(opened(proved)).toMatchObject({ alg: -8, issuer: log.origin, index: seq - 1, size, root: text[2] });
      expect(`sha256:${opened(proved).kid.toString('hex')}`).toBe(edKey.signer.identity);
      expect(proved.receipt?.leaf).toEqual(lineOf(log, seq).subarray(0, -46));
    }
  });

  it('is signed anew: by another key than the one that signed the log, or by it without any other keys', async () => {
    const log = signedLog();
    const other = await prove(log, 5, {}, signerOf(nextEdKey));
    expect(opened(other, nextEdKey).index).toBe(4);
    expect(() => opened(other, edKey)).toThrow('signature');
    const options = { paths: write(log), seq: 5, origin: log.origin, format: 'cose' } as const;
    expect(opened(await proveRecord({ ...options, signer: signerOf(edKey) })).size).toBe(8);
    const unknown = await proveRecord({
      ...options,
      signer: signerOf(nextEdKey, { sign: silent.sign }),
      signingKey: 'other',
    });
    expect(unknown).toEqual({ report: expect.objectContaining({ verdict: 'undecided' }) });
  });

  it('and a tlog-proof are made of what any of the configured keys signed, as the verdict is', async () => {
    const log = new SealedLog()
      .open({ signers: [p256Key, pqKey] })
      .seal()
      .checkpoint()
      .record('one')
      .seal();
    log
      .checkpoint({ signers: [pqKey] }) // the other key service was away
      .record('two')
      .close();
    log.checkpoint();
    const options = { paths: write(log), seq: 3, origin: log.origin, keys: [signerOf(p256Key), signerOf(pqKey)] };
    const proved = await proveRecord({ ...options, format: 'cose', signer: signerOf(p256Key) });
    expect(opened(proved, p256Key)).toMatchObject({ alg: -7, size: 4 });
    const { proof = '' } = await proveRecord(options);
    expect(linesOfProof(proof).text[1]).toBe('4');
    const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, pqKey)] });
    expect(await verifyProof(proof, { origin: log.origin, keys })).toMatchObject({ verdict: 'ok' });
    const strange = await proveRecord({ ...options, keys: [signerOf(nextEdKey)] });
    expect(strange).toEqual({ report: expect.objectContaining({ verdict: 'undecided' }) });
  });

  // E6.3
  it.each<[string, SigningKey, number, number]>([
    ['Ed25519', edKey, -8, 64],
    ['ECDSA P-256', p256Key, -7, 64],
    ['ECDSA P-384', p384Key, -35, 96],
    ['RSA-PSS', rsaPssKey, -37, 256],
    ['RSA PKCS #1', rsaPkcs1Key, -257, 256],
    ['ML-DSA-44', nextPqKey, -48, 2420],
    ['ML-DSA-65', pqKey, -49, 3309],
  ])('is signed with %s as COSE writes it', async (_name, key, alg, length) => {
    const receipt = opened(await prove(signedLog(), 5, {}, signerOf(key)), key);
    expect([receipt.alg, receipt.signature.length]).toEqual([alg, length]);
    expect(`sha256:${receipt.kid.toString('hex')}`).toBe(key.signer.identity);
  });

  it.each([
    ['P-256', 'ecdsa-p256-sha256', 32],
    ['P-384', 'ecdsa-p384-sha384', 48],
  ] as const)(
    'of ECDSA %s has the zeros at the beginning of r and s, which DER leaves out',
    async (curve, algorithm, half) => {
      const key = localKey(algorithm, generateKeyPairSync('ec', { namedCurve: curve }).privateKey);
      for (const place of [0, half]) {
        const short = (der: Buffer): boolean => {
          const ofR = der[3] ?? 0;
          return (place === 0 ? ofR : (der[5 + ofR] ?? 0)) < half;
        };
        const sign = (text: Uint8Array): Buffer => {
          for (;;) {
            const der = key.sign(text);
            if (short(der)) return der;
          }
        };
        const { signature } = opened(await prove(signedLog(), 5, {}, signerOf({ ...key, sign })), key);
        expect([signature.length, signature[place]]).toEqual([2 * half, 0]);
      }
    },
  );

  // E6.4
  it('of a record with a salt is checked with the commitment, which record and salt give', async () => {
    const log = saltedLog();
    for (const seq of [3, 4, 9]) {
      const proved = await prove(log, seq);
      const leaf = Buffer.from(proved.receipt?.leaf ?? '').toString();
      expect(opened(proved)).toMatchObject({ index: seq - 1, size: 10 });
      expect(leaf).toContain(`"commit":"${commitOf(lineOf(log, seq))}"`);
      expect(leaf).toMatch(new RegExp(`^\\{"integrity":\\{"seq":${seq},`));
      expect(leaf).not.toMatch(/salt|four|nine/);
    }
  });

  it('of any record of any log holds for whoever computes it from its RFCs', async () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => JSON.stringify({ text }));
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 4, max: 70 }),
        fc.array(line, { minLength: 70, maxLength: 70 }),
        fc.array(fc.boolean(), { minLength: 70, maxLength: 70 }),
        fc.boolean(),
        fc.nat(),
        async (size, lines, seals, salt, choice) => {
          const log = new SealedLog('audit.example.com/receipts').open({ ...signKeys, ...(salt && { salted: true }) });
          log.seal().checkpoint();
          const checkpoints: number[] = [];
          const records: number[] = [];
          while (log.size < size - 1) {
            const seal = seals[log.size] === true && records.length > 0 && records.at(-1) === log.size;
            if (seal) checkpoints.push(log.seal().checkpoint().size);
            else records.push(log.record(lines[log.size] ?? '').size);
          }
          checkpoints.push(log.close().checkpoint().size);
          const seq = records[choice % records.length] ?? 0;
          const { index, size: of, root, issuer } = opened(await prove(log, seq));
          const over = checkpoints.find((one) => one > seq);
          expect([index, of, issuer]).toEqual([seq - 1, over, log.origin]);
          expect(root).toBe(log.note({ size: of }).split('\n')[2]);
        },
      ),
      { numRuns: times(60, 500) },
    );
  });

  it('of every place in every tree of up to 70 entries holds', async () => {
    const step = times(9, 1);
    for (let size = 4; size <= 70; size += step) {
      const log = new SealedLog().open(signKeys).seal().checkpoint();
      while (log.size < size - 1) log.record(`{"n":${log.size}}`);
      const paths = write(log.close().checkpoint());
      for (let seq = 3; seq < size; seq += size % 2 === 0 ? 1 : step) {
        expect(opened(await prove(log, seq, { paths }))).toMatchObject({ size, index: seq - 1 });
      }
    }
  }, 300_000);
});

describe('nothing is signed', () => {
  // E6.1
  it('about a log whose verdict is not ok', async () => {
    const log = signedLog();
    const [path = ''] = write(log);
    const bytes = log.toFiles()[0]?.bytes.toString() ?? '';
    for (const [changed, verdict] of [
      [bytes.replace('payment 3', 'payment 4'), 'tampered'],
      [bytes.slice(0, bytes.indexOf('{"integrity":{"seq":14')), 'undecided'],
      [`${bytes}\n{"unsealed":true}\n`, 'tampered'],
      ['', 'undecided'],
    ] as const) {
      writeFileSync(path, changed);
      const proved = await prove(log, 5, { paths: [path] }, silent);
      expect(proved).toEqual({ report: expect.objectContaining({ verdict }) });
    }
  });

  it.each<[string, number, string]>([
    ['an entry that is not there', 99, 'NO_ENTRY'],
    ['a control entry', 8, 'NOT_A_RECORD'],
  ])('about %s', async (_name, seq, code) => {
    const proved = await prove(signedLog(), seq, {}, silent);
    expect(proved).toEqual({
      report: expect.objectContaining({ verdict: 'ok' }),
      refusal: expect.objectContaining({ code }),
    });
  });

  it('about an erased record', async () => {
    const { log, erasures } = erasedWithLog(saltedLog(), 3);
    const key = vkeyOf(log.origin, edKey);
    writeFileSync(at('erased.yaml'), policyWith(log, erasures, key));
    const options = {
      paths: [...write(log), ...write(erasures)],
      policy: await loadPolicy(at('erased.yaml')),
      keys: auditorKeys({ publicKeys: [] }),
    };
    const proveIn = (seq: number, signer: KeyProvider) => proveRecord({ ...options, seq, format: 'cose', signer });
    expect((await proveIn(3, silent)).refusal?.code).toBe('ERASED');
    expect(opened(await proveIn(4, signerOf(edKey))).index).toBe(3);
  });

  it('about a log that MACs alone cover, or that other keys signed than the auditor named', async () => {
    const keys = auditorKeys({ dataKeyFiles: [at('data.key')] });
    for (const log of [macLog(), bothLog()])
      expect(await prove(log, 5, { keys }, silent)).toMatchObject({
        report: { verdict: 'ok' },
        refusal: { code: 'UNSIGNED' },
      });
  });

  it('about a checkpoint that too few witnesses cosigned', async () => {
    const [w1, w2] = ['w1', 'w2'].map((name) => witnessKey(`witness.example.com/${name}`)) as [
      ReturnType<typeof witnessKey>,
      ReturnType<typeof witnessKey>,
    ];
    const log = new SealedLog().open(signKeys).seal().checkpoint().record('one').seal();
    log
      .checkpoint({ witnesses: [{ witness: w1, time: 1_795_561_230 }] })
      .record('two')
      .close();
    log.checkpoint({ witnesses: [w1, w2].map((witness) => ({ witness, time: 1_795_561_230 })) });
    const demands = { witnesses: [w1.vkey, w2.vkey] };
    expect(opened(await prove(log, 3, demands)).size).toBe(6);
    expect(opened(await prove(log, 3, { ...demands, cosignatures: 1 })).size).toBe(4);
    const strange = { witnesses: [witnessKey('witness.example.com/w3').vkey] };
    expect(await prove(log, 3, strange, silent)).not.toHaveProperty('receipt');
  });

  // E6.2
  it('with a key that has no public half, or a signature that is not one of the key', async () => {
    const log = signedLog();
    const without = signerOf(serviceKey, { sign: silent.sign });
    await expect(prove(log, 5, {}, without)).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
    const wrong = signerOf(edKey, { sign: signerOf(nextEdKey).sign });
    await expect(prove(log, 5, {}, wrong)).rejects.toMatchObject({ code: 'SIGNATURE_REJECTED' });
    const other = signerOf(p256Key, { sign: signerOf(p384Key).sign });
    await expect(prove(log, 5, {}, other)).rejects.toMatchObject({ code: 'SIGNATURE_REJECTED' });
  });

  it('with options that do not fit together', async () => {
    const log = signedLog();
    const { configured: _, ...nameless } = silent;
    for (const options of [
      { signer: undefined },
      { signer: nameless as KeyProvider },
      { signer: {} as KeyProvider },
      { format: 'pdf' as 'cose' },
      { format: undefined },
      { format: 'tlog-proof' },
      { format: undefined, signer: undefined, signingKey: 'audit' },
      { signingKey: '' },
    ] as const) {
      const given = { paths: write(log), seq: 5, origin: log.origin, format: 'cose', signer: silent, ...options };
      await expect(proveRecord(given as ProveOptions)).rejects.toMatchObject({ code: 'USAGE' });
    }
  });
});
