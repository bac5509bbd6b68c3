import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditorKeys, type ProvedRecord, proveRecord, type VerifyOptions, verifyProof } from '../../src/index.ts';
import { proveInclusion } from '../support/proof.ts';
import { hashLine, linesOfProof } from '../support/record-proof.ts';
import { SealedLog, writeLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { someOf } from '../support/tier.ts';
import { dataKey, edKey, nextEdKey, p256Key, serviceKey } from '../vectors/keys.ts';
import { bothLog, macLog, signedLog, signKeys } from '../vectors/logs.ts';
import { edit } from '../vectors/spoil.ts';

/** Which records are proven, against which checkpoint, and that what verify would not stand behind is not (E2.1, E2.2). */

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prove-'));
  writeFileSync(join(folder, 'data.key'), dataKey.toString('base64'), { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
async function prove(log: SealedLog, seq: number, options: Partial<VerifyOptions> = {}): Promise<ProvedRecord> {
  const paths = writeLog(log, join(folder, `log-${++made}`));
  const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)] });
  return proveRecord({ paths, seq, origin: log.origin, keys, ...options });
}

const checked = (proof: string | undefined, log: SealedLog, key = edKey) =>
  verifyProof(proof ?? '', { origin: log.origin, keys: auditorKeys({ publicKeys: [vkeyOf(log.origin, key)] }) });

