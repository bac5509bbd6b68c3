import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere } from '../support/command-line.ts';

let cwd = '';
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'keygen-'));
});
afterAll(() => {
  rmSync(cwd, { recursive: true });
});

describe('fapilog-tamper keygen', () => {
  it('makes a data key and does not print it', async () => {
    const { code, stdout, stderr } = await runHere(['keygen', '--out', 'audit.key'], { cwd });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe('key file:     audit.key\nuse it with:  --key-source file --key-file-path audit.key\n');
    expect(statSync(join(cwd, 'audit.key')).mode & 0o777).toBe(0o600);
    expect(stdout).not.toContain(readFileSync(join(cwd, 'audit.key'), 'utf8').slice(0, 8));
  });

  it('refuses to overwrite it', async () => {
    const { code, stdout, stderr } = await runHere(['keygen', '--out', 'audit.key'], { cwd });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      'fapilog-tamper: WRITE_FAILED: audit.key already exists, and keys are never overwritten\n  hint: Something else has that name already: choose another one.\n',
    );
  });

  it('makes a signing key and prints its verifier key for a stream', async () => {
    const argv = [
      'keygen',
      '--algorithm',
      'Ed25519',
      '--out',
      'sign.pem',
      '--origin',
      'example.com/a',
      '--format',
      'json',
    ];
    const { code, stdout, stderr } = await runHere(argv, { cwd });
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({
      algorithm: 'Ed25519',
      path: 'sign.pem',
      publicPath: 'sign.pem.pub',
      identity: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      vkey: expect.stringMatching(/^example\.com\/a\+[0-9a-f]{8}\+A[A-Za-z0-9+/]{43}$/),
    });
    expect(readFileSync(join(cwd, 'sign.pem.pub'), 'utf8')).toMatch(/^-----BEGIN PUBLIC KEY-----/);
  });

  it.each([
    ['no file', ['keygen'], '--out FILE is missing'],
    ['standard output', ['keygen', '--out', '-'], 'a private key never goes to standard output'],
    ['an argument', ['keygen', 'x', '--out', 'y'], 'keygen takes only flags, no other arguments'],
    ['another algorithm', ['keygen', '--out', 'y', '--algorithm', 'RSA'], '--algorithm is HMAC-SHA256 or Ed25519'],
    [
      'an origin for a data key',
      ['keygen', '--out', 'y', '--origin', 'a'],
      '--origin needs the algorithm of a signing key',
    ],
    ['an origin that is none', ['keygen', '--out', 'y', '--origin', 'a b', '--algorithm', 'Ed25519'], 'ORIGIN_INVALID'],
    ['another format', ['keygen', '--out', 'y', '--format', 'xml'], '--format is text or json'],
  ])('refuses %s and makes nothing', async (_, argv, message) => {
    const { code, stdout, stderr } = await runHere(argv, { cwd });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(message);
    expect(() => statSync(join(cwd, 'y'))).toThrow('ENOENT');
  });
});
