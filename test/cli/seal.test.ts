import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { runHere } from '../support/command-line.ts';

let built: BuiltPackage;
let cwd = '';
const env = { FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
const origin = 'example.com/a';
const out = ['--out', 'a.jsonl', '--origin', origin];
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built.remove());
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'seal-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

/** The lines that an application wrote, and the kinds of ours. */
function linesOf(text: string): { records: string[]; kinds: string[] } {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  const records = lines.filter(({ integrity }) => integrity.kind === undefined);
  return {
    records: records.map(({ integrity, ...rest }) => (integrity.as === undefined ? JSON.stringify(rest) : rest.line)),
    kinds: lines.flatMap(({ integrity }) => (integrity.kind === undefined ? [] : [integrity.kind])),
  };
}

/** Where the end of a process, its signals and its pipes are not what a test is about. */
const here: typeof runHere = (argv, options) => runHere(argv, { cwd, ...options });

function spoilState(directory: string): void {
  for (const name of readdirSync(directory)) writeFileSync(join(directory, name), 'not a state\n');
}

describe('fapilog-tamper seal', () => {
  it('seals standard input into a file, closes and signs it', async () => {
    const input = '{"level":30,"msg":"paid"}\nplain text\r\n\nno line end';
    const { code, stdout, stderr } = await built.run(['seal', ...out], { cwd, env, input });
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(
      /^fapilog-tamper: warning: KEY_WARNING: keys are taken from the environment \(FAPILOG_TAMPER_KEY\).*\nfapilog-tamper: sealed 4 lines of example\.com\/a in .*a\.jsonl\n$/,
    );
    const { records, kinds } = linesOf(readFileSync(join(cwd, 'a.jsonl'), 'utf8'));
    expect(records).toEqual(['{"level":30,"msg":"paid"}', 'plain text', '', 'no line end']);
    expect(kinds.at(0)).toBe('open');
    expect(kinds.at(-1)).toBe('checkpoint');
    expect(kinds.filter((kind) => kind !== 'checkpoint').at(-1)).toBe('close');
  });

  it('goes on where the last run ended', async () => {
    await here(['seal', ...out], { env, input: 'one\n' });
    const { code } = await here(['seal', '--quiet', ...out], { env, input: 'two\n' });
    expect(code).toBe(0);
    const { records, kinds } = linesOf(readFileSync(join(cwd, 'a.jsonl'), 'utf8'));
    expect(records).toEqual(['one', 'two']);
    expect(kinds.filter((kind) => kind === 'open')).toHaveLength(2);
  });

  it('does not begin anew when only the log was deleted, says how to, and then does', async () => {
    await here(['seal', '--quiet', ...out], { env, input: 'one\n' });
    rmSync(join(cwd, 'a.jsonl'));
    const { code, stderr } = await here(['seal', '--quiet', ...out], { env, input: 'two\n' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/STATE_CONFLICT: .*a\.jsonl is gone/);
    expect(stderr).toContain(
      'To start afresh in development, delete the state too: docs/when-things-fail.md#the-state',
    );
    rmSync(join(cwd, '.fapilog-chainstate'), { recursive: true });
    expect(await here(['seal', '--quiet', ...out], { env, input: 'three\n' })).toMatchObject({ code: 0, stderr: '' });
    expect(linesOf(readFileSync(join(cwd, 'a.jsonl'), 'utf8')).records).toEqual(['three']);
  });

  it('goes on in a new file at SIGHUP where logrotate has renamed this one, and lives on where not', async () => {
    const program = join(built.directory, 'dist/cli/main.js');
    const child = spawn(process.execPath, [program, 'seal', '--quiet', ...out], {
      cwd,
      env: { ...process.env, ...env },
    });
    const said = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    const written = (text: string): Promise<void> => expect.poll(said).toContain(text);
    const log = join(cwd, 'a.jsonl');
    child.stdin.write('one\n');
    await written('one');
    child.kill('SIGHUP');
    child.stdin.write('two\n');
    await written('two');
    renameSync(log, `${log}.1`);
    child.kill('SIGHUP');
    await expect.poll(() => existsSync(log)).toBe(true);
    child.stdin.write('three\n');
    await written('three');
    child.stdin.end();
    expect((await once(child, 'close'))[0]).toBe(0);
    expect(linesOf(readFileSync(`${log}.1`, 'utf8')).records).toEqual(['one', 'two']);
    expect(linesOf(readFileSync(log, 'utf8')).records).toEqual(['three']);
    const { code } = await here(['verify', '--origin', origin, log, `${log}.1`], { env });
    expect(code).toBe(0);
  });

  it('ends in order whatever SIGHUP comes while it does', async () => {
    const program = join(built.directory, 'dist/cli/main.js');
    const child = spawn(process.execPath, [program, 'seal', '--quiet', ...out], {
      cwd,
      env: { ...process.env, ...env },
    });
    const log = join(cwd, 'a.jsonl');
    await expect.poll(() => existsSync(log), { timeout: 20_000 }).toBe(true); // before that Node.js itself may be loading
    const hangingUp = setInterval(() => child.kill('SIGHUP'), 2);
    child.stdin.end('{"n":1}\n'.repeat(3000));
    await once(child, 'close'); // Node.js itself may be ended by one in its last moment, when all is done
    clearInterval(hangingUp);
    expect(linesOf(readFileSync(log, 'utf8')).records).toHaveLength(3000);
    expect((await here(['verify', '--origin', origin, 'a.jsonl'], { env })).code).toBe(0);
  });

  it('closes files by size however fast lines come: 20,000 lines and 100,000 bytes', async () => {
    const lines = Array.from({ length: 20_000 }, (_, n) => `{"n":${n},"pad":"${'x'.repeat(240)}"}`);
    const flags = ['--rotate-max-bytes', '100000'];
    const { code } = await built.run(['seal', ...out, ...flags], { cwd, env, input: `${lines.join('\n')}\n` });
    expect(code).toBe(0);
    const files = readdirSync(cwd).filter((name) => name.endsWith('.jsonl'));
    const sizes = files.map((name) => statSync(join(cwd, name)).size);
    const closed = files.filter((name) => name !== 'a.jsonl').map((name) => statSync(join(cwd, name)).size);
    expect(closed.length).toBeGreaterThan(70);
    expect(Math.min(...closed)).toBeGreaterThan(99_000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100_000);
    const { code: named } = await here(['verify', '--origin', origin, ...files], { env });
    expect(named).toBe(0);
  });

  it('recover --break-lock takes a lock away, begins no new stream, and says what it risks', async () => {
    await here(['seal', '--quiet', ...out], { env, input: 'one\n' });
    const place = ['a.jsonl', '--origin', origin];
    const [state = ''] = readdirSync(join(cwd, '.fapilog-chainstate'));
    writeFileSync(join(cwd, '.fapilog-chainstate', state.replace('.chainstate', '.4.lock')), 'null\n');
    const both = await here(['recover', ...place, '--break-lock', '--reason', 'x'], { env });
    expect([both.code, both.stdout]).toEqual([64, '']);
    const { code, stdout } = await here(['recover', ...place, '--break-lock'], { env });
    expect([code, stdout]).toEqual([0, 'the lock was removed; the next start continues the stream\n']);
    expect(readdirSync(join(cwd, '.fapilog-chainstate'))).toEqual([state]);
    const again = await here(['recover', ...place, '--break-lock'], { env });
    expect([again.code, again.stdout]).toEqual([0, 'there is no lock; the next start continues the stream\n']);
    const help = await here(['recover', '--help'], { env });
    expect(help.stdout).toMatch(/The\s+risk:\s+a\s+holder\s+that\s+is\s+still\s+running/);
    await here(['seal', '--quiet', ...out], { env, input: 'two\n' });
    expect(linesOf(readFileSync(join(cwd, 'a.jsonl'), 'utf8')).records).toEqual(['one', 'two']);
  });

  it('recover names the stream it gives up, and refuses one that is not there', async () => {
    await here(['seal', '--quiet', ...out], { env, input: 'one\n' });
    const reason = ['--reason', 'restored'];
    const other = await here(['recover', 'b.jsonl', '--origin', origin, '--state-dir', 'other', ...reason], {
      env,
    });
    expect([other.code, other.stdout]).toEqual([2, '']);
    expect(other.stderr).toMatch(
      /NOT_FOUND: there is no stream example\.com\/a: neither its state .* --origin and --state-dir/s,
    );
    expect(existsSync(join(cwd, 'other'))).toBe(false);
    const { code, stdout } = await here(['recover', 'a.jsonl', '--origin', origin, ...reason], { env });
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining('the next start of example.com/a will begin the stream'),
    ]);
  });

  it('recover takes no directory, and no log of another stream', async () => {
    await here(['seal', '--quiet', ...out], { env, input: 'one\n' });
    const files = readdirSync(cwd, { recursive: true });
    const why = ['--reason', 'typo'];
    const folder = await here(['recover', '.', '--origin', origin, ...why], { env });
    expect([folder.code, folder.stderr]).toEqual([
      64,
      expect.stringMatching(/USAGE: .* is a directory\n {2}hint: Name the log/),
    ]);
    for (const other of [[], ['--origin', 'example.com/b']]) {
      const refused = await here(['recover', 'a.jsonl', ...other, ...why], { env });
      expect([refused.code, refused.stdout]).toEqual([2, '']);
      expect(refused.stderr).toMatch(/NOT_FOUND: .*a\.jsonl is a log of example\.com\/a, not of /);
    }
    expect(readdirSync(cwd, { recursive: true })).toEqual(files);
  });

  it('recover once more before the new stream has begun replaces it: what is cited is there', async () => {
    const place = ['a.jsonl', '--origin', origin, '--reason', 'restored'];
    await here(['seal', '--quiet', ...out], { env, input: 'one\n' });
    for (let time = 0; time < 3; time++) expect((await here(['recover', ...place], { env })).code).toBe(0);
    await here(['seal', '--quiet', ...out], { env, input: 'two\n' });
    const { code, stdout } = await here(['verify', '--origin', origin, '--origin', `${origin}/*`, '.'], {
      env,
    });
    expect([code, stdout]).toEqual([0, expect.stringContaining('OK')]);
  });

  it('recover goes on from a chain whose state is lost and whose newest file somebody renamed', async () => {
    const chain = ['--rotate-chain', '--rotate-max-bytes', '1500', ...out];
    await here(['seal', '--quiet', ...chain], { env, input: `${'x'.repeat(2000)}\none\n` });
    rmSync(join(cwd, '.fapilog-chainstate'), { recursive: true });
    renameSync(join(cwd, 'a.jsonl'), join(cwd, 'a.jsonl.1'));
    const refused = await here(['seal', '--quiet', ...chain], { env, input: 'two\n' });
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('STATE_CONFLICT')]);
    const place = ['a.jsonl', '--origin', origin, '--reason', 'restored'];
    expect((await here(['recover', ...place], { env })).code).toBe(0);
    expect((await here(['seal', '--quiet', ...chain], { env, input: 'three\n' })).code).toBe(0);
    const names = ['--origin', origin, '--origin', `${origin}/*`];
    expect(await here(['verify', ...names, '.'], { env })).toMatchObject({ code: 0 });
  });

  it('says what a start takes out of the log, and verify lists it', async () => {
    await here(['seal', '--quiet', ...out], { env, input: 'one\n' });
    appendFileSync(join(cwd, 'a.jsonl'), '{"forged":true}\n');
    const { code, stderr } = await here(['seal', ...out], { env, input: 'two\n' });
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(
        /warning: 16 bytes at the end of the log that were never sealed were moved to .*a\.jsonl\.torn-/,
      ),
    ]);
    const verified = await here(['verify', '--origin', origin, '.'], { env });
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringMatching(/a\.jsonl\.torn-\S+ \(beside a log\)/)]);
  });

  it('says at once that a place takes no directory, as below /proc, where Node.js would try forever', async () => {
    const plain = join(cwd, 'plain');
    writeFileSync(plain, '');
    const none = join(process.platform === 'linux' ? '/proc' : plain, 'none');
    for (const place of [
      ['--out', join(none, 'a.jsonl'), '--origin', origin],
      [...out, '--state-dir', join(none, 'state')],
    ]) {
      const { code, stderr } = await here(['seal', ...place], { env, input: 'one\n' });
      expect([code, stderr]).toEqual([2, expect.stringMatching(/WRITE_FAILED: .*hint: Set /s)]);
      expect(stderr).toContain(`cannot create the directory ${none}`);
    }
  });

  it('what no key could seal yet: verify says how many lines wait, whichever way log and stream are named', async () => {
    const none = { FAPILOG_TAMPER_KEY: '' };
    await here(['seal', '--out', 'log/a.jsonl', '--origin', origin], { env: none, input: 'one\n' });
    for (const path of ['log', 'log/a.jsonl', '.']) {
      const { stderr, stdout } = await here(['verify', path, '--origin', origin], { env });
      expect(stderr).toContain('note: 1 line that could not be sealed waits in ');
      const isNamed = path.endsWith('.jsonl');
      expect(stdout).toContain(isNamed ? 'there is no sealed line' : `\n  no stream named ${origin} is here\n`);
    }
    await here(['seal', '--out', 'log/a.jsonl', '--origin', origin], { env, input: 'two\n' });
    const { stderr, stdout } = await here(['verify', 'log', '--origin', 'example.com/b'], { env });
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /^UNDECIDED .*\n {2}no stream named [\s\S]*\n {2}this file belongs to a stream \(tag \S+\) that you did not name \(a\.jsonl\)\n/,
    );
  });

  it.each(['moved away', 'deleted'])(
    'does not begin entries again that stood in a file which was %s after a crash, before its first seal was saved',
    async (what) => {
      const options = ['--rotate-max-bytes', '6000', '--checkpoint-max-seconds', '60'];
      const main = join(built.directory, 'dist/cli/main.js');
      const child = spawn(process.execPath, [main, 'seal', ...out, ...options], { cwd, env });
      child.stdin.write('line\n'.repeat(60));
      const states = (): string =>
        readdirSync(join(cwd, '.fapilog-chainstate'))
          .filter((name) => name.endsWith('.chainstate'))
          .map((name) => readFileSync(join(cwd, '.fapilog-chainstate', name), 'utf8'))
          .join('');
      const isRotated = (): boolean => readdirSync(cwd).some((name) => /^a\.\d.*\.jsonl$/.test(name));
      await expect.poll(() => isRotated() && states()).toMatch(/"offset":0,.*"begun":\{/);
      await expect.poll(() => statSync(join(cwd, 'a.jsonl')).size).toBeGreaterThan(0);
      child.kill('SIGKILL');
      await once(child, 'close');
      if (what === 'deleted') rmSync(join(cwd, 'a.jsonl'));
      else renameSync(join(cwd, 'a.jsonl'), join(cwd, 'z.jsonl'));
      const { code, stderr } = await here(['seal', ...out], { env, input: 'next\n' });
      expect([code, stderr]).toEqual([2, expect.stringMatching(/1 line could not be sealed .*STATE_CONFLICT/s)]);
      expect((await here(['verify', '.', '--origin', origin], { env })).code).toBe(2);
    },
  );

  it('goes on sealing when nobody reads the copies of --tee any more', async () => {
    const main = join(built.directory, 'dist/cli/main.js');
    const child = spawn(process.execPath, [main, 'seal', ...out, '--tee'], { cwd, env });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.stdin.write('first\n');
    await once(child.stdout, 'data');
    child.stdout.destroy();
    for (let n = 0; n < 200; n++) child.stdin.write(`${n} ${'x'.repeat(1_000)}\n`);
    child.stdin.end();
    const [code] = await once(child, 'close');
    expect([code, stderr]).toEqual([0, expect.stringContaining('nobody reads standard output any more')]);
    expect(linesOf(readFileSync(join(cwd, 'a.jsonl'), 'utf8')).records).toHaveLength(201);
  });

  it('ends as it should although nothing can be said on standard error', async () => {
    const into = existsSync('/dev/full') ? '/dev/full' : '/dev/null';
    const run = (...argv: string[]) =>
      spawnSync(
        'sh',
        ['-c', `"$0" "$@" 2>${into}`, process.execPath, join(built.directory, 'dist/cli/main.js'), ...argv],
        {
          cwd,
          env,
          input: 'one\n',
        },
      ).status;
    expect([run('seal', ...out), run('cat', 'a.jsonl'), run('verify', 'nowhere', '--origin', origin)]).toEqual([
      0, 0, 2,
    ]);
  });

  it('says that its working directory was deleted', async () => {
    const gone = mkdtempSync(join(tmpdir(), 'gone-'));
    const command = [process.execPath, join(built.directory, 'dist/cli/main.js'), 'seal', ...out];
    const { status, stderr } = spawnSync('sh', ['-c', `rmdir ${gone} && exec "$0" "$@"`, ...command], {
      cwd: gone,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([2, expect.stringContaining('NOT_FOUND: the working directory no longer exists')]);
  });

  it('a service with absolute paths seals although its working directory was deleted', async () => {
    const gone = mkdtempSync(join(tmpdir(), 'gone-'));
    const options = { file: join(cwd, 'a.jsonl'), stateDir: join(cwd, 'state'), origin };
    const script = `import { createSealer } from ${JSON.stringify(pathToFileURL(join(built.directory, 'dist/index.js')))};
      process.chdir(${JSON.stringify(gone)}); rmdirSync(${JSON.stringify(gone)});
      const sealer = createSealer(${JSON.stringify(options)}); sealer.write('one'); await sealer.close();`;
    writeFileSync(join(cwd, 'service.mjs'), `import { rmdirSync } from 'node:fs';\n${script}`);
    const { status, stderr } = spawnSync(process.execPath, [join(cwd, 'service.mjs')], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(linesOf(readFileSync(join(cwd, 'a.jsonl'), 'utf8')).records).toEqual(['one']);
  });

  it('is verified as audit.jsonl* names it: with its manifest, and the torn end of a run that crashed', async () => {
    await here(['seal', '--quiet', ...out], { env, input: 'one\n' });
    const torn = 'a.jsonl.torn-20261129T100000Z-0001';
    writeFileSync(join(cwd, torn), '{"level":30');
    const all = readdirSync(cwd).filter((name) => name.startsWith('a.jsonl'));
    expect(all.sort()).toEqual(['a.jsonl', 'a.jsonl.manifest.json', torn]);
    const { code, stdout } = await here(['verify', '--origin', origin, ...all], { env });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/left out 2 files .*manifest.json \(beside a log\)/s)]);
    const { code: alone } = await here(['verify', '--origin', origin, torn], { env });
    expect(alone).not.toBe(0); // without its log nobody knows what it is
  });

  it('seals to standard output', async () => {
    const { code, stdout, stderr } = await built.run(['seal', '--origin', origin, '--quiet'], {
      cwd,
      env,
      input: 'one\ntwo\n',
    });
    expect([code, stderr]).toEqual([0, '']);
    expect(linesOf(stdout).records).toEqual(['one', 'two']);
  });

  it('--tee copies each line as it came', async () => {
    const input = 'one\r\n{"a":1}\nthree';
    const { code, stdout } = await here(['seal', '--tee', ...out], { env, input });
    expect([code, stdout]).toEqual([0, input]);
  });

  it('enabled: false writes lines as they come, to the end of the file, and says so', async () => {
    const input = 'one\r\ntwo';
    for (const expected of [input, input + input]) {
      const { code, stdout, stderr } = await here(['seal', '--no-enabled', '--tee', ...out], { input });
      expect([code, stdout]).toEqual([0, input]);
      const file = join(cwd, 'a.jsonl');
      expect(stderr).toBe(`fapilog-tamper: warning: enabled is false: lines are written to ${file} but not sealed\n`);
      expect(readFileSync(join(cwd, 'a.jsonl'), 'utf8')).toBe(expected);
    }
    expect(await built.run(['seal', '--no-enabled', '--quiet'], { cwd, input })).toEqual({
      code: 0,
      stdout: input,
      stderr: '',
    });
  });

  it('enabled: false leaves a sealed log as it is: lines go to a file beside it', async () => {
    await here(['seal', '--quiet', ...out], { env, input: 'one\n' });
    const sealed = readFileSync(join(cwd, 'a.jsonl'));
    const plain = await here(['seal', '--no-enabled', ...out], { input: 'plain\n' });
    expect([plain.code, plain.stderr]).toEqual([0, expect.stringContaining('a.jsonl.unsealed but not sealed')]);
    expect(readFileSync(join(cwd, 'a.jsonl')).equals(sealed)).toBe(true);
    expect(readFileSync(join(cwd, 'a.jsonl.unsealed'), 'utf8')).toBe('plain\n');
    await here(['seal', '--quiet', ...out], { env, input: 'two\n' });
    const { code, stdout } = await here(['verify', '.', '--origin', origin], { env });
    expect([code, stdout]).toEqual([0, expect.stringContaining('a.jsonl.unsealed')]);
  });

  it('at SIGTERM seals what is in the pipe, closes, and exits with 0', async () => {
    const child = spawn(process.execPath, [join(built.directory, 'dist/cli/main.js'), 'seal', ...out, '--tee'], {
      cwd,
      env,
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stdin.write('one\n');
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    child.stdin.write('last words\n');
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect(said).toContain('anything after its first 15 bytes was not taken');
    const { records, kinds } = linesOf(readFileSync(join(cwd, 'a.jsonl'), 'utf8'));
    expect(records).toEqual(['one', 'last words']);
    expect(kinds.at(-1)).toBe('checkpoint');
    expect(kinds.filter((kind) => kind !== 'checkpoint').at(-1)).toBe('close');
  });

  it.skipIf(process.platform === 'win32')('names what the start waited for when it is stopped', async () => {
    const main = join(built.directory, 'dist/cli/main.js');
    // no file may grow: as a full disk
    const limit = ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, main, 'seal', ...out];
    const child = spawn('sh', limit, { cwd, env: { ...process.env, ...env } });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.write('one\n');
    await expect.poll(() => stderr).toMatch(/warning: .*\(EFBIG\)/);
    child.kill('SIGTERM');
    child.stdin.end();
    expect(await once(child, 'close')).toEqual([2, null]);
    expect(stderr).toMatch(/: TIMEOUT: nothing could be sealed for example\.com\/a in time: .*\(EFBIG\)\n/);
    expect(stderr).toMatch(/ {2}hint: Remove the cause, then give the lines again\.\n$/);
  });

  it.each([
    ['no key', [], {}, 2, 'KEY_NOT_FOUND: environment variable FAPILOG_TAMPER_KEY is not set'],
    ['a bad key', [], { FAPILOG_TAMPER_KEY: 'canary' }, 2, 'KEY_MALFORMED: environment variable FAPILOG_TAMPER_KEY'],
    ['a file to read', ['x.log'], env, 64, 'fapilog-tamper seal --out FILE < x.log'],
    ['two names for the output', ['--file', 'b.jsonl'], env, 64, '--out and --file mean the same'],
    ['a bad origin', ['--origin', 'a b'], env, 64, 'option origin (flag --origin) must not contain " "'],
    ['--tee to the log', ['--out', '-', '--tee'], env, 64, 'where the sealed log already goes'],
  ])('refuses %s', async (_, argv, variables, exit, message) => {
    const given = argv.map(String);
    const others = [0, 2].flatMap((at) => (given.includes(out[at] ?? '') ? [] : out.slice(at, at + 2)));
    const { code, stdout, stderr } = await here(['seal', ...others, ...given], {
      env: variables,
      input: 'x\n',
    });
    expect([code, stdout]).toEqual([exit, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('canary');
  });

  it.each([
    ['its log was cut', 'STATE_CONFLICT', 'a.jsonl', (path: string) => truncateSync(path, 300)],
    ['its state is none', 'STATE_MALFORMED', '.fapilog-chainstate', spoilState],
  ])('keeps what is in the pipe when no start is possible because %s; the next one seals it', async (...given) => {
    const [, error, file, spoil] = given;
    await here(['seal', '--quiet', ...out], { env, input: 'one\n' });
    spoil(join(cwd, file));
    const { code, stderr } = await here(['seal', ...out], { env, input: 'two\nthree' });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/2 lines could not be sealed .* kept in/)]);
    expect(stderr).toContain(`fapilog-tamper: ${error}: `);
    await here(['recover', 'a.jsonl', '--origin', origin, '--reason', 'repaired'], { env });
    await here(['seal', '--quiet', ...out], { env, input: 'four\n' });
    const [next = ''] = readdirSync(cwd).filter((name) => name.endsWith('.jsonl') && name !== 'a.jsonl');
    expect(linesOf(readFileSync(join(cwd, next), 'utf8')).records).toEqual(['two', 'three', 'four']);
  });

  it.each([
    ['all of it', 1000, ['seal'], undefined],
    ['all of it, with --quiet', 1000, ['seal', '--quiet'], undefined],
    ['a part of it', 400_000, ['seal'], 'a part'],
    ['a part of it, with --quiet', 400_000, ['seal', '--quiet'], 'a part'],
  ])('says after a refused start how much of a pipe was taken: %s', async (_what, count, command, part) => {
    await here(['seal', '--quiet', ...out], { env, input: 'one\n' });
    truncateSync(join(cwd, 'a.jsonl'), 300);
    const input = 'a line\n'.repeat(count);
    const { code, stderr } = await built.run([...command, ...out], { cwd, env, input });
    expect([code, stderr]).toEqual([2, expect.stringContaining('STATE_CONFLICT')]);
    const [, taken] = /not read to its end: anything after its first (\d+) bytes was not taken\n/.exec(stderr) ?? [];
    const state = join(cwd, '.fapilog-chainstate');
    const [kept = ''] = readdirSync(state).filter((name) => name.includes('.unsealed-'));
    const keptLines = readFileSync(join(state, kept), 'utf8');
    expect(taken === undefined).toBe(part === undefined);
    // the piece of a line before the cut is kept as a line
    expect(keptLines.trimEnd()).toBe(input.slice(0, Number(taken ?? input.length)).trimEnd());
  });

  it('says that nothing of a pipe was taken if the file of key events is refused', async () => {
    const argv = ['seal', ...out, '--key-events', join(cwd, 'absent', 'events')];
    const { code, stderr } = await built.run(argv, { cwd, env, input: 'one\n' });
    expect(stderr).toMatch(
      /anything after its first 0 bytes was not taken\n.*WRITE_FAILED: .*cannot be opened for key events/,
    );
    expect(code).toBe(2);
  });

  it('gives checkpoints to more than ten anchors without a warning of Node.js', async () => {
    const anchors = Array.from({ length: 12 }, (_, at) => join(cwd, `anchor-${at}`));
    writeFileSync(join(cwd, 'seal.json'), JSON.stringify({ anchors, key_source: 'file', key_file_path: 'sign.key' }));
    await here(['keygen', '--out', 'sign.key', '--algorithm', 'Ed25519']);
    const argv = ['seal', '--quiet', '--config', 'seal.json', '--algorithm', 'Ed25519', ...out];
    expect(await built.run(argv, { cwd, input: 'x\n' })).toEqual({ code: 0, stdout: '', stderr: '' });
    for (const anchor of anchors) expect(readFileSync(anchor, 'utf8')).toContain(origin);
  });

  it.each([
    ['a directory as the log', 2, () => ['--out', '.'], /hint: That is a directory: name a file in it\.\n/],
    ['a name that is too long', 64, () => ['--out', 'x'.repeat(300)], /hint: Choose a shorter name, /],
    ['a name that leaves no room', 64, () => ['--out', 'x'.repeat(191)], /hint: Choose a shorter name, /],
    [
      'the state directory of another user',
      2,
      () => {
        const self = process.geteuid?.();
        if (self !== 0) return ['--out', 'a.jsonl', '--state-dir', '/'];
        mkdirSync(join(cwd, 'theirs'));
        chownSync(join(cwd, 'theirs'), 4321, 4321);
        return ['--out', 'a.jsonl', '--state-dir', 'theirs'];
      },
      new RegExp(`hint: .* only its writer may change them: chown ${process.geteuid?.()} /`),
    ],
  ])('says what to do about %s', async (_what, exit, place, hint) => {
    const { code, stderr } = await here(['seal', ...place(), '--origin', origin], { env, input: 'x\n' });
    expect([code, stderr]).toEqual([exit, expect.stringMatching(hint)]);
  });

  it.each([
    ['the log', ['--out', 'file/a.jsonl'], /1 line could not be sealed .* kept in/],
    ['the state', ['--out', 'a.jsonl', '--state-dir', 'file/state'], /1 line is lost/],
  ])('says that the directory of %s cannot be written, and what became of the lines', async (_what, place, lines) => {
    writeFileSync(join(cwd, 'file'), '');
    const { code, stderr } = await here(['seal', ...place, '--origin', origin], { env, input: 'x\n' });
    expect([code, stderr]).toEqual([2, expect.stringContaining('WRITE_FAILED')]);
    expect(stderr).toMatch(lines);
  });
});
