import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runHere } from '../support/command-line.ts';

const samples = fileURLToPath(new URL('../samples/', import.meta.url));
const origin = 'example.com/a';
const key = 'ab'.repeat(32);
const env = { FAPILOG_TAMPER_KEY: key };
let cwd = '';

beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'audit-'));
  const input = '{"user":"ada","amount":120}\nplain text\r\n\nlast line without end';
  await runHere(['seal', '--quiet', '--out', 'a.jsonl', '--origin', origin], { cwd, env, input });
});
afterEach(() => rmSync(cwd, { recursive: true }));

const log = (): string => readFileSync(join(cwd, 'a.jsonl'), 'utf8');
const replace = (from: string | RegExp, to: string): void =>
  writeFileSync(join(cwd, 'a.jsonl'), log().replace(from, to));

describe('fapilog-tamper verify', () => {
  const args = ['verify', 'a.jsonl', '--origin', origin];

  it.each(['known', 'policy', 'html', 'format', 'now', 'cosignatures', 'jobs', 'max-bytes', 'unwrap'])(
    'refuses --%s given twice: the last would count, and what the first demanded be dropped',
    async (flag) => {
      const { code, stdout, stderr } = await runHere([...args, `--${flag}`, '1', `--${flag}=2`], { cwd, env });
      expect([code, stdout]).toEqual([64, '']);
      expect(stderr).toContain(`--${flag} was given twice`);
    },
  );

  it('refuses a checkpoint of a stream that is not verified: it would demand nothing', async () => {
    const root = Buffer.alloc(32, 1).toString('base64');
    const line = `\u2014 example.com/other ${Buffer.alloc(68, 1).toString('base64')}\n`;
    writeFileSync(join(cwd, 'other.note'), `example.com/other\n7\n${root}\n\n${line}`);
    const { code, stdout, stderr } = await runHere([...args, '--since', 'other.note'], { cwd, env });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('of the stream example.com/other, which is not verified here');
  });

  it('says ok, who could have forged, and what it cannot know: exit 0', async () => {
    const { code, stdout } = await runHere(args, { cwd, env });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^OK {2}example\.com\/a\n {2}could have been forged by anyone who holds the data key, including the auditor\n/,
    );
    expect(stdout).toContain('entries 1 to 7, 4 records, up to 2');
    expect(stdout).toContain('This says nothing about what was logged after these entries, if anything.');
  });

  it('says tampered, and where: exit 1', async () => {
    replace('"amount":120', '"amount":12');
    const { code, stdout } = await runHere(args, { cwd, env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^TAMPERED/);
    expect(stdout).toMatch(/AUTH_WRONG: entry 3: .*\n +at a\.jsonl:3, seq 3, byte \d+/);
  });

  it('says undecided without a key, and what it needs: exit 2', async () => {
    const { code, stdout } = await runHere(args, { cwd, env: {} });
    expect(code).toBe(2);
    expect(stdout).toContain('NO_KEY: key period');
  });

  it('takes keys from a file, a directory, a variable, in any number', async () => {
    writeFileSync(join(cwd, 'one.key'), key, { mode: 0o600 });
    writeFileSync(join(cwd, 'other.key'), 'cd'.repeat(32), { mode: 0o600 });
    for (const keys of [
      ['--keys', 'one.key'],
      ['--keys', '.'],
      ['--keys', 'other.key', '--keys', 'one.key'],
      ['--key-env', 'SOME_KEY'],
    ]) {
      expect((await runHere([...args, ...keys], { cwd, env: { SOME_KEY: key } })).code, keys.join(' ')).toBe(0);
    }
    const wrong = await runHere([...args, '--keys', 'other.key'], { cwd, env: {} });
    expect(wrong.code).toBe(2);
    expect(wrong.stdout).toContain('WRONG_KEY');
  });

  it('refuses a key file that others may read, and never prints a key', async () => {
    writeFileSync(join(cwd, 'open.key'), key, { mode: 0o644 });
    const { code, stdout, stderr } = await runHere([...args, '--keys', 'open.key'], { cwd, env: {} });
    expect(code).toBe(2);
    expect(stdout).toContain('KEY_FILE_PERMISSIONS');
    expect(stdout + stderr).not.toContain(key);
  });

  it("with the writer's configuration: takes a stream that recover began in place of another, and neither is tampered", async () => {
    writeFileSync(join(cwd, 'writer.yaml'), `file: b.jsonl\norigin: example.com/b\nkey_source: env\n`);
    const seal = ['seal', '--quiet', '--config', 'writer.yaml'];
    expect((await runHere(seal, { cwd, env, input: 'one\n' })).code).toBe(0);
    const why = ['--config', 'writer.yaml', '--reason', 'a test'];
    expect((await runHere(['recover', 'b.jsonl', ...why], { cwd, env })).code).toBe(0);
    expect((await runHere(seal, { cwd, env, input: 'two\n' })).code).toBe(0);
    const files = readdirSync(cwd).filter((name) => /^b.*jsonl$/.test(name));
    expect(files).toHaveLength(2);
    const { code, stdout } = await runHere(['verify', ...files, '--config', 'writer.yaml'], { cwd, env });
    expect(stdout).toMatch(/^OK {2}example\.com\/b$/m);
    expect(stdout).toMatch(/^OK {2}example\.com\/b\/\d{8}T\d{6}Z-[0-9a-f]{8}$/m);
    expect(code).toBe(0);
  });

  it('without a stream it is a usage error, not a verdict: exit 64', async () => {
    const { code, stdout, stderr } = await runHere(['verify', 'a.jsonl'], { cwd, env });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('--origin');
  });

  it('names the nearest flag: exit 64', async () => {
    const { code, stderr } = await runHere([...args, '--knwon', 'x'], { cwd, env });
    expect(code).toBe(64);
    expect(stderr).toContain('--known');
  });

  it('a file that is not there is no verdict: exit 2 with its name', async () => {
    const { code, stderr } = await runHere(['verify', 'absent.jsonl', '--origin', origin], { cwd, env });
    expect(code).toBe(2);
    expect(stderr).toContain('absent.jsonl');
  });

  it('remembers what it saw and finds a log that was cut since', async () => {
    const known = [...args, '--known', 'known.json'];
    expect((await runHere(known, { cwd, env })).code).toBe(0);
    const close = log().indexOf('{"integrity":{"seq":7,"kind":"close"');
    expect(close).toBeGreaterThan(0);
    writeFileSync(join(cwd, 'a.jsonl'), log().slice(0, close));
    const cut = await runHere(known, { cwd, env });
    expect(cut.code).toBe(1);
    expect(cut.stdout).toContain('KNOWN_CONTRADICTED');
    const stale = await runHere(args, { cwd, env });
    expect(stale.code).toBe(2);
    expect(stale.stdout).toContain('FILES_MISSING');
    rmSync(join(cwd, 'a.jsonl.manifest.json'));
    expect((await runHere(args, { cwd, env })).code).toBe(2);
  });

  it('gives json, quiet and verbose reports', async () => {
    const json = await runHere([...args, '--format', 'json'], { cwd, env });
    expect(JSON.parse(json.stdout)).toMatchObject({
      verdict: 'ok',
      streams: [{ origin, firstSeq: 1, records: 4 }],
    });
    expect((await runHere([...args, '--quiet'], { cwd, env })).stdout).toBe(`OK  ${origin}\n`);
    expect((await runHere([...args, '--verbose'], { cwd, env })).stdout).toContain('checked by mac');
  });

  it('prints nothing from a file raw', async () => {
    const red = '\u001b[31m';
    writeFileSync(join(cwd, 'evil.jsonl'), `${log()}{"integrity":{"kind":"checkpoint","note":"${red}"}}\n`);
    const { stdout } = await runHere(['verify', 'evil.jsonl', '--origin', origin], { cwd, env });
    expect(stdout).not.toContain('\u001b');
  });

  it('checks signatures with the public key alone, given as verifier key or PEM', async () => {
    await runHere(['keygen', '--algorithm', 'Ed25519', '--out', 'sign.key', '--origin', 'example.com/s'], {
      cwd,
      env,
    });
    const config = ['--algorithm', 'Ed25519', '--key-source', 'file', '--key-file-path', 'sign.key'];
    await runHere(['seal', '--quiet', '--out', 's.jsonl', '--origin', 'example.com/s', ...config], {
      cwd,
      env: {},
      input: 'one\ntwo\n',
    });
    const verify = ['verify', 's.jsonl', '--origin', 'example.com/s', '--public-key', 'sign.key.pub'];
    const good = await runHere(verify, { cwd, env: {} });
    expect(good).toMatchObject({ code: 0 });
    expect(good.stdout).not.toContain('warning');
    writeFileSync(
      join(cwd, 's.jsonl'),
      readFileSync(join(cwd, 's.jsonl'), 'utf8').replace('"line":"one"', '"line":"own"'),
    );
    expect((await runHere(verify, { cwd, env: {} })).code).toBe(1);
  });
});

