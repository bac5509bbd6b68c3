import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../support/command-line.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { ed25519Key, vkeyOf } from '../support/signing-keys.ts';

// verify --html

const key = ed25519Key('report-cli');
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'report-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (...names: string[]): string => join(folder, ...names);

/** A log on the disk, with its public key. @returns the lines of it */
function writeLog(spoil: (log: SealedLog) => void = () => undefined): SealedLog {
  const log = new SealedLog()
    .open({ signers: [key] })
    .seal()
    .checkpoint();
  log.record('{"user":"confidential-7","n":1}', '{"n":2}').close().checkpoint();
  spoil(log);
  mkdirSync(at('logs'), { recursive: true });
  for (const { name, bytes } of log.toFiles()) writeFileSync(at('logs', name), bytes);
  writeFileSync(at('signer.pub'), `${vkeyOf(log.origin, key)}\n`);
  return log;
}

function change(log: SealedLog): void {
  const line = log.lines.find(({ bytes }) => bytes.includes('"n":1'));
  if (line !== undefined) line.bytes = Buffer.from(line.bytes.toString('utf8').replace('"n":1', '"n":9'));
}

async function verify(report: string, ...more: string[]): Promise<CommandResult> {
  const paths = more.some((one) => !one.startsWith('-') && one.startsWith(folder)) ? [] : [at('logs', 'log.jsonl')];
  const flags = ['--origin', 'audit.example.com/vectors/a', '--public-key', at('signer.pub')];
  return runCommand(['verify', ...paths, ...more, ...flags, '--html', report]);
}

describe('verify --html', () => {
  it('writes one file that says what was given and what was found, and prints the verdict all the same', async () => {
    writeLog();
    const { code, stdout, stderr } = await verify(at('report.html'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^OK /);
    const html = readFileSync(at('report.html'), 'utf8');
    expect(html).toContain('all its 5 entries were checked');
    expect(html).toContain(`--public-key ${at('signer.pub')}`);
    expect(html).toContain('fapilog-tamper 0.0.0');
    expect(readdirSync(folder).sort()).toEqual(['logs', 'report.html', 'signer.pub']);
  });

  it.each([
    ['tampered', 1, change],
    ['undecided', 2, (log: SealedLog) => log.lines.splice(-2)],
  ] as const)('is written on the verdict %s', async (verdict, code, spoil) => {
    writeLog(spoil);
    expect((await verify(at('report.html'))).code).toBe(code);
    expect(readFileSync(at('report.html'), 'utf8')).toContain(`<title>${verdict.toUpperCase()}: `);
  });

  it('shows the lines of findings, unless they are to be left out; nothing else ever prints them', async () => {
    writeLog(change);
    const json = await verify(at('report.html'), '--format', 'json');
    expect(readFileSync(at('report.html'), 'utf8')).toContain('confidential-7');
    expect(json.stdout).not.toContain('confidential-7');
    expect((await verify(at('report.html'), '--without-lines')).stdout).not.toContain('confidential-7');
    const bare = readFileSync(at('report.html'), 'utf8');
    expect(bare).not.toContain('confidential-7');
    expect(bare).toContain('left out of this report on purpose');
    expect((await runCommand(['verify', at('logs'), '--origin', 'a.example/x', '--without-lines'])).code).toBe(64);
  });

  it('replaces an earlier report', async () => {
    writeLog();
    await verify(at('report.html'));
    writeLog(change);
    expect((await verify(at('report.html'))).code).toBe(1);
    expect(readFileSync(at('report.html'), 'utf8')).toContain('<title>TAMPERED');
  });
});

describe('the text', () => {
  it('says who could have forged the log', async () => {
    writeLog();
    const { stdout } = await verify(at('report.html'));
    expect(stdout).toContain('\n  could have been forged by anyone who may sign with the signing key\n');
  });

  it('says the range and the time of a change that no single line shows', async () => {
    writeLog((log) => {
      const line = log.lines.find(({ bytes }) => bytes.includes('"n":1'));
      if (line === undefined) return;
      const leaf = Buffer.from(line.bytes.toString('utf8').slice(0, -46).replace('"n":1', '"n":9'));
      const checksum = createHash('sha256').update(Buffer.of(0)).update(leaf).digest('base64url');
      line.bytes = Buffer.from(`${leaf.toString('utf8')}${checksum}"}}`);
    });
    const { code, stdout } = await verify(at('report.html'));
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /ROOT_MISMATCH: .*\n +at .*log\.jsonl:7, seq 5, byte \d+, within seq 3-5, sealed after \S+ and by \S+\n/,
    );
  });
});

describe('a report never takes the place of anything else', () => {
  const refused = async (report: string, ...more: string[]): Promise<void> => {
    const before = readFileSync(at('logs', 'log.jsonl'));
    const { code, stdout, stderr } = await verify(report, ...more);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain('USAGE');
    expect(readFileSync(at('logs', 'log.jsonl')).equals(before)).toBe(true);
  };

  it('the file that is verified, by whatever name', async () => {
    writeLog();
    await refused(at('logs', 'log.jsonl'));
    await refused(at('logs', '..', 'logs', 'log.jsonl'));
    linkSync(at('logs', 'log.jsonl'), at('hard-link.html'));
    await refused(at('hard-link.html'));
    symlinkSync(at('logs', 'log.jsonl'), at('symbolic-link.html'));
    await refused(at('symbolic-link.html'));
    symlinkSync(at('logs'), at('other-logs'));
    await refused(at('other-logs', 'log.jsonl'));
  });

  it('a file that begins as a report does, and is verified', async () => {
    writeLog();
    await verify(at('report.html'));
    const crafted = readFileSync(at('report.html'), 'utf8');
    writeFileSync(at('crafted.jsonl'), crafted);
    await refused(at('crafted.jsonl'), at('crafted.jsonl'));
    expect(readFileSync(at('crafted.jsonl'), 'utf8')).toBe(crafted);
  });

  it('any place in a folder that is verified', async () => {
    writeLog();
    await refused(at('logs', 'new.html'), at('logs'));
    expect(existsSync(at('logs', 'new.html'))).toBe(false);
  });

  it('a key, a policy, a folder, or any other file', async () => {
    writeLog();
    await refused(at('signer.pub'));
    await refused(at('logs'), at('signer.pub'));
    writeFileSync(at('empty'), '');
    await refused(at('empty'));
    await refused(at('no-such-folder', 'report.html'));
  });
});

describe('a report that cannot be written', () => {
  // the name of the file beside it would be too long for the disk, which nobody's rights change
  const tooLong = `${'r'.repeat(250)}.html`;

  it('is an error after the verdict, and never ok', async () => {
    writeLog();
    const { code, stdout, stderr } = await verify(at(tooLong));
    expect(code).toBe(2);
    expect(stdout).toMatch(/^OK /);
    expect(stderr).toContain('WRITE_FAILED');
  });

  it('leaves the verdict tampered', async () => {
    writeLog(change);
    const { code, stdout, stderr } = await verify(at(tooLong));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^TAMPERED /);
    expect(stderr).toContain('WRITE_FAILED');
  });
});
