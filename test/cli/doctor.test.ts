import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';

let built: BuiltPackage;
let cwd = '';
const key = randomBytes(32).toString('base64');
beforeAll(async () => {
  built = await buildPackage();
  cwd = mkdtempSync(join(tmpdir(), 'doctor-'));
  writeFileSync(
    join(cwd, 'tamper.yaml'),
    '# ours\nfile: audit.jsonl\nsigning_key_id: sign\ncheckpoint_max_records: 100\n',
  );
});
afterAll(() => {
  built.remove();
  rmSync(cwd, { recursive: true });
});

describe('fapilog-tamper doctor', () => {
  it('shows options, where they came from, and that the keys work', async () => {
    const env = {
      FAPILOG_TAMPER_CONFIG: 'tamper.yaml',
      FAPILOG_TAMPER_KEY: key,
      FAPILOG_TAMPER_SIGNING_KEY: randomBytes(32).toString('hex'),
      FAPILOG_TAMPER_STATE_DIR: 'state',
    };
    const { code, stdout, stderr } = await built.run(
      ['doctor', '--verbose', '--heartbeat-seconds', '60', '--no-fsync-on-rotate'],
      { cwd, env },
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^file +audit\.jsonl +file tamper\.yaml:2$/m);
    expect(stdout).toMatch(/^checkpoint_max_records +100 +file tamper\.yaml:4$/m);
    expect(stdout).toMatch(/^state_dir +state +environment variable FAPILOG_TAMPER_STATE_DIR$/m);
    expect(stdout).toMatch(/^heartbeat_seconds +60 +flag --heartbeat-seconds$/m);
    expect(stdout).toMatch(/^fsync_on_rotate +false +flag --fsync-on-rotate$/m);
    expect(stdout).toMatch(/^max_line_bytes +1048576 +default$/m);
    expect(stdout).toMatch(/^mode: both$/m);
    expect(stdout).toMatch(/^engine: typescript \(.+\)$/m);
    expect(stdout).toMatch(/^ok +data key: env gave a data key of default \(\d+ ms\)$/m);
    expect(stdout).toMatch(/^ok +signing key: env signs with ed25519, key sha256:[0-9a-f]{64} \(\d+ ms\)$/m);
    expect(stdout).toMatch(/^ok +sign and verify: a signature verifies/m);
    for (const secret of [env.FAPILOG_TAMPER_KEY, env.FAPILOG_TAMPER_SIGNING_KEY]) expect(stdout).not.toContain(secret);
  });

  it('exits with 1 if a key does not work, and says why', async () => {
    const { code, stdout, stderr } = await built.run(['doctor', '--format', 'json'], {
      cwd,
      env: { FAPILOG_TAMPER_KEY: 'canary' },
    });
    expect([code, stderr]).toEqual([1, '']);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ mode: 'data-key', engine: { name: 'typescript' }, warnings: [] });
    expect(report.options).toContainEqual({ option: 'key_source', value: 'env', from: 'default' });
    expect(report.checks).toEqual([
      { name: 'state_dir', outcome: 'ok', detail: expect.any(String) },
      { name: 'keys', outcome: 'warning', code: 'KEY_WARNING', detail: expect.any(String), hint: expect.any(String) },
      {
        name: 'data key',
        outcome: 'failed',
        code: 'KEY_MALFORMED',
        detail: expect.stringMatching(/^KEY_MALFORMED: environment variable FAPILOG_TAMPER_KEY /),
        hint: expect.any(String),
      },
    ]);
    expect(stdout).not.toContain('canary');
  });

  it('reads the note key, and signs with it', async () => {
    const env = {
      FAPILOG_TAMPER_KEY: key,
      FAPILOG_TAMPER_SIGNING_KEY: randomBytes(32).toString('hex'),
      FAPILOG_TAMPER_SIGNING_KEY_ID: 'sign',
      FAPILOG_TAMPER_STATE_DIR: 'state',
    };
    const argv = ['doctor', '--note-key-file-path', 'note.key'];
    const missing = await built.run(argv, { cwd, env });
    expect(missing.code).toBe(1);
    expect(missing.stdout).toMatch(/^failed +note key: KEY_NOT_FOUND: /m);
    await built.run(['keygen', '--algorithm', 'Ed25519', '--out', 'note.key'], { cwd });
    const found = await built.run(argv, { cwd, env });
    expect(found.code).toBe(0);
    expect(found.stdout).toMatch(/^ok +note key: file signs with ed25519, key sha256:[0-9a-f]{64} \(\d+ ms\)$/m);
    expect(found.stdout).toMatch(/^ok +note key: sign and verify: a signature verifies/m);
  });

  it('ends with a summary, and what to do first', async () => {
    const { code, stdout } = await built.run(['doctor'], { cwd });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /\n\nNot ready: 1 failed, 1 warning, 1 ok\.\nFirst: data key: Set it to 32 random bytes as base64, .*\n$/,
    );
    expect(stdout).not.toContain('max_line_bytes');
    expect(stdout).not.toContain('engine:');
    const well = await built.run(['doctor'], { cwd, env: { FAPILOG_TAMPER_KEY: key } });
    expect([well.code, well.stdout.split('\n').at(-2)]).toEqual([0, 'Ready: 1 warning, 2 ok.']);
  });

  it('says that an SDK is missing', async () => {
    const { code, stdout } = await built.run(
      ['doctor', '--key-source', 'aws-kms', '--key-id', 'alias/a', '--aws-region', 'eu-west-1'],
      { cwd },
    );
    expect(code).toBe(1);
    expect(stdout).toContain('Install it with: npm install @aws-sdk/client-kms');
  });

  it('redacts a literal token and warns of it', async () => {
    const env = { FAPILOG_TAMPER_VAULT_TOKEN: 'hvs.canary', FAPILOG_TAMPER_KEY: key };
    const { code, stdout, stderr } = await built.run(['doctor', '--verbose'], { cwd, env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^vault_token +\[redacted\] +environment variable FAPILOG_TAMPER_VAULT_TOKEN$/m);
    expect(stdout).toContain(
      'warning  vault_token (environment variable FAPILOG_TAMPER_VAULT_TOKEN) is a literal credential',
    );
    expect(stdout + stderr).not.toContain('canary');
  });

  it.each([
    ['a misspelt variable', [], { FAPILOG_TAMPER_KEYID: 'x' }, 'Did you mean FAPILOG_TAMPER_KEY_ID?'],
    [
      'a file that is not there',
      ['--config', 'none.yaml'],
      {},
      'CONFIG_UNREADABLE: cannot read the configuration file none.yaml',
    ],
    ['an argument', ['x'], {}, 'doctor takes only flags, no other arguments'],
  ])('refuses %s', async (_, argv, env, message) => {
    const { code, stdout, stderr } = await built.run(['doctor', ...argv], { cwd, env });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(message);
  });

  it.each([
    ['a directory', 'a', 1, /^failed +anchors: a cannot be written: it is not a regular file$/m],
    ['below a file', 'f/a', 0, /^warning +anchors: f\/a cannot be written: \S+ is not a directory$/m],
  ])('says of an anchor that is %s what a start does', async (_, anchor, expected, says) => {
    const own = mkdtempSync(join(cwd, 'anchors-'));
    mkdirSync(join(own, 'a'));
    writeFileSync(join(own, 'f'), '');
    const flags = ['--file', 'l.jsonl', '--state-dir', 'state', '--origin', 'example.com/a', '--anchors', anchor];
    const env = { FAPILOG_TAMPER_KEY: key };
    const { code, stdout } = await built.run(['doctor', ...flags], { cwd: own, env });
    expect(stdout).toMatch(says);
    expect(code).toBe(expected);
    const seal = await built.run(['seal', '--quiet', ...flags.slice(2), '--out', 'l.jsonl'], {
      cwd: own,
      env,
      input: 'x\n',
    });
    expect(seal.code === 0).toBe(expected === 0);
  });

  describe('of a log that was begun', () => {
    const log = ['--state-dir', 'state', '--origin', 'example.com/a', '--rotate-chain', '--rotate-max-bytes', '4096'];
    const env = { FAPILOG_TAMPER_KEY: key };
    let own = '';
    beforeEach(() => {
      own = mkdtempSync(join(cwd, 'log-'));
    });
    const look = () => built.run(['doctor', '--file', 'a.jsonl', ...log], { cwd: own, env });

    it('names the writer that runs, which is not an error', async () => {
      const writer = spawn(
        process.execPath,
        [join(built.directory, 'dist/cli/main.js'), 'seal', '--quiet', '--out', 'a.jsonl', ...log],
        {
          cwd: own,
          env: { ...process.env, ...env },
          stdio: ['pipe', 'ignore', 'ignore'],
        },
      );
      writer.stdin.write('a line\n');
      await expect
        .poll(() => existsSync(join(own, 'a.jsonl')) && statSync(join(own, 'a.jsonl')).size)
        .toBeGreaterThan(0);
      const { code, stdout } = await look();
      const ended = once(writer, 'exit');
      writer.stdin.end();
      await ended;
      expect(stdout).toMatch(new RegExp(`^ok +lock: process ${writer.pid} on \\S+ is writing this stream now`, 'm'));
      expect(code).toBe(0);
      expect((await look()).stdout).not.toContain('is writing');
    });

    it.skipIf(process.platform === 'win32')('says that a link in the place of the state leads to nothing', async () => {
      symlinkSync(join(own, 'absent', 'place'), join(own, 'state'));
      const { code, stdout } = await look();
      expect(stdout).toMatch(/^failed +state_dir: .*state is a link that leads to nothing$/m);
      expect(code).toBe(1);
    });

    it('says of a chain without its state and its newest file what a start says', async () => {
      const input = `${'x'.repeat(100)}\n`.repeat(100);
      await built.run(['seal', '--quiet', '--out', 'a.jsonl', ...log], { cwd: own, env, input });
      expect((await look()).code).toBe(0);
      rmSync(join(own, 'state'), { recursive: true });
      rmSync(join(own, 'a.jsonl'));
      const { code, stdout } = await look();
      expect(stdout).toMatch(/^failed +stream: the stream continues as \S+, but there is no state for that stream$/m);
      expect(code).toBe(1);
      const start = await built.run(['seal', '--quiet', '--out', 'a.jsonl', ...log], { cwd: own, env, input });
      expect([start.code, start.stderr]).toEqual([2, expect.stringMatching(/STATE_CONFLICT: the stream continues as/)]);
    });
  });
});