describe('fapilog-tamper cat', () => {
  it("gives the application's own lines back, byte for byte", async () => {
    const { code, stdout } = await runHere(['cat', 'a.jsonl'], { cwd, env });
    expect([code, stdout]).toEqual([0, '{"user":"ada","amount":120}\nplain text\n\nlast line without end\n']);
  });

  it('with --verified it gives nothing of a log that is not ok', async () => {
    const verified = ['cat', '--verified', 'a.jsonl', '--origin', origin];
    expect((await runHere(verified, { cwd, env })).stdout).toContain('plain text');
    replace('plain text', 'other text');
    const { code, stdout, stderr } = await runHere(verified, { cwd, env });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('AUTH_WRONG');
  });

  it('puts parts of a long line together, and leaves out what a crash abandoned', async () => {
    const parts = await runHere(['cat', `${samples}h15-parts.jsonl`], { cwd, env });
    expect(parts.code).toBe(0);
    const abandoned = await runHere(['cat', `${samples}h16-stdout.jsonl`], { cwd, env });
    expect(abandoned.code).toBe(2);
    expect(abandoned.stderr).toContain('was never sealed');
  });
});

describe('fapilog-tamper inspect', () => {
  it.each([
    ['a program', 'const one = 1;\nconst two = 2;\n', 'no sealed log: none of the 2 lines was ever sealed\n'],
    ['a line', 'once\n', 'no sealed log: the only line was never sealed\n'],
    ['an empty file', '', 'no sealed log: there is no line\n'],
  ])('inspect says of %s that it is no log', async (_, content, says) => {
    writeFileSync(join(cwd, 'other.txt'), content);
    const { code, stdout } = await runHere(['inspect', 'other.txt'], { cwd });
    expect(code).toBe(2);
    expect(stdout.startsWith(says)).toBe(true);
    expect((await runHere(['inspect', 'other.txt', '--format', 'json'], { cwd })).code).toBe(2);
  });

  it('shows what the file says of itself', async () => {
    const { code, stdout } = await runHere(['inspect', 'a.jsonl'], { cwd, env: {} });
    expect(code).toBe(0);
    expect(stdout).toContain('7 entries, 4 records');
    expect(stdout).toContain('open: new, origin example.com/a');
    expect(stdout).toContain('(none of this was verified)');
  });
});

