import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadTimestamp, verify } from '../../src/index.ts';
import { verifyTimeStamp } from '../../src/timestamp/token.ts';
import { TimeStampAuthority } from '../servers/time-stamp-authority.ts';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import type { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { someOf } from '../support/tier.ts';
import { edKey } from '../vectors/keys.ts';
import { signedBody, signedLog } from '../vectors/logs.ts';

/** Time stamps of checkpoints (RFC 3161), with openssl as the authority and as the judge (M8.31). */

let authority: TimeStampAuthority;
let other: TimeStampAuthority;
let directory = '';
let made = 0;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stamps-'));
  authority = await TimeStampAuthority.start();
  other = await TimeStampAuthority.start();
});
afterAll(async () => {
  await authority?.stop();
  await other?.stop();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(() => {
  authority.answer = undefined;
});

const bytesOf = (log: SealedLog): Buffer => Buffer.concat(log.toFiles().map(({ bytes }) => bytes));
const { origin } = signedLog();

interface Kept {
  readonly file: string;
  readonly out: string;
  readonly signer: string;
}

function put(log: SealedLog): Kept {
  const place = join(directory, String(++made));
  mkdirSync(place);
  const kept = { file: join(place, 'audit.jsonl'), out: join(place, 'stamps'), signer: join(place, 'signer.pub') };
  writeFileSync(kept.file, bytesOf(log));
  writeFileSync(kept.signer, vkeyOf(origin, edKey));
  return kept;
}

const stamp = async ({ file, out }: Kept, root = authority.root): Promise<CommandResult> => {
  const flags = ['--origin', origin, '--url', authority.url, '--tsa-certificate', root, '--out', out];
  return runCommand(['timestamp', file, ...flags]);
};
const stampOf = ({ out }: Kept): string => join(out, readdirSync(out).find((name) => name.endsWith('.tsr')) ?? '');
const check = async ({ file, signer }: Kept, tsr: string, ...more: string[]): Promise<CommandResult> => {
  const flags = ['--origin', origin, '--public-key', signer, '--timestamp', tsr, '--tsa-certificate', authority.root];
  return runCommand(['verify', file, ...flags, ...more]);
};

describe('openssl as the time-stamp authority', () => {
  it('stamps the newest checkpoint; openssl ts accepts the very file that is kept, and verify says when', async () => {
    const kept = put(signedLog());
    const result = await stamp(kept);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('14 entries existed at 20');
    const tsr = stampOf(kept);
    const note = readFileSync(tsr.replace('.tsr', '.note'), 'utf8');
    expect(note).toBe(signedLog().note());
    const text = join(directory, 'text');
    writeFileSync(text, `${note.split('\n').slice(0, 3).join('\n')}\n`);
    await authority.openssl('ts', '-verify', '-data', text, '-in', tsr, '-CAfile', authority.root);
    const verdict = await check(kept, tsr);
    expect(verdict.code).toBe(0);
    expect(verdict.stdout).toMatch(/entries up to 14 existed at 20.*Z \(time stamp of .*CN=tsa\)/);
    const again = await stamp(kept);
    expect(again.stdout).toContain('already in');
    expect(authority.asked).toBe(1);
  });

  it.each([
    ['RSA', ['rsa:3072']],
    ['ECDSA P-256', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
    ['ECDSA P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
  ])('signs with %s', async (name, key) => {
    const text = signedLog().lastSeal.text;
    await authority.certify('another', { key });
    const reply = await authority.reply(await authority.query(text), 'another');
    const root = rootOf(authority);
    const { time, authority: who } = await verifyTimeStamp(reply, Buffer.from(text), [root], name);
    expect(Math.abs(time.getTime() - Date.now())).toBeLessThan(600_000);
    expect(who).toContain('CN=another');
  });

  it.each(['-sha384', '-sha512'])('stamps %s as well', async (hash) => {
    const text = signedLog().lastSeal.text;
    const reply = await authority.reply(await authority.query(text, hash, '-cert'));
    expect(await verifyTimeStamp(reply, Buffer.from(text), [rootOf(authority)], hash)).toMatchObject({
      nonce: expect.any(String),
    });
  });
});

describe('an authority that says how many may stand below it', () => {
  const text = signedLog().lastSeal.text;
  it.each([
    [['any-length'], true],
    [['length-0'], true],
    [['any-length', 'any-length'], true],
    [['any-length', 'length-0'], true],
    [['length-1', 'length-0'], true],
    [['length-1', 'any-length'], true],
    [['length-0', 'any-length'], false],
    [['length-0', 'length-0'], false],
    [['length-1', 'any-length', 'any-length'], false],
    [['any-length', 'length-0', 'any-length'], false],
  ] as const)('%j below the root: %s, and openssl agrees', async (purposes, isGood) => {
    let by = 'root';
    const chain: string[] = [];
    for (const [at, purpose] of purposes.entries()) {
      const name = `between-${++made}-${at}`;
      await authority.certify(name, { purpose, by });
      chain.push(readFileSync(join(authority.directory, `${name}.pem`), 'utf8'));
      by = name;
    }
    await authority.certify('below', { by });
    const between = join(authority.directory, 'between.pem');
    writeFileSync(between, chain.join(''));
    const query = await authority.query(text, '-cert');
    const reply = await authority.reply(query, 'below', 'service', between);
    const ours = verifyTimeStamp(reply, Buffer.from(text), [rootOf(authority)], 'it');
    if (isGood) await ours;
    else await expect(ours).rejects.toThrow('longer than one of its authorities allows');
    writeFileSync(join(authority.directory, 'text'), text);
    writeFileSync(join(authority.directory, 'below.tsr'), reply);
    const theirs = authority.openssl('ts', '-verify', '-data', 'text', '-in', 'below.tsr', '-CAfile', authority.root);
    if (isGood) await theirs;
    else await expect(theirs).rejects.toThrow(/path length constraint exceeded/);
  });
});

function rootOf({ root }: TimeStampAuthority): Buffer {
  return Buffer.from(readFileSync(root, 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64');
}

describe('a time stamp that is none', () => {
  const text = signedLog().lastSeal.text;
  const judge = async (reply: Buffer, roots = [rootOf(authority)]): Promise<unknown> =>
    verifyTimeStamp(reply, Buffer.from(text), roots, 'it');
  const invalid = { code: 'TIMESTAMP_INVALID' };

  it('is one with a byte changed, unless it says the same without it', async () => {
    const reply = await authority.reply(await authority.query(text));
    const tried = someOf([...reply.keys()], 48);
    const good: number[] = [];
    for (const at of tried) {
      const changed = Buffer.from(reply);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      await judge(changed).then(
        () => good.push(at),
        (error: unknown) => expect(error, `byte ${at}`).toMatchObject(invalid),
      );
    }
    // what is not signed, and says nothing that counts: versions and lists of algorithms outside the signed attributes
    const sound = await judge(reply);
    for (const at of good) {
      const changed = Buffer.from(reply);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(await judge(changed), `byte ${at}`).toEqual(sound);
    }
    expect(good.length).toBeLessThan(tried.length / 20);
  }, 120_000);

  it('is one that is cut', async () => {
    const reply = await authority.reply(await authority.query(text));
    for (const length of [0, 1, 5, 100, reply.length - 1])
      await expect(judge(reply.subarray(0, length))).rejects.toMatchObject(invalid);
  });

  it('is one over something else', async () => {
    for (const wrong of [`${text}\n`, text.slice(0, -1), signedBody().lastSeal.text, '']) {
      const reply = await authority.reply(await authority.query(wrong));
      await expect(judge(reply)).rejects.toMatchObject({
        ...invalid,
        message: expect.stringContaining('over something else'),
      });
    }
  });

  it('is one of another authority, also one that has the same names', async () => {
    const reply = await other.reply(await other.query(text));
    await expect(judge(reply)).rejects.toMatchObject(invalid);
    await expect(judge(reply, [])).rejects.toMatchObject(invalid);
    await expect(judge(reply, [rootOf(other)])).resolves.toBeDefined();
  });

  it.each(['not-critical', 'two-purposes', 'other-purpose', 'no-purpose'] as const)(
    'is one by a certificate that is not for time stamping alone: %s',
    async (purpose) => {
      await authority.certify('wrong', { purpose });
      const reply = await authority.replyByAnyone(await authority.query(text), 'wrong');
      await expect(judge(reply)).rejects.toMatchObject({
        ...invalid,
        message: expect.stringContaining('time stamping alone'),
      });
    },
  );

  it('is not every one that was put together so: what is for time stamping alone is taken', async () => {
    await authority.certify('right');
    const reply = await authority.replyByAnyone(await authority.query(text), 'right');
    await expect(judge(reply)).resolves.toMatchObject({ authority: expect.stringContaining('CN=right') });
  });

  it('is one by a certificate that had expired, or was not valid yet', async () => {
    for (const between of [
      ['20200101000000Z', '20210101000000Z'],
      ['20900101000000Z', '20910101000000Z'],
    ] as const) {
      await authority.certify('late', { between });
      const reply = await authority.replyByAnyone(await authority.query(text), 'late');
      await expect(judge(reply), between[0]).rejects.toMatchObject(invalid);
    }
  });

  it('is none that was made by a certificate that was good when it signed, and has expired since', async () => {
    await authority.certify('old', { between: ['20200101000000Z', '20210101000000Z'] });
    const query = await authority.query(text);
    const stamped = await authority.replyByAnyone(query, 'old', '20200601000000Z');
    await expect(judge(stamped)).resolves.toMatchObject({ time: new Date('2020-06-01T00:00:00Z') });
    const before = await authority.replyByAnyone(query, 'old', '20190601000000Z');
    await expect(judge(before)).rejects.toMatchObject(invalid);
  });

  it('is one over SHA-1, or without the certificate', async () => {
    const sha1 = await authority.reply(await authority.query(text, '-sha1', '-cert'), 'tsa', 'service-sha1');
    await expect(judge(sha1)).rejects.toMatchObject(invalid);
    const bare = await authority.reply(await authority.query(text, '-sha256'));
    await expect(judge(bare)).rejects.toMatchObject(invalid);
  });

  it('is a refusal', async () => {
    const refused = await authority.reply(await authority.query(text, '-sha256', '-cert', '-tspolicy', '1.9.9'));
    await expect(judge(refused)).rejects.toMatchObject({ ...invalid, message: expect.stringContaining('refused') });
  });
});

describe('timestamp', () => {
  it.each<[string, (reply: Buffer) => { status?: number; body: Buffer }, string]>([
    ['an error', () => ({ status: 503, body: Buffer.alloc(0) }), 'HTTP status 503'],
    ['garbage', () => ({ body: Buffer.from('<html>') }), 'not a valid time stamp'],
    ['far too much', (reply) => ({ body: Buffer.concat([reply, Buffer.alloc(400_000)]) }), 'its answer is longer than'],
    [
      'a spoiled answer',
      (reply) => ({ body: Buffer.from(reply.map((byte, at) => (at === reply.length - 1 ? byte ^ 1 : byte))) }),
      'not a valid time stamp',
    ],
  ])('keeps nothing where the authority answers with %s', async (_, answer, message) => {
    authority.answer = answer;
    const kept = put(signedLog());
    const result = await stamp(kept);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(message);
    expect(existsSync(kept.out)).toBe(false);
  });

  it('keeps no answer to another query', async () => {
    const old = await authority.reply(await authority.query(signedLog().lastSeal.text));
    authority.answer = () => ({ body: old });
    const kept = put(signedLog());
    const result = await stamp(kept);
    expect([result.code, result.stderr.includes('answered another query')]).toEqual([2, true]);
    expect(existsSync(kept.out)).toBe(false);
  });

  const shifted = (seconds: number): string =>
    new Date(Date.now() + seconds * 1000).toISOString().replace(/[-:T]|\.\d+/g, '');

  it.each([
    ['of years ago, by a certificate that has expired since', '20240101000000Z', () => '20230818000000Z'],
    ['of 10 minutes ago', '20900101000000Z', () => shifted(-600)],
    ['of a time in 10 minutes', '20900101000000Z', () => shifted(600)],
  ])('keeps no answer %s', async (_, until, at) => {
    await authority.certify('old', { between: ['20230101000000Z', until] });
    authority.answer = async (_reply, query) => ({ body: await authority.replyByAnyone(query, 'old', at()) });
    const kept = put(signedLog());
    const result = await stamp(kept);
    expect([result.code, result.stderr.includes('but here it is')]).toEqual([2, true]);
    expect(existsSync(kept.out)).toBe(false);
  });

  it('keeps an answer of 2 minutes ago', async () => {
    await authority.certify('old', { between: ['20230101000000Z', '20900101000000Z'] });
    authority.answer = async (_reply, query) => ({ body: await authority.replyByAnyone(query, 'old', shifted(-120)) });
    expect((await stamp(put(signedLog()))).code).toBe(0);
  });

  it('stamps again, beside the earlier answer, as soon as the authority has a later certificate', async () => {
    const days = (count: number): string => shifted(count * 86_400);
    const renewing = await TimeStampAuthority.start({ between: [days(-300), days(20)] });
    try {
      const kept = put(signedLog());
      const ask = async (): Promise<string> => {
        const flags = ['--url', renewing.url, '--tsa-certificate', renewing.root, '--out', kept.out];
        const { code, stdout } = await runCommand(['timestamp', kept.file, '--origin', origin, ...flags]);
        expect(code).toBe(0);
        return stdout;
      };
      expect(await ask()).toContain('kept in');
      const first = stampOf(kept);
      const bytes = readFileSync(first);
      expect(await ask()).toMatch(/already in .*asked again, but has no later certificate/);
      expect(readdirSync(kept.out)).toHaveLength(2);
      await renewing.certify('tsa');
      expect(await ask()).toContain(`the time stamp in ${first}, whose certificate ends, is kept too`);
      expect(readFileSync(first)).toEqual(bytes);
      const stamps = readdirSync(kept.out).filter((name) => name.endsWith('.tsr'));
      expect(stamps).toHaveLength(2);
      const { asked } = renewing;
      expect(await ask()).toMatch(/already in .*Z\.tsr\n$/);
      expect(renewing.asked).toBe(asked);
      for (const name of stamps) {
        const { validUntil } = await loadTimestamp(join(kept.out, name), [renewing.root]);
        expect(validUntil.getTime() > Date.now() + 30 * 86_400_000).toBe(name.endsWith('Z.tsr'));
      }
    } finally {
      await renewing.stop();
    }
  });

  it('keeps no answer of another authority, and asks for nothing that the files do not give', async () => {
    const kept = put(signedLog());
    expect((await stamp(kept, other.root)).code).toBe(2);
    writeFileSync(kept.file, bytesOf(signedLog()).toString().replace('payment 2', 'payment 9'));
    const { asked } = authority;
    expect((await stamp(kept)).stderr).toContain('do not give the root');
    expect(authority.asked).toBe(asked);
    expect(existsSync(kept.out)).toBe(false);
  });
});

describe('verify --timestamp', () => {
  it('finds that the log was rewritten since, or cut below what was stamped', async () => {
    const before = put(signedBody().record('{"n":"what was"}').seal().checkpoint());
    await stamp(before);
    const tsr = stampOf(before);
    const rewritten = put(signedBody().record('{"n":"what is now"}').seal().checkpoint().close().checkpoint());
    const cut = put(signedBody().close().checkpoint());
    for (const log of [rewritten, cut]) {
      const result = await check(log, tsr);
      expect(result.code).toBe(1);
      expect(result.stdout).toContain('KNOWN_CONTRADICTED');
    }
    expect(
      (await check(put(signedBody().record('{"n":"what was"}').seal().checkpoint().close().checkpoint()), tsr)).code,
    ).toBe(0);
  });

  it('dates nothing by a stamp that is older than the seal it is about', async () => {
    const kept = put(signedLog());
    await stamp(kept);
    const tsr = stampOf(kept);
    await authority.certify('old', { between: ['20230101000000Z', '20240101000000Z'] });
    const query = await authority.query(signedLog().lastSeal.text);
    writeFileSync(tsr, await authority.replyByAnyone(query, 'old', '20230818000000Z'));
    const { code, stdout } = await check(kept, tsr);
    expect(code).toBe(2);
    expect(stdout).toMatch(
      /TIMESTAMP_EARLY: .*CN=old says .* existed at 2023-08-18T00:00:00.000Z, but they were sealed at 2026/,
    );
    expect(stdout).not.toContain('entries up to');
  });

  it('says until when the certificate of the authority is valid', async () => {
    const kept = put(signedLog());
    await stamp(kept);
    const { stdout } = await check(kept, stampOf(kept));
    expect(stdout).toMatch(/\(time stamp of .*CN=tsa\); its certificate is valid until 20\d\d-/);
  });

  it('vouches for nothing: a stamp proves that a tree was there, not whose it is', async () => {
    const kept = put(signedLog());
    await stamp(kept);
    const report = await verify({
      paths: [kept.file],
      origin,
      timestamps: [await loadTimestamp(stampOf(kept), [authority.root])],
    });
    expect(report.verdict).toBe('undecided');
    expect(report.findings.map(({ code }) => code)).toEqual(['NO_KEY']);
    expect(report.streams[0]?.provenSize).toBe(0);
  });

  it('takes no stamp that nobody verified', async () => {
    const kept = put(signedLog());
    const now = new Date();
    const timestamps = [{ note: signedLog().note(), time: now, authority: 'CN=me', validUntil: now }];
    await expect(verify({ paths: [kept.file], origin, timestamps })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('refuses a stamp beside another note, without an authority, or under another name', async () => {
    const kept = put(signedLog());
    await stamp(kept);
    const tsr = stampOf(kept);
    const note = tsr.replace('.tsr', '.note');
    const good = readFileSync(note, 'utf8');
    writeFileSync(note, good.replace('\n14\n', '\n15\n'));
    const wrong = await check(kept, tsr);
    expect([wrong.code, wrong.stderr.includes('over something else')]).toEqual([2, true]);
    writeFileSync(note, good);
    const none = await runCommand(['verify', kept.file, '--origin', origin, '--timestamp', tsr]);
    expect([none.code, none.stderr.includes('an authority that you trust')]).toEqual([64, true]);
    expect((await check(kept, note)).code).toBe(64);
    expect((await check(kept, tsr, '--tsa-certificate', kept.signer)).code).toBe(2);
  });
});
