import { createHash, createPublicKey, verify as verifyBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AttestedFiles,
  attestFiles,
  auditorKeys,
  type KeyProvider,
  loadPolicy,
  type VerifyOptions,
} from '../../src/index.ts';
import { runCommand } from '../support/command-line.ts';
import { erasedWithLog, policyWith, saltedLog } from '../support/erased-log.ts';
import { signerOf } from '../support/key-source.ts';
import { SealedLog, writeLog } from '../support/sealed-log.ts';
import { type SigningKey, vkeyOf } from '../support/signing-keys.ts';
import { witnessKey } from '../support/witness-keys.ts';
import { dataKey, edKey, nextEdKey, p256Key, serviceKey } from '../vectors/keys.ts';
import { bothLog, signedLog, signKeys } from '../vectors/logs.ts';

/** The statement of sealed files: what is signed, and what nobody signs (E4.1 to E4.3). */

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attest-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

let made = 0;
const write = (log: SealedLog): string[] => writeLog(log, at(String(++made)));

async function attest(
  log: SealedLog,
  options: Partial<VerifyOptions> = {},
  signer = signerOf(edKey),
): Promise<AttestedFiles> {
  const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, edKey)] });
  return attestFiles({ paths: write(log), origin: log.origin, keys, signer, ...options });
}

