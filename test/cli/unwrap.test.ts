import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import schema from '../../spec/report.schema.json' with { type: 'json' };
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { wrapFile } from '../support/carriers.ts';
import { type CommandResult, runHere } from '../support/command-line.ts';

/** What a program seals to standard output, as Docker keeps it. */

const origin = 'example.com/pay';
const env = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
const input = `{"user":"ada"}\nplain text\n${'long '.repeat(8_000)}\n`;
let built: BuiltPackage;
let sealed: Buffer;

beforeAll(async () => {
  built = await buildPackage();
  const state = mkdtempSync(join(tmpdir(), 'unwrap-'));
  const args = ['seal', '--quiet', '--out', '-', '--origin', origin, '--state-dir', state];
  const { code, stdout, stderr } = await built.run(args, { env, input });
  rmSync(state, { recursive: true });
  expect([code, stderr]).toEqual([0, '']);
  sealed = Buffer.from(stdout);
});
afterAll(() => built.remove());

/** A folder with Docker's file of these sealed lines. */
function dockerFile(bytes: Buffer = sealed): string {
  const directory = mkdtempSync(join(tmpdir(), 'unwrap-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'container-json.log');
  writeFileSync(path, wrapFile('docker', bytes).bytes);
  return path;
}

const verify = (path: string, ...more: string[]): Promise<CommandResult> =>
  runHere(['verify', path, '--origin', origin, ...more], { env });

describe('verify --unwrap docker', () => {
  it('says ok, and how many lines were left out', async () => {
    const { code, stdout } = await verify(dockerFile(), '--unwrap', 'docker');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^OK {2}example\.com\/pay\n/)]);
    expect(stdout).toMatch(/^left out \d+ lines? of docker that (is|are) not standard output$/m);
  });

  it('says tampered, and the line of the file that Docker wrote', async () => {
    const changed = Buffer.from(sealed.toString('latin1').replace('"line":"plain', '"line":"plane'), 'latin1');
    const path = dockerFile(changed);
    const { lines } = wrapFile('docker', changed);
    const number = changed.subarray(0, changed.indexOf('plane')).toString('latin1').split('\n').length;
    const { code, stdout } = await verify(path, '--unwrap', 'docker');
    expect([code, stdout]).toEqual([1, expect.stringContaining(`${path}:${lines.get(number)}`)]);
    expect(stdout).toContain('AUTH_WRONG');
  });

  it('is undecided without the flag, and with that of another carrier', async () => {
    const path = dockerFile();
    expect((await verify(path)).code).toBe(2);
    const { code, stdout } = await verify(path, '--unwrap', 'cri');
    expect([code, stdout]).toEqual([2, expect.stringContaining('in the form that the carrier (unwrap) writes')]);
  });

  it('gives a report of the published schema', async () => {
    const { stdout } = await verify(dockerFile(), '--unwrap', 'docker', '--format', 'json');
    const report: unknown = JSON.parse(stdout);
    expect(report).toMatchObject({ verdict: 'ok', unwrapped: { carrier: 'docker' } });
    const validate = new Ajv2020().compile(schema);
    expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each(['podman', 'field:', ''])('refuses the carrier %j', async (carrier) => {
    const { code, stderr } = await verify(dockerFile(), '--unwrap', carrier);
    expect([code, stderr]).toEqual([64, expect.stringContaining('docker, cri, loki or field:NAME')]);
  });

  it('refuses a manifest', async () => {
    const path = dockerFile();
    const { code, stderr } = await verify(path, '--unwrap', 'docker', '--manifest', `${path}.manifest.json`);
    expect([code, stderr]).toEqual([64, expect.stringContaining('USAGE')]);
  });
});

describe('cat and inspect --unwrap docker', () => {
  it("give the application's lines back", async () => {
    const path = dockerFile();
    const plain = await runHere(['cat', path, '--unwrap', 'docker']);
    expect(plain).toEqual({ code: 0, stdout: input, stderr: '' });
    const verified = await runHere(['cat', '--verified', path, '--origin', origin, '--unwrap', 'docker'], { env });
    expect(verified).toEqual({ code: 0, stdout: input, stderr: '' });
  });

  it('show what is in the file', async () => {
    const own = await runHere(['inspect', '-'], { input: sealed });
    const { code, stdout } = await runHere(['inspect', dockerFile(), '--unwrap', 'docker']);
    expect([code, stdout.split('\n')[0]]).toEqual([0, own.stdout.split('\n')[0]]);
  });
});