describe('fapilog-tamper policy init', () => {
  it('writes a policy that verify takes', async () => {
    const { code, stdout } = await runHere(['policy', 'init', `${samples}h02-ed25519.jsonl`], { cwd, env: {} });
    expect(code).toBe(0);
    writeFileSync(join(cwd, 'policy.yaml'), stdout);
    const verified = await runHere(['verify', `${samples}h02-ed25519.jsonl`, '--policy', 'policy.yaml'], {
      cwd,
      env: {},
    });
    expect(verified).toMatchObject({ code: 0 });
  });
});

describe('fapilog-tamper demo', () => {
  it("seals a file of the user's, and finds four tamperings of it", async () => {
    const own = Array.from({ length: 300 }, (_, at) => `line ${at}`).join('\n');
    writeFileSync(join(cwd, 'own.log'), own);
    const { code, stdout } = await runHere(['demo', 'own.log'], { cwd, env: {} });
    expect(code).toBe(0);
    expect(stdout.match(/TAMPERED {2}found: \w+ at .*entry \d+/g)).toHaveLength(4);
    expect(readFileSync(join(cwd, 'own.log'), 'utf8')).toBe(own);
  });

  it('takes a file with one line, longer than an entry, and finds all four', async () => {
    writeFileSync(join(cwd, 'one.log'), 'a'.repeat(1_200_000));
    const { code, stdout } = await runHere(['demo', 'one.log'], { cwd, env: {} });
    expect([code, stdout]).toEqual([0, expect.stringContaining('All 4 were found.')]);
  });

  it('of a file with one short line deletes that one, and counts in the singular', async () => {
    writeFileSync(join(cwd, 'short.log'), 'once\n');
    const { code, stdout } = await runHere(['demo', 'short.log'], { cwd, env: {} });
    expect([code, stdout]).toEqual([0, expect.stringContaining('OK, 1 record.')]);
    expect(stdout).toContain('entry 3 is missing\n');
    expect(stdout).toContain('All 4 were found.');
  });

  it('says of a binary that it is no text', async () => {
    writeFileSync(join(cwd, 'program'), Buffer.from(Array.from({ length: 3_000 }, (_, at) => at % 256)));
    const { code, stdout } = await runHere(['demo', 'program'], { cwd, env: {} });
    expect([code, stdout]).toEqual([0, expect.stringContaining('program were sealed (it is not a text file: ')]);
    expect(stdout).toContain('All 4 were found.');
  });

  it('takes a compressed file, shows the altered record before and after', async () => {
    writeFileSync(join(cwd, 'own.log.gz'), gzipSync(Array.from({ length: 300 }, (_, at) => `line ${at}`).join('\n')));
    const { code, stdout } = await runHere(['demo', 'own.log.gz'], { cwd, env: {} });
    expect(code).toBe(0);
    expect(stdout).toContain('300 records');
    const [, before = '', after = ''] = /before: (.*)\n +after: {2}(.*)\n/.exec(stdout) ?? [];
    expect(before).toMatch(/line \d+/);
    expect(after).toHaveLength(before.length);
    expect(after).not.toBe(before);
  });

  it.each([
    ['nowhere.log', 'NOT_FOUND', 2],
    ['.', 'USAGE', 64],
    ['empty.log', 'USAGE', 64],
    ['broken.gz', 'READ_FAILED', 2],
  ])('names the file %s that it cannot show anything with', async (file, error, expected) => {
    writeFileSync(join(cwd, 'empty.log'), '');
    writeFileSync(join(cwd, 'broken.gz'), 'not compressed');
    const { code, stderr } = await runHere(['demo', file], { cwd, env: {} });
    expect(code).toBe(expected);
    expect(stderr).toContain(error);
    expect(stderr).toContain(file);
    expect(stderr).not.toContain('standard input');
  });

  it.each(['HMAC-SHA256', 'Ed25519', 'ML-DSA-44', 'ML-DSA-65'])('prints no key file: %s', async (algorithm) => {
    await runHere(['keygen', '--out', 'audit.key', '--algorithm', algorithm], { cwd, env: {} });
    const secret = readFileSync(join(cwd, 'audit.key'), 'latin1').trim();
    const { code, stdout, stderr } = await runHere(['demo', 'audit.key'], { cwd, env: {} });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('audit.key holds a key');
    for (const line of secret.split('\n')) expect(stderr).not.toContain(line.slice(0, 20));
  });

  it('without a file it answers and logs real requests', async () => {
    const { code, stdout } = await runHere(['demo'], { cwd, env: {} });
    expect(code).toBe(0);
    expect(stdout).toContain('200 requests');
    expect(stdout).toContain('All 4 were found.');
  });
});

