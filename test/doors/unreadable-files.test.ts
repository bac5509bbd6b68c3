import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSealer } from '../../src/index.ts';
import { MemoryProvider } from '../../src/testing/index.ts';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';

/**
 * What cannot be read in a directory beside a log is a finding that names it: everything else is verified, and tampering is told as
 * if it were not there.
 */

const ORIGIN = 'doors.example.com/unreadable';
const place = mkdtempSync(join(tmpdir(), 'unreadable-'));
let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
  const provider = new MemoryProvider({ keyIds: ['sign'] });
  const sealer = createSealer({
    file: join(place, 'honest', 'audit.jsonl'),
    stateDir: join(place, 'state'),
    origin: ORIGIN,
    keySource: 'custom',
    keyProviderModule: 'memory',
    keyId: 'sign',
    useKmsSigning: true,
    rotateMaxBytes: 2_000,
    keyProvider: provider,
  });
  for (let at = 0; at < 40; at++) sealer.write(`{"n":${at}}`);
  await sealer.close();
  const { spki = Buffer.alloc(0) } = await provider.getSigningKey('sign');
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  writeFileSync(join(place, 'key.pem'), key.export({ format: 'pem', type: 'spki' }));
  await provider.close();
});
afterAll(() => {
  built.remove();
  rmSync(place, { recursive: true });
});

/** What `verify` says of a directory to a user whom permissions bind, as they bind everybody but root. */
function verifyAsUser(directory: string): { code: number | null; text: string } {
  return runAsUser(['verify', directory, ...NAMED]);
}

const NAMED = ['--origin', ORIGIN, '--public-key', join(place, 'key.pem')];

function runAsUser(args: readonly string[]): { code: number | null; text: string } {
  const argv = [process.execPath, join(built.directory, 'dist/cli/main.js'), ...args];
  const asUser = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : [];
  const [program = '', ...rest] = [...asUser, ...argv];
  const env = { PATH: process.env['PATH'], FAPILOG_TAMPER_ENGINE: 'typescript' };
  const { status, stdout, stderr } = spawnSync(program, rest, { encoding: 'utf8', env });
  return { code: status, text: `${stdout}${stderr}` };
}

/** What is put beside the log, by its name. */
const strays: Readonly<Record<string, (directory: string) => void>> = {
  'a-stray.jsonl': (directory) => lock(join(directory, 'a-stray.jsonl'), 'x'),
  'zz.log': (directory) => lock(join(directory, 'zz.log'), 'x'),
  'audit.20990101T000000Z-0001.jsonl': (directory) => lock(join(directory, 'audit.20990101T000000Z-0001.jsonl'), 'x'),
  'a-folder': (directory) => {
    mkdirSync(join(directory, 'a-folder'));
    chmodSync(join(directory, 'a-folder'), 0o000);
  },
  'a-list': (directory) => {
    mkdirSync(join(directory, 'a-list'));
    writeFileSync(join(directory, 'a-list', 'audit.jsonl'), 'x');
    chmodSync(join(directory, 'a-list'), 0o444);
  },
  'audit.jsonl.manifest.json': (directory) => lock(join(directory, 'audit.jsonl.manifest.json'), '{}'),
};

function lock(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o000);
}

function copyOf(name: string): string {
  const directory = mkdtempSync(join(place, `${name}-`));
  cpSync(join(place, 'honest'), directory, { recursive: true });
  return directory;
}

function alterRecord(directory: string): void {
  const [first = ''] = readdirSync(directory).filter((name) => /^audit\.\d.*\.jsonl$/.test(name));
  const file = join(directory, first);
  writeFileSync(file, readFileSync(file, 'utf8').replace('{"n":1', '{"n":7'));
}

it('a log of several files is ok, and tampered with one record altered', () => {
  const altered = copyOf('altered');
  alterRecord(altered);
  expect(verifyAsUser(join(place, 'honest')).code).toBe(0);
  expect(verifyAsUser(altered).code).toBe(1);
});

it.each(['.audit.jsonl.erase-old', '.renamed.jsonl.erase-old'])('%s, which cannot be read, is told of', (name) => {
  const directory = copyOf('left');
  lock(join(directory, name), 'x');
  const { code, text } = verifyAsUser(directory);
  expect(text).toContain(`${name} is still there`);
  expect(code).toBe(2);
});