describe('a record of a log that is ok', () => {
  it('is proven against the smallest signed checkpoint over it, and the proof holds alone', async () => {
    const log = signedLog();
    for (const [seq, size, amount] of [
      [3, 8, 7],
      [7, 8, 35],
      [9, 14, 42],
      [13, 14, 70],
    ] as const) {
      const { report, proof = '' } = await prove(log, seq);
      expect(report.verdict).toBe('ok');
      const lines = linesOfProof(proof);
      expect(lines.header).toBe('c2sp.org/tlog-proof@v1');
      expect(lines.index).toBe(`index ${seq - 1}`);
      expect(lines.text.slice(0, 2)).toEqual([log.origin, String(size)]);
      expect(lines.hashes).toEqual(proveInclusion(log.leaves.slice(0, size), seq - 1).map(hashLine));
      expect(lines.extra.slice(3).map(String)).toEqual(
        proveInclusion(log.leaves.slice(0, size), size - 1).map(hashLine),
      );
      expect(`${lines.extra[1]}`).toBe(
        log.lines
          .find((line) => line.seq === seq)
          ?.bytes.toString()
          .slice(0, -46),
      );
      const found = await checked(proof, log);
      expect(found).toMatchObject({ verdict: 'ok', seq, size, origin: log.origin, findings: [], held: false });
      expect(JSON.parse(found.record?.text ?? '')).toMatchObject({ amount });
      expect(found.sealedAt).toMatch(/^2026-11-24T23:00:\d\d\.000Z$/);
      expect(found.signers).toEqual([
        { algorithm: 'ed25519', fingerprint: edKey.signer.identity, givenBy: 'the options' },
      ]);
    }
  });

  it('is proven for whoever has the public key alone where the log has MACs as well', async () => {
    const log = bothLog();
    const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)], dataKeyFiles: [join(folder, 'data.key')] });
    const { proof } = await prove(log, 5, { keys });
    expect((await checked(proof, log)).verdict).toBe('ok');
  });

  it('is proven by ECDSA P-256 as well', async () => {
    const log = new SealedLog()
      .open({ signers: [p256Key] })
      .seal()
      .checkpoint()
      .record('one')
      .close()
      .checkpoint();
    const { proof } = await prove(log, 3, { keys: auditorKeys({ publicKeys: [vkeyOf(log.origin, p256Key)] }) });
    expect((await checked(proof, log, p256Key)).record).toEqual({ text: 'one' });
  });

  it.each([
    ['a line of text', 'plain text \u0007', { text: 'plain text \u0007' }],
    ['an empty line', '', { text: '' }],
    ['bytes that are no text', Buffer.from([0xff, 0x00, 0x0d]), { base64: '/wAN' }],
    [
      'an object that imitates a seal',
      '{"integrity":{"seq":3,"kind":"seal"}}',
      { text: '{"integrity":{"seq":3,"kind":"seal"}}' },
    ],
  ])('comes back byte for byte: %s', async (_name, line, record) => {
    const log = new SealedLog().open(signKeys).seal().checkpoint().record(line).close().checkpoint();
    const { proof } = await prove(log, 3);
    expect(await checked(proof, log)).toMatchObject({ verdict: 'ok', record });
  });

  it('that is a part of a long line is proven as that part', async () => {
    const log = new SealedLog().open(signKeys).seal().checkpoint();
    log
      .longRecord(Buffer.from('a'.repeat(50)), 30)
      .close()
      .checkpoint();
    const first = await checked((await prove(log, 3)).proof, log);
    expect(first.record).toEqual({ text: 'a'.repeat(30), part: 1 });
    const last = await checked((await prove(log, 4)).proof, log);
    expect(last.record).toEqual({ text: 'a'.repeat(20), part: 2, lastPart: true });
  });

  it('is proven across files, by a checkpoint that stands in a later one, and in a file that begins in the middle', async () => {
    const log = new SealedLog().open(signKeys).seal().checkpoint().record('one').close('rotated').checkpoint();
    log.rotate('next.jsonl').record('two').seal().record('three').close().checkpoint();
    expect((await checked((await prove(log, 3)).proof, log)).size).toBe(4);
    const late = await prove(log, 6);
    expect(await checked(late.proof, log)).toMatchObject({ verdict: 'ok', size: 9, record: { text: 'two' } });
    const next = log.fork();
    next.lines = next.lines.filter(({ file }) => file === 'next.jsonl');
    const middle = await prove(next, 6, { held: [log.note({ size: 4 })] });
    expect(middle.report.verdict).toBe('ok');
    expect(middle.proof).toBe(late.proof);
  });

  it('is proven in a log that is still written, up to its proven end', async () => {
    const log = new SealedLog().open(signKeys).seal().checkpoint().record('one').seal().checkpoint().record('two');
    const live = { live: true, now: new Date('2026-11-24T23:01:00Z') };
    expect((await checked((await prove(log, 3, live)).proof, log)).verdict).toBe('ok');
    const { report, refusal, proof } = await prove(log, 5, live);
    expect([report.verdict, refusal?.code, proof]).toEqual(['ok', 'UNSIGNED', undefined]);
  });

  it('is proven in a log that went back after a crash, as it stands there now; what was abandoned is not', async () => {
    const log = new SealedLog()
      .open({ dataKey, signers: [edKey] })
      .seal()
      .checkpoint()
      .record('one')
      .seal()
      .checkpoint();
    const ahead = log.fork().record('lost', 'lost too', 'and this');
    log
      .open({ dataKey, signers: [edKey] }, { epoch: 2 })
      .seal()
      .checkpoint()
      .record('kept')
      .close()
      .checkpoint();
    const shipped = ahead.fork();
    shipped.lines = [...ahead.lines, ...log.lines.slice(ahead.lines.length - 3)];
    const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)], dataKeyFiles: [join(folder, 'data.key')] });
    const { report, proof } = await prove(shipped, 7, { keys });
    expect(report.findings.map(({ code }) => code)).toContain('ABANDONED');
    expect(await checked(proof, log)).toMatchObject({ verdict: 'ok', record: { text: 'kept' } });
    const before = await prove(shipped, 3, { keys });
    expect(await checked(before.proof, log)).toMatchObject({ verdict: 'ok', size: 4, record: { text: 'one' } });
  });
});

describe('a log that something has wrapped, mixed or compressed', () => {
  const alone = async (log: SealedLog): Promise<string | undefined> => (await prove(log, 9)).proof;
  const proved = async (
    name: string,
    bytes: Buffer | string,
    options: Partial<VerifyOptions>,
  ): Promise<string | undefined> => {
    const log = signedLog();
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return (await prove(log, 9, { paths: [path], ...options })).proof;
  };

  it('gives the same proof', async () => {
    const log = signedLog();
    const own = log.lines.map(({ bytes }) => bytes.toString());
    const other = new SealedLog('audit.example.com/vectors/b')
      .open(signKeys)
      .seal()
      .checkpoint()
      .record('x', 'y')
      .close();
    const mixed = own.flatMap((line, at) => [line, other.lines[at]?.bytes.toString() ?? []].flat());
    expect(await proved('mixed', `${mixed.join('\n')}\n`, { demux: true })).toBe(await alone(log));
    const docker = own.map(
      (line) => `${JSON.stringify({ log: `${line}\n`, stream: 'stdout', time: '2026-11-24T23:00:00Z' })}\n`,
    );
    expect(await proved('docker', docker.join(''), { unwrap: 'docker' })).toBe(await alone(log));
    expect(await proved('gzip', gzipSync(`${own.join('\n')}\n`), {})).toBe(await alone(log));
    expect(await proved('jobs', `${own.join('\n')}\n`, { jobs: 4 })).toBe(await alone(log));
  });
});

