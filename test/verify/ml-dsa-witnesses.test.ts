import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ML_DSA } from '../../src/core/ml-dsa.ts';
import { TamperError } from '../../src/errors.ts';
import { formatWitnessVkey, parseWitnessVkey, witnessVkeyProblem } from '../../src/format/cosignature.ts';
import { formatVkey, type VerifyReport } from '../../src/index.ts';
import { verifyMlDsa } from '../../src/keys/ml-dsa.ts';
import { checkpointLine } from '../support/sealed-lines.ts';
import type { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { type VerifyOptions, verify } from '../support/verifying.ts';
import { mlDsaWitnessKey, type Witness, witnessKey } from '../support/witness-keys.ts';
import { edKey } from '../vectors/keys.ts';
import { signedBody } from '../vectors/logs.ts';

/** Witnesses of ML-DSA-44 (C2SP tlog-cosignature, type 0x06; M4.10, M8.29). */

vi.mock('../../src/keys/ml-dsa.ts', async (original) => {
  const actual = await original<typeof import('../../src/keys/ml-dsa.ts')>();
  return { ...actual, verifyMlDsa: vi.fn(actual.verifyMlDsa) };
});

let directory = '';
let made = 0;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'ml-dsa-witnesses-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const SEEN = 1_795_561_230;
const NAME = 'witness.example.com/pq';
const pq = mlDsaWitnessKey(NAME);
const classical = witnessKey('witness.example.com/w1');
const { origin } = signedBody();

const closed = (...witnesses: Witness[]): SealedLog =>
  signedBody()
    .close()
    .checkpoint({ witnesses: witnesses.map((witness) => ({ witness, time: SEEN })) });
const bytesOf = (log: SealedLog): Buffer => Buffer.concat(log.toFiles().map(({ bytes }) => bytes));

async function check(log: SealedLog | Buffer, options: Partial<VerifyOptions> = {}): Promise<VerifyReport> {
  const path = join(directory, `${++made}.jsonl`);
  writeFileSync(path, Buffer.isBuffer(log) ? log : bytesOf(log));
  return verify({ paths: [path], origin, publicKeys: [vkeyOf(origin, edKey)], witnesses: [pq.vkey], ...options });
}

const codes = ({ findings }: VerifyReport): string[] => findings.map(({ code }) => code);
const sizes = ({ streams }: VerifyReport): number[] =>
  streams.flatMap(({ witnessed }) => witnessed?.witnesses.map(({ size }) => size) ?? []);

describe('a witness of ML-DSA-44', () => {
  it('counts like one of Ed25519, and beside it', async () => {
    const report = await check(closed(pq, classical), { witnesses: [pq.vkey, classical.vkey] });
    expect(report.verdict).toBe('ok');
    const { name, keyId } = parseWitnessVkey(pq.vkey, 'it');
    expect(report.streams[0]?.witnessed?.witnesses[0]).toEqual({
      name,
      keyId,
      size: 14,
      time: '2026-11-24T23:00:30.000Z',
    });
    expect(codes(await check(closed(classical)))).toEqual(['UNWITNESSED']);
    expect((await check(closed(pq), { witnesses: [classical.vkey] })).verdict).toBe('undecided');
  });

  it('may say no time: it has seen the tree all the same', async () => {
    const timeless = signedBody()
      .close()
      .checkpoint({ witnesses: [{ witness: pq, time: 0 }] });
    const report = await check(timeless);
    expect(report.verdict).toBe('ok');
    expect(report.streams[0]?.witnessed?.witnesses[0]?.time).toBeUndefined();
  });

  it('counts in a checkpoint that is held, when the log has reached it', async () => {
    const log = signedBody().seal();
    const held = log.note({ witnesses: [{ witness: pq, time: SEEN }] });
    const { size } = log;
    log.checkpoint().record('{"n":"more"}').close().checkpoint();
    expect(sizes(await check(log, { held: [held] }))).toEqual([size]);
    const wrong = log.note({ witnesses: [{ witness: mlDsaWitnessKey(NAME, { signs: 'another' }), time: SEEN }] });
    expect(sizes(await check(log, { held: [wrong] }))).toEqual([0]);
    const other = signedBody().record('{"n":"instead"}').close().checkpoint();
    expect(sizes(await check(other, { held: [held] }))).toEqual([0]);
  });

  it('counts at the end of a log that is held', async () => {
    const log = closed();
    const held = closed(pq).note({ witnesses: [{ witness: pq, time: SEEN }] });
    const report = await check(log, { held: [held] });
    expect([report.verdict, sizes(report)]).toEqual(['ok', [14]]);
  });
});

describe('whoever may write to the log, without its key', () => {
  const uint64 = (value: number): Buffer => Buffer.from(value.toString(16).padStart(16, '0'), 'hex');
  const replaced = (structure: Buffer, at: number, bytes: Buffer): Buffer =>
    Buffer.concat([structure.subarray(0, at), bytes, structure.subarray(at + bytes.length)]);
  const afterName = 12 + 1 + NAME.length;
  const afterOrigin = afterName + 8 + 1 + origin.length;

  it.each<[string, Parameters<typeof mlDsaWitnessKey>[1]]>([
    ['another label', { message: (all) => replaced(all, 0, Buffer.from('subtree/v2')) }],
    ['another witness', { signs: 'witness.example.com/pr' }],
    ['another time', { message: (all) => replaced(all, afterName, uint64(SEEN - 1)) }],
    ['another stream', { message: (all) => replaced(all, afterName + 9, Buffer.from('x')) }],
    ['a part of the tree', { message: (all) => replaced(all, afterOrigin, uint64(8)) }],
    ['another size', { message: (all) => replaced(all, afterOrigin + 8, uint64(13)) }],
    ['another root', { message: (all) => replaced(all, afterOrigin + 16, Buffer.alloc(32)) }],
    ['less', { message: (all) => all.subarray(0, -1) }],
    ['more', { message: (all) => Buffer.concat([all, Buffer.alloc(1)]) }],
    ['what Ed25519 signs', { message: () => Buffer.from(`cosignature/v1\ntime ${SEEN}\n${closed().lastSeal.text}`) }],
    ['the checkpoint itself', { message: () => Buffer.from(closed().lastSeal.text) }],
  ])('cannot pass off its signature over %s', async (_, instead) => {
    const report = await check(closed(mlDsaWitnessKey(NAME, instead)));
    expect([report.verdict, codes(report)]).toEqual(['tampered', expect.arrayContaining(['SIGNATURE_WRONG'])]);
  });

  it('finds no byte of a cosignature that may be changed, added or left out', async () => {
    const lines = bytesOf(closed(pq)).toString('utf8').split('\n');
    const at = lines.findLastIndex((line) => line.includes('checkpoint'));
    const { note } = (JSON.parse(lines[at] ?? '') as { integrity: { note: string } }).integrity;
    const parts = note.split('\n');
    const line = parts.at(-2) ?? '';
    const from = line.lastIndexOf(' ') + 1;
    const raw = Buffer.from(line.slice(from), 'base64');
    expect(raw).toHaveLength(4 + 8 + 2420);
    const judged = async (bytes: Buffer): Promise<VerifyReport> => {
      const text = parts.with(-2, line.slice(0, from) + bytes.toString('base64')).join('\n');
      return check(Buffer.from(lines.with(at, checkpointLine(text)).join('\n')));
    };
    const bytes = [...Array(14).keys(), ...Array.from({ length: 50 }, (_, step) => 14 + step * 49), raw.length - 1];
    for (const byte of bytes.filter((one) => one < raw.length)) {
      const changed = Buffer.from(raw);
      changed.writeUInt8(changed.readUInt8(byte) ^ 1, byte);
      const report = await judged(changed);
      expect([byte, report.verdict]).toEqual([byte, byte < 4 ? 'undecided' : 'tampered']);
      expect(codes(report)).toContain(byte < 4 ? 'UNWITNESSED' : 'SIGNATURE_WRONG');
    }
    for (const other of [raw.subarray(0, -1), Buffer.concat([raw, Buffer.alloc(1)]), raw.subarray(0, 4 + 72)]) {
      expect(codes(await judged(other))).toContain('SIGNATURE_WRONG');
    }
  });

  it('gets no tampering out of a program that cannot check ML-DSA, and nothing proven either', async () => {
    vi.mocked(verifyMlDsa).mockRejectedValue(new TamperError('DEPENDENCY_MISSING', 'nothing here has ML-DSA'));
    try {
      const held = closed(pq).note({ witnesses: [{ witness: pq, time: SEEN }] });
      for (const options of [{}, { held: [held] }]) {
        const report = await check(closed(pq), options);
        expect(report.verdict).toBe('undecided');
        expect(codes(report)).toEqual(expect.arrayContaining(['UNSUPPORTED', 'UNWITNESSED']));
      }
    } finally {
      vi.mocked(verifyMlDsa).mockReset();
      const actual = await vi.importActual<typeof import('../../src/keys/ml-dsa.ts')>('../../src/keys/ml-dsa.ts');
      vi.mocked(verifyMlDsa).mockImplementation(actual.verifyMlDsa);
    }
  });
});

describe('the name of a witness of ML-DSA-44', () => {
  const { publicKey } = parseWitnessVkey(pq.vkey, 'it');

  it('is refused with another id, type or length of the key, and where it does not fit into what is signed', () => {
    const [name, id, key] = pq.vkey.split('+', 3) as [string, string, string];
    const encoded = Buffer.from(pq.vkey.slice(name.length + id.length + 2), 'base64');
    expect(encoded).toHaveLength(1 + 1312);
    expect(witnessVkeyProblem(pq.vkey)).toBeUndefined();
    expect(witnessVkeyProblem(pq.vkey.replace(id, '00000000'))).toContain('its id does not match');
    expect(witnessVkeyProblem(`${name}2+${id}+${key}`)).toBeDefined();
    for (const other of [encoded.subarray(0, -1), Buffer.concat([encoded, Buffer.alloc(1)]), encoded.subarray(0, 33)]) {
      expect(witnessVkeyProblem(`${name}+${id}+${other.toString('base64')}`)).toContain('does not know');
    }
    expect(witnessVkeyProblem(formatWitnessVkey('w'.repeat(255), publicKey, 'ml-dsa-44'))).toBeUndefined();
    expect(witnessVkeyProblem(formatWitnessVkey('w'.repeat(256), publicKey, 'ml-dsa-44'))).toContain('too long');
  });

  it('is refused where the key is that of a signer, and where another witness has it', async () => {
    const bytes = Buffer.concat([ML_DSA['ml-dsa-44'].spkiHead, publicKey]);
    const signer = formatVkey(origin, { algorithm: 'ml-dsa-44', bytes });
    const self = check(closed(pq), { publicKeys: [vkeyOf(origin, edKey), signer] });
    await expect(self).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('the key of a signer'),
    });
    const again = formatWitnessVkey('witness.example.com/again', publicKey, 'ml-dsa-44');
    const twice = check(closed(pq), { witnesses: [pq.vkey, again] });
    await expect(twice).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('the same key') });
  });
});