describe('fapilog-tamper recover', () => {
  it('ends a stream whose file was altered; the next start cites it', async () => {
    const seal = ['seal', '--quiet', '--out', 'a.jsonl', '--origin', origin];
    writeFileSync(join(cwd, 'a.jsonl'), log().split('\n').slice(0, 3).join('\n'));
    const refused = await runHere(seal, { cwd, env, input: 'more\n' });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('STATE_CONFLICT');
    expect(refused.stderr).toContain('recover');
    const recovered = await runHere(['recover', 'a.jsonl', '--origin', origin, '--reason', 'disk was restored'], {
      cwd,
      env,
    });
    expect(recovered.code).toBe(0);
    const next = /the stream (\S+) in (\S+)/.exec(recovered.stdout);
    expect(next?.[1]).toMatch(/^example\.com\/a\/\d{8}T\d{6}Z-[0-9a-f]{8}$/);
    expect(await runHere(seal, { cwd, env, input: 'more\n' })).toMatchObject({ code: 0 });
    const verify = ['verify', next?.[2] ?? '', '--origin', next?.[1] ?? ''];
    const alone = await runHere([...verify, '--format', 'json'], { cwd, env });
    expect(alone.code, 'the stream before it is not here').toBe(2);
    const report = JSON.parse(alone.stdout);
    expect(report.findings.map(({ code }: { code: string }) => code)).toContain('START_UNPROVEN');
    writeFileSync(join(cwd, 'accepted.note'), report.streams[0].checkpoint);
    expect(await runHere([...verify, '--since', 'accepted.note'], { cwd, env })).toMatchObject({ code: 0 });
    expect((await runHere(['inspect', next?.[2] ?? ''], { cwd, env })).stdout).toContain('open: conflict');
  });

  it('needs a reason', async () => {
    expect((await runHere(['recover', 'a.jsonl', '--origin', origin], { cwd, env })).code).toBe(64);
  });
});