describe('after a crash that a shipped copy is ahead of', () => {
  it('every record that is still in the log is proven, wherever the log went back to', async () => {
    const both = { dataKey, signers: [edKey] };
    const keys = auditorKeys({
      publicKeys: [vkeyOf(signedLog().origin, edKey)],
      dataKeyFiles: [join(folder, 'data.key')],
    });
    for (const kept of someOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 4)) {
      const log = new SealedLog().open(both).seal().checkpoint();
      log.record(...Array.from({ length: kept }, (_, at) => `kept ${at}`));
      const ahead = log.fork().record('lost 1', 'lost 2', 'lost 3');
      const before = log.lines.length;
      log.open(both, { epoch: 2 }).seal().checkpoint().record('after').close().checkpoint();
      const shipped = log.fork();
      shipped.lines = [...ahead.lines, ...log.lines.slice(before)];
      const records = [...Array.from({ length: kept }, (_, at) => at + 3), kept + 5];
      for (const seq of records) {
        const { report, proof } = await prove(shipped, seq, { keys });
        expect(report.streams[0]?.abandonedEntries).toBe(3);
        expect(proof).toBe((await prove(log, seq, { keys })).proof);
        expect(await checked(proof, log)).toMatchObject({ verdict: 'ok', seq });
      }
    }
  });
});

describe('no proof is made', () => {
  it('of a log that is not ok, wherever it was changed', async () => {
    const log = edit(signedLog(), 10, 'payment', 'pavment');
    const { report, ...rest } = await prove(log, 3);
    expect(report.verdict).toBe('tampered');
    expect(rest).toEqual({});
  });

  it('of a log whose end is not proven', async () => {
    const log = new SealedLog().open(signKeys).seal().checkpoint().record('one').seal().checkpoint();
    const { report, ...rest } = await prove(log, 3);
    expect(report.verdict).toBe('undecided');
    expect(rest).toEqual({});
  });

  it.each([
    ['an entry that is not there', 15, 'NO_ENTRY'],
    ['the largest number', Number.MAX_SAFE_INTEGER, 'NO_ENTRY'],
    ['an open', 1, 'NOT_A_RECORD'],
    ['a seal', 8, 'NOT_A_RECORD'],
    ['the close', 14, 'NOT_A_RECORD'],
  ])('of %s', async (_name, seq, code) => {
    const { report, refusal, proof } = await prove(signedLog(), seq);
    expect([report.verdict, refusal?.code, proof]).toEqual(['ok', code, undefined]);
  });

  it('of a log that a data key alone seals: nobody else could check it', async () => {
    const keys = auditorKeys({ dataKeyFiles: [join(folder, 'data.key')] });
    const { report, refusal, proof } = await prove(macLog(), 3, { keys });
    expect([report.verdict, refusal?.code, proof]).toEqual(['ok', 'UNSIGNED', undefined]);
  });

  it('of a signed log for an auditor who names no public key', async () => {
    const keys = auditorKeys({ dataKeyFiles: [join(folder, 'data.key')] });
    const { report, refusal } = await prove(bothLog(), 3, { keys });
    expect([report.verdict, refusal?.code]).toEqual(['ok', 'UNSIGNED']);
  });

  it('by a checkpoint of a key that is named for other sizes, or of one that only its service can check', async () => {
    const log = new SealedLog()
      .open({ dataKey, signers: [edKey, serviceKey] })
      .seal()
      .checkpoint()
      .record('one');
    log
      .seal()
      .checkpoint({ signers: [serviceKey] })
      .record('two')
      .seal()
      .checkpoint();
    log
      .record('three')
      .close()
      .checkpoint({ signers: [nextEdKey, edKey] });
    const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)], dataKeyFiles: [join(folder, 'data.key')] });
    const { proof } = await prove(log, 3, { keys });
    expect((await checked(proof, log)).size).toBe(6);
  });

  it('where the files hold several streams: which is meant must be said', async () => {
    const one = signedLog();
    const two = new SealedLog('audit.example.com/vectors/b').open(signKeys).seal().checkpoint().close().checkpoint();
    const paths = [one, two].map((log, at) => {
      const path = join(folder, `several-${at}`);
      writeFileSync(path, log.toFiles()[0]?.bytes ?? '');
      return path;
    });
    const keys = auditorKeys({ publicKeys: [one, two].map(({ origin }) => vkeyOf(origin, edKey)) });
    await expect(proveRecord({ paths, seq: 3, origin: 'audit.example.com/vectors/*', keys })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });

  it.each([0, -1, 1.5, Number.NaN, '3'])('of the record %s, which is none', async (seq) => {
    await expect(prove(signedLog(), seq as number)).rejects.toMatchObject({ code: 'USAGE' });
  });
});