interface Envelope {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** Checks an envelope as its specification says, with nothing of ours, and gives back what it says. */
function opened(
  text: string | undefined,
  key: SigningKey = edKey,
): { subject: unknown; predicate: Record<string, unknown> } {
  const { payloadType, payload, signatures } = JSON.parse(text ?? '') as Envelope;
  const bytes = Buffer.from(payload, 'base64');
  const head = `DSSEv1 ${payloadType.length} ${payloadType} ${bytes.length} `;
  const publicKey = createPublicKey({ key: key.noteKey.bytes, format: 'der', type: 'spki' });
  const algorithm = key.signer.algorithm === 'ed25519' ? null : 'sha256';
  expect(signatures.map(({ keyid }) => keyid)).toEqual([key.signer.identity]);
  const signed = Buffer.concat([Buffer.from(head), bytes]);
  expect(verifyBytes(algorithm, signed, publicKey, Buffer.from(signatures[0]?.sig ?? '', 'base64'))).toBe(true);
  const statement = JSON.parse(bytes.toString()) as { subject: unknown; predicate: Record<string, unknown> };
  expect(payloadType).toBe('application/vnd.in-toto+json');
  expect(statement).toMatchObject({
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: 'https://in-toto.io/attestation/svr/v0.1',
  });
  return statement;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const subjectOf = (path: string, name = path.slice(folder.length + 1)) => ({
  name,
  digest: { sha256: sha256(readFileSync(path)) },
});

describe('files that are ok', () => {
  it('are attested: name and digest of each, the stream, the range, the newest checkpoint, the keys', async () => {
    const log = signedLog();
    const paths = write(log);
    const { envelope, report } = await attest(log, { paths });
    expect(report.verdict).toBe('ok');
    expect(envelope).toMatch(/^\{"payloadType":.*\}\n$/);
    const { subject, predicate } = opened(envelope);
    expect(subject).toEqual(paths.map((path) => subjectOf(path)));
    expect(predicate).toEqual({
      verifier: {
        id: 'https://fapilog-tamper.dev/verifier/v1',
        version: (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version,
        digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
      timeCreated: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      properties: ['FAPILOG_TAMPER_OK', 'FAPILOG_TAMPER_CHECKED_BY_SIGNATURE', 'FAPILOG_TAMPER_WITHOUT_WARNINGS'],
      sealedLog: {
        origin: log.origin,
        firstSeq: 1,
        lastSeq: 14,
        records: 10,
        end: 'closed',
        endTime: expect.stringMatching(/^2026-11-24T23:00:\d\d\.000Z$/),
        checkpoint: log.note(),
        signers: [edKey.signer.identity],
        warnings: [],
      },
    });
  });

  it('are attested by the key that signed the log without any other keys, and by another one not', async () => {
    const log = signedLog();
    const paths = write(log);
    const own = await attestFiles({ paths, origin: log.origin, signer: signerOf(edKey) });
    expect(opened(own.envelope).subject).toEqual([subjectOf(paths[0] ?? '')]);
    const other = await attestFiles({ paths, origin: log.origin, signer: signerOf(nextEdKey), signingKey: 'other' });
    expect([other.report.verdict, other.envelope]).toEqual(['undecided', undefined]);
  });

  it('are attested with ECDSA P-256, and by another key than the one that signed the log', async () => {
    const { envelope } = await attest(bothLog(), {}, signerOf(p256Key));
    expect(opened(envelope, p256Key).predicate).toMatchObject({ sealedLog: { signers: [edKey.signer.identity] } });
  });

  it('are attested with the policy that they were verified by, and what it lets pass', async () => {
    const witness = witnessKey('witness.example.com/w1');
    const cosigned = new SealedLog().open(signKeys).seal().checkpoint().record('one').gap(2).record('two').close();
    cosigned.checkpoint({ witnesses: [{ witness, time: 1_795_561_230 }] });
    const path = at('attested.yaml');
    const text = `version: 1\nstreams:\n  - origin: ${cosigned.origin}\n    witnesses: [${witness.vkey}]\n    cosignatures: 1\n`;
    writeFileSync(path, text);
    const { predicate } = opened((await attest(cosigned, { policy: path })).envelope);
    expect(predicate).toMatchObject({
      verifier: { policy: { digest: { sha256: sha256(Buffer.from(text)) } } },
      properties: ['FAPILOG_TAMPER_OK', 'FAPILOG_TAMPER_CHECKED_BY_SIGNATURE', 'FAPILOG_TAMPER_WITNESSED'],
      sealedLog: { witnessed: { required: 1, size: 6 }, warnings: ['DROPPED'] },
    });
  });

  it('are attested together, or a rotated one by itself after the checkpoint held before it', async () => {
    const log = new SealedLog().open(signKeys).seal().checkpoint().record('one').close('rotated').checkpoint();
    log.rotate('next.jsonl').record('two').close().checkpoint();
    const paths = write(log);
    expect(opened((await attest(log, { paths })).envelope).subject).toEqual(paths.map((path) => subjectOf(path)));
    const part = await attest(log, { paths: paths.slice(1), held: [log.note({ size: 4 })] });
    expect(opened(part.envelope)).toMatchObject({
      subject: [subjectOf(paths[1] ?? '')],
      predicate: { sealedLog: { firstSeq: 5, lastSeq: 7 } },
    });
    const first = await attest(log, { paths: paths.slice(0, 1), part: true });
    expect(opened(first.envelope)).toMatchObject({
      subject: [subjectOf(paths[0] ?? '')],
      predicate: { sealedLog: { lastSeq: 4, end: 'open' } },
    });
  });

  it('are attested by what they hold uncompressed, as their manifest is', async () => {
    const log = signedLog();
    const [plain = ''] = write(log);
    writeFileSync(at('packed.jsonl.gz'), gzipSync(readFileSync(plain)));
    const { envelope } = await attest(log, { paths: [at('packed.jsonl.gz')] });
    expect(opened(envelope).subject).toEqual([subjectOf(plain, 'packed.jsonl')]);
  });
});

describe('nothing is attested', () => {
  it('where the verdict is not ok, whatever is wrong, and the key is not asked to sign', async () => {
    const sign = async (): Promise<never> => Promise.reject(new Error('the key was asked to sign'));
    const signer = signerOf(edKey, { sign });
    const log = signedLog();
    const [path = ''] = write(log);
    const bytes = readFileSync(path, 'utf8');
    for (const [changed, verdict] of [
      [bytes.replace('payment 3', 'payment 4'), 'tampered'],
      [bytes.slice(0, bytes.indexOf('{"integrity":{"seq":14')), 'undecided'],
      [`${bytes}\n{"unsealed":true}\n`, 'tampered'],
      ['', 'undecided'],
    ] as const) {
      writeFileSync(path, changed);
      const { envelope, report } = await attest(log, { paths: [path] }, signer);
      expect([report.verdict, envelope]).toEqual([verdict, undefined]);
    }
    const keys = auditorKeys({ publicKeys: [vkeyOf(log.origin, nextEdKey)] });
    expect(await attest(log, { keys }, signer)).toMatchObject({ report: { verdict: 'undecided' } });
  });

  it('but the bytes that were verified: a file that is exchanged while it is read is not', async () => {
    const log = signedLog();
    const [path = ''] = write(log);
    const honest = subjectOf(path);
    const exchange = async () => {
      appendFileSync(path, '{"unsealed":true}\n');
      return edKey.signer;
    };
    let asked = 0;
    // the key is resolved before the reading and signs after it: both are moments at which a file may change
    const before = await attest(log, { paths: [path] }, signerOf(edKey, { getSigningKey: exchange }));
    expect([before.report.verdict, before.envelope]).toEqual(['tampered', undefined]);
    writeFileSync(path, log.toFiles()[0]?.bytes ?? '');
    const sign: KeyProvider['sign'] = async (keyId, data) => {
      asked++;
      writeFileSync(path, 'something else');
      return { bytes: edKey.sign(data), algorithm: 'ed25519', identity: keyId };
    };
    const after = await attest(log, { paths: [path] }, signerOf(edKey, { sign }));
    expect([asked, opened(after.envelope).subject]).toEqual([1, [honest]]);
  });

  // E4.2
  it.each(['live', '{ until: 2026-11-24T23:00:00Z }'])(
    'behind the proven end, or of a log that is still written, whatever end the policy lets pass: %s',
    async (end) => {
      const closed = signedLog();
      const unproven = new SealedLog()
        .open({ signers: [edKey] })
        .seal()
        .checkpoint()
        .record('forged')
        .close();
      const open = new SealedLog()
        .open({ signers: [edKey] })
        .seal()
        .checkpoint();
      for (const log of [unproven, open]) {
        const path = at(`policy-${++made}.yaml`);
        writeFileSync(path, `version: 1\nstreams:\n  - origin: ${closed.origin}\n    end: ${end}\n`);
        const options = { policy: await loadPolicy(path), now: new Date(log.clock + 1000) };
        await expect(attest(log, options)).rejects.toMatchObject({ code: 'VERIFY_FAILED' });
      }
    },
  );

  it('with a signature that is not one of the key, or one that nobody could check', async () => {
    const wrong = signerOf(edKey, { sign: signerOf(nextEdKey).sign });
    await expect(attest(signedLog(), {}, wrong)).rejects.toMatchObject({ code: 'SIGNATURE_REJECTED' });
    await expect(attest(signedLog(), {}, signerOf(serviceKey))).rejects.toMatchObject({ code: 'KEY_WRONG_USAGE' });
  });

  it.each<[string, Partial<VerifyOptions>]>([
    ['a log that is still written', { live: true }],
    ['mixed streams', { demux: true }],
    ["a carrier's file", { unwrap: 'docker' }],
    ['standard input', { paths: ['-'] }],
  ])('of %s', async (_name, options) => {
    await expect(attest(signedLog(), options)).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('of a directory, of one file twice, of two with one name, of several streams, without a key', async () => {
    const log = signedLog();
    const [path = ''] = write(log);
    const directory = mkdtempSync(join(folder, 'directory-'));
    writeFileSync(join(directory, 'log.jsonl'), readFileSync(path));
    await expect(attest(log, { paths: [directory] })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(attest(log, { paths: [path, path] })).rejects.toMatchObject({ code: 'USAGE' });
    writeFileSync(at('copy.jsonl'), readFileSync(path));
    await expect(attest(log, { paths: [path, at('copy.jsonl')] })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(attest(log, { paths: [join(directory, 'log.jsonl'), at('log.jsonl')] })).rejects.toMatchObject({
      code: 'USAGE',
    });
    const other = new SealedLog('audit.example.com/vectors/b').open(signKeys).seal().checkpoint().close().checkpoint();
    const keys = auditorKeys({ publicKeys: [log, other].map(({ origin }) => vkeyOf(origin, edKey)) });
    const several = { paths: [path, ...write(other)], origin: 'audit.example.com/vectors/*', keys };
    await expect(attest(log, several)).rejects.toMatchObject({ code: 'USAGE' });
    const { configured: _, ...nameless } = signerOf(edKey);
    await expect(attest(log, {}, nameless)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(attest(log, { signerr: 1 } as object)).rejects.toMatchObject({ code: 'USAGE' });
  });

  // E4.3
  it('of more files than a key service signs at once', async () => {
    const log = new SealedLog().open(signKeys).seal().checkpoint();
    for (let file = 0; file < 40; file++)
      log
        .record('x')
        .close('rotated')
        .checkpoint()
        .rotate(`${file}-${'n'.repeat(60)}.jsonl`);
    log.close().checkpoint();
    await expect(attest(log)).rejects.toMatchObject({ code: 'FORMAT_LIMIT' });
  });
});

it('an erased log is attested beside the erasure log that its policy names, of which nothing is stated', async () => {
  const { log, erasures } = erasedWithLog(saltedLog(), 3, 4);
  const policyPath = at('erasures.yaml');
  writeFileSync(policyPath, policyWith(log, erasures, vkeyOf(log.origin, edKey)));
  const paths = write(log);
  const policy = await loadPolicy(policyPath);
  const signer = signerOf(edKey);
  const { envelope } = await attestFiles({
    paths: [...paths, ...write(erasures)],
    policy,
    signer,
  });
  const { subject, predicate } = opened(envelope);
  expect(subject).toEqual(paths.map((path) => subjectOf(path)));
  expect(predicate).toMatchObject({ sealedLog: { origin: log.origin, erased: 2, warnings: ['ERASED'] } });
});

describe('fapilog-tamper attest', () => {
  const keyFlags = (): string[] => [
    '--algorithm',
    'Ed25519',
    '--key-source',
    'file',
    '--key-file-path',
    at('signer.key'),
  ];

  it('verifies with its own key, writes the envelope once, and nothing of a log that is not ok', async () => {
    await runCommand(['keygen', '--algorithm', 'Ed25519', '--out', at('signer.key')]);
    const seal = ['seal', '--quiet', '--out', at('sealed.jsonl'), '--origin', 'example.com/a', ...keyFlags()];
    const state = { env: { FAPILOG_TAMPER_STATE_DIR: at('state') } };
    expect(await runCommand(seal, { ...state, input: 'one\ntwo\n' })).toMatchObject({ code: 0 });
    const argv = ['attest', at('sealed.jsonl'), '--origin', 'example.com/a', ...keyFlags()];
    expect(await runCommand([...argv, '--out', at('sealed.intoto.json')])).toEqual({ code: 0, stdout: '', stderr: '' });
    const printed = await runCommand(argv);
    expect(JSON.parse(printed.stdout)).toMatchObject({ payloadType: 'application/vnd.in-toto+json' });
    expect((await runCommand([...argv, '--out', at('sealed.intoto.json')])).code).toBe(2);
    expect((await runCommand([...argv, '--out', '-'])).code).toBe(64);
    appendFileSync(at('sealed.jsonl'), '{"unsealed":true}\n');
    const changed = await runCommand([...argv, '--out', at('changed.intoto.json')]);
    expect([changed.code, changed.stdout, existsSync(at('changed.intoto.json'))]).toEqual([1, '', false]);
    expect(changed.stderr).toContain('FOREIGN_LINE');
  });

  it('needs a signing key: exit 64', async () => {
    writeFileSync(at('data.key'), dataKey.toString('base64'), { mode: 0o600 });
    const argv = [
      'attest',
      at('sealed.jsonl'),
      '--origin',
      'example.com/a',
      '--key-source',
      'file',
      '--key-file-path',
      at('data.key'),
    ];
    const { code, stdout, stderr } = await runCommand(argv);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('no signing key is configured');
    expect((await runCommand(['attest', '--origin', 'example.com/a'])).code).toBe(64);
  });
});