it('what an erasure left beside files is told of where their folder may not be listed', () => {
  const directory = copyOf('unlisted');
  const files = readdirSync(directory).filter((name) => name.endsWith('.jsonl'));
  const named = files.map((name) => join(directory, name));
  chmodSync(directory, 0o300);
  const before = runAsUser(['verify', ...named, ...NAMED]);
  chmodSync(directory, 0o700);
  writeFileSync(join(directory, `.${files[0]}.erase-old`), 'x');
  chmodSync(directory, 0o300);
  const { code, text } = runAsUser(['verify', ...named, ...NAMED]);
  chmodSync(directory, 0o700);
  expect(before).toMatchObject({ code: 0 });
  expect(text).toContain(`.${files[0]}.erase-old is still there`);
  expect(code).toBe(2);
});

describe.each(Object.entries(strays))('%s, which cannot be read,', (name, put) => {
  it('is named, leaves a good log undecided and nothing of it unverified', () => {
    const directory = copyOf('good');
    put(directory);
    const { code, text } = verifyAsUser(directory);
    expect(text).toContain(name);
    expect(text).toMatch(/UNREADABLE/);
    expect(code).toBe(2);
    expect(text).not.toMatch(/NOT_VERIFIED|INTERNAL|TAMPERED/);
    chmodSync(join(directory, name), 0o700);
  });

  it('does not hide an altered record', () => {
    const directory = copyOf('bad');
    alterRecord(directory);
    put(directory);
    const { code, text } = verifyAsUser(directory);
    expect(text).toContain(name);
    expect(text).toContain('TAMPERED');
    expect(code).toBe(1);
    chmodSync(join(directory, name), 0o700);
  });
});

it('a file of the log that cannot be read leaves it undecided', () => {
  const directory = copyOf('middle');
  const names = readdirSync(directory).filter((name) => /^audit\.\d.*\.jsonl$/.test(name));
  const middle = names[1] ?? expect.fail('too few files');
  chmodSync(join(directory, middle), 0o000);
  const { code, text } = verifyAsUser(directory);
  expect(text).toContain(middle);
  expect(code).toBe(2);
});

describe('a name that was given and leads to nothing', () => {
  const absent = join(place, 'absent.jsonl');
  let altered: string;
  beforeAll(() => {
    altered = copyOf('altered');
    alterRecord(altered);
  });

  it.each([
    ['a good log', false, 2],
    ['an altered log', true, 1],
  ])('hides nothing of %s', (_, isAltered, expected) => {
    const directory = isAltered ? altered : join(place, 'honest');
    for (const paths of [
      [directory, absent],
      [absent, directory],
      [absent, ...readdirSync(directory).map((name) => join(directory, name))],
    ]) {
      const { code, text } = runAsUser(['verify', ...paths, ...NAMED]);
      expect(text).toMatch(/UNREADABLE: .*absent\.jsonl/);
      expect(text.includes('TAMPERED')).toBe(isAltered);
      expect(text).toMatch(/entries 1 to \d+, 40 records/);
      expect(code).toBe(expected);
    }
  });

  it('ends a verification if there is nothing else', () => {
    const { code, text } = runAsUser(['verify', absent, `${absent}.2`, ...NAMED]);
    expect(text).toMatch(/NOT_FOUND: there is no file or directory .*absent\.jsonl/);
    expect(code).toBe(2);
  });

  it.each(['inspect', 'cat'])('%s shows the others, and names it', (command) => {
    const honest = join(place, 'honest');
    const { code, text } = runAsUser([command, honest, absent]);
    const without = runAsUser([command, honest]);
    expect(text).toContain(command === 'cat' ? '{"n":39}' : '40 records');
    expect(text).toMatch(/absent\.jsonl: this file cannot be read/);
    expect([code, without.code]).toEqual([2, 0]);
  });

  it('is one of the places of an audit, and hides nothing of the others', () => {
    const memory = ['--memory', join(place, 'memory')];
    const { code, text } = runAsUser(['audit', absent, altered, ...memory, '--run', join(place, 'run'), ...NAMED]);
    expect(text).toMatch(/UNREADABLE: there is no file or directory .*absent\.jsonl/);
    expect(text).toMatch(/^TAMPERED +doors\.example\.com\/unreadable/m);
    expect(code).toBe(1);
    expect(runAsUser(['audit', absent, ...memory, '--run', join(place, 'run-2'), ...NAMED])).toMatchObject({
      code: 2,
      text: expect.stringContaining('NOT_FOUND'),
    });
  });
});