/** E2.2, E2.3: what readers who know few algorithms are given. */
describe('with a note key', () => {
  const wrong = { ...edKey, sign: () => Buffer.alloc(64, 7) };
  /** Size 5 without the note key, size 7 with a wrong line of it, size 9 with a right one. */
  const log = new SealedLog()
    .open({ signers: [p256Key], notes: [edKey] })
    .seal()
    .checkpoint()
    .record('1', '2')
    .seal()
    .checkpoint({ signers: [p256Key] })
    .record('3')
    .seal()
    .checkpoint({ signers: [p256Key, wrong] })
    .record('4')
    .close()
    .checkpoint();
  const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, p256Key)] });
  const [vkey, other] = [edKey, nextEdKey].map((key) => vkeyOf(log.origin, key)) as [string, string];
  const sizeIn = ({ proof = '' }: ProvedRecord): number => Number(linesOfProof(proof).text[1]);

  it('the proof is by the first checkpoint that it signed, too, with that line, and never with a wrong one', async () => {
    expect(sizeIn(await prove(log, 3, { keys }))).toBe(5);
    const proved = await prove(log, 3, { keys, noteKeys: [vkey] } as Partial<VerifyOptions>);
    expect(sizeIn(proved)).toBe(9);
    for (const key of [edKey, p256Key]) expect(await checked(proved.proof, log, key)).toMatchObject({ verdict: 'ok' });
    const late = log
      .fork()
      .open({ signers: [p256Key] }, { why: 'resumed' })
      .seal()
      .checkpoint();
    late
      .checkpoint({ size: 7, signers: [wrong, p256Key, edKey] })
      .close()
      .checkpoint();
    expect(sizeIn(await prove(late, 3, { keys, noteKeys: [vkey] } as Partial<VerifyOptions>))).toBe(7);
  });

  it.each([[[other]], [[vkey, other]]])('there is no proof where it did not sign', async (noteKeys) => {
    const { proof, refusal } = await prove(log, 3, { keys, noteKeys } as Partial<VerifyOptions>);
    expect([proof, refusal?.code]).toEqual([undefined, 'UNSIGNED']);
    expect(refusal?.message).toContain('note key');
  });

  it('one that is named twice, or as a signer of the log too, has one line', async () => {
    const lines = async (noteKeys: readonly string[], of: SealedLog, by: typeof keys): Promise<number> => {
      const { proof = '' } = await prove(of, 3, { keys: by, noteKeys } as Partial<VerifyOptions>);
      return proof.split('\n—').length - 1;
    };
    expect(await lines([vkey, vkey], log, keys)).toBe(2);
    const own = signedLog();
    expect(await lines([vkey], own, auditorKeys({ publicKeys: [vkeyOf(own.origin, edKey)] }))).toBe(1);
  });

  it('one of another algorithm is refused, and what is no key', async () => {
    const asked = (noteKeys: unknown) => prove(log, 3, { keys, noteKeys } as Partial<VerifyOptions>);
    await expect(asked([vkeyOf(log.origin, p256Key)])).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
    await expect(asked(['no key'])).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
    await expect(asked(vkey)).rejects.toMatchObject({ code: 'USAGE' });
  });
});
