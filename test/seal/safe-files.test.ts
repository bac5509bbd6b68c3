import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TamperError } from '../../src/errors.ts';
import { audit, sealedFiles, start, workplace } from './workplace.ts';

const SECRET = 'something that belongs to somebody else\n';

const unsafe = (path: string): unknown =>
  expect.objectContaining({ code: 'UNSAFE_PATH', message: expect.stringContaining(path), hint: expect.any(String) });

describe('no symbolic link is followed', () => {
  it.each([
    ['to a file', true],
    ['to nothing', false],
  ])('as the log: a link %s', (_name, exists) => {
    const { directory, file, options } = workplace();
    const victim = join(directory, 'victim');
    if (exists) writeFileSync(victim, SECRET);
    symlinkSync(victim, file);
    expect(() => start(options())).toThrowError(unsafe(file));
    expect(existsSync(victim) && readFileSync(victim, 'utf8')).toBe(exists && SECRET);
  });

  it('as the log of a stream that has a state already', async () => {
    const { directory, file, options } = workplace();
    await start(options()).close();
    renameSync(file, join(directory, 'moved'));
    symlinkSync('moved', file);
    expect(() => start(options())).toThrowError(unsafe(file));
  });

  it('as the state, and as a lock', async () => {
    for (const ending of ['.chainstate', '.3.lock']) {
      const { directory, options } = workplace();
      await start(options()).close();
      const state = join(directory, 'state');
      const [name = ''] = readdirSync(state);
      const path = join(state, name.replace('.chainstate', ending));
      rmSync(path, { force: true });
      symlinkSync(join(directory, 'victim'), path);
      expect(() => start(options())).toThrowError(unsafe(path));
    }
  });

  it('as a manifest, as a compressed file, or as what either is called until it is whole', async () => {
    const { directory, file, options, provider } = workplace();
    const victim = join(directory, 'victim');
    writeFileSync(victim, SECRET);
    const sealer = start({ ...options(), compressRotated: true });
    await sealer.ready;
    const warnings: Error[] = [];
    sealer.on('warning', (error) => warnings.push(error));
    sealer.once('rotate', ({ from }) => {
      for (const name of [`${from}.gz.tmp`, `${from}.gz`, `${from}.manifest.json`]) symlinkSync(victim, name);
    });
    symlinkSync(victim, `${file}.manifest.json`);
    sealer.write('{"n":1}');
    await sealer.rotate();
    await sealer.close();
    expect(readFileSync(victim, 'utf8')).toBe(SECRET);
    expect(warnings).toEqual([]);
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });

  it('but directories on the way may be links', async () => {
    const { directory, options, provider } = workplace();
    mkdirSync(join(directory, 'real'));
    symlinkSync('real', join(directory, 'logs'));
    mkdirSync(join(directory, 'real', 'st'), { mode: 0o700 });
    symlinkSync('real/st', join(directory, 'link'));
    const place = { ...options(), file: join(directory, 'logs', 'audit.jsonl'), stateDir: join(directory, 'link') };
    const sealer = start({ ...place, rotateMaxBytes: 3_000 });
    for (let n = 0; n < 20; n++) sealer.write(`{"n":${n},"pad":"${'x'.repeat(200)}"}`);
    await sealer.close();
    await start(place).close();
    expect((await audit(join(directory, 'real'), provider)).streams[0]?.records).toBe(20);
  });

  it.each(['a directory', 'a pipe'])('and %s is no log', async (what) => {
    const { file, options } = workplace();
    if (what === 'a directory') mkdirSync(file);
    else (await import('node:child_process')).execFileSync('mkfifo', [file]);
    expect(() => start(options())).toThrowError(expect.any(TamperError));
  });
});

describe('the state directory', () => {
  it('that cannot be created: the hint names the option', () => {
    const { directory, options } = workplace();
    const inTheWay = join(directory, 'in-the-way');
    writeFileSync(inTheWay, '');
    const error = expect.objectContaining({ code: 'WRITE_FAILED', hint: expect.stringContaining('state_dir') });
    expect(() => start({ ...options(), stateDir: join(inTheWay, 'state') })).toThrowError(error);
  });

  it.each([0o777, 0o775, 0o1777, 0o720])('is refused where others may write to it: %o', (mode) => {
    const { directory, file, options } = workplace();
    const state = join(directory, 'state');
    mkdirSync(state);
    chmodSync(state, mode);
    expect(() => start(options())).toThrowError(unsafe(state));
    expect(existsSync(file)).toBe(false);
    chmodSync(state, 0o700);
    start(options()).closeSync();
  });

  it('may be read by others', async () => {
    const { directory, options } = workplace();
    mkdirSync(join(directory, 'state'), { mode: 0o755 });
    await start(options()).close();
  });

  it('is refused where it belongs to somebody else', () => {
    const { directory, options } = workplace();
    const state = join(directory, 'state');
    mkdirSync(state, { mode: 0o700 });
    const self = process.geteuid;
    try {
      if (self?.() === 0) chownSync(state, 12_345, 12_345);
      else process.geteuid = () => 12_345;
      expect(() => start(options())).toThrowError(unsafe(state));
    } finally {
      if (self !== undefined) process.geteuid = self;
    }
  });

  it.each([
    ['file', '/etc/passwd'],
    ['file', 'victim'],
    ['file', 'sub/audit.jsonl'],
    ['renamed', 'victim'],
  ])('may not lead the log away: %s is %s', async (member, name) => {
    const { directory, options } = workplace();
    await start(options()).close();
    const victim = name.startsWith('/') ? name : join(directory, name);
    const before = existsSync(victim) ? readFileSync(victim, 'utf8') : undefined;
    const [state = ''] = readdirSync(join(directory, 'state')).map((one) => join(directory, 'state', one));
    const text = JSON.parse(readFileSync(state, 'utf8')) as object;
    writeFileSync(state, JSON.stringify({ ...text, [member]: victim }));
    expect(() => start(options())).toThrowError(expect.objectContaining({ code: 'STATE_MALFORMED' }));
    expect(existsSync(victim) ? readFileSync(victim, 'utf8') : undefined).toBe(before);
  });
});

describe('what a killed writer had begun', () => {
  it('is removed by the next start, and nothing else is', async () => {
    const { directory, file, options } = workplace();
    const sealer = start({ ...options(), rotateMaxBytes: 1 });
    sealer.write('{"n":1}');
    sealer.write('{"n":2}');
    await sealer.close();
    const state = join(directory, 'state');
    const [name = ''] = readdirSync(state);
    const [closed = ''] = sealedFiles(directory);
    const hash = name.replace('.chainstate', '');
    const ours = [
      join(state, `${name}.4711-0123abcd-17.tmp`),
      join(state, `${hash}.lock.0123456789abcdef.tmp`),
      `${closed}.gz.tmp`,
      `${closed}.manifest.json.4711-3.tmp`,
      `${file}.manifest.json.4711-4.tmp`,
    ];
    const others = [
      join(state, `${name}.tmp`),
      join(state, `${'0'.repeat(64)}.chainstate.1-01234567-1.tmp`),
      join(directory, 'audit.tmp'),
      join(directory, 'audit.jsonl.tmp'),
      join(directory, 'audit.old.jsonl.gz.tmp'),
      join(directory, 'another.jsonl.gz.tmp'),
    ];
    for (const path of [...ours, ...others]) writeFileSync(path, 'x');
    await start(options()).close();
    expect(ours.filter((path) => existsSync(path))).toEqual([]);
    expect(others.filter((path) => !existsSync(path))).toEqual([]);
  });
});

describe('rotate_max_bytes holds however fast lines come', () => {
  const LIMIT = 100_000;
  const lines = Array.from({ length: 20_000 }, (_, n) => `{"n":${n},"pad":"${'x'.repeat(210 + (n % 7))}"}`);
  const text = `${lines.join('\n')}\n`;

  it.each([
    ['in one write', text.length],
    ['in pieces of a pipe', 65_536],
    ['line by line', 0],
  ])(
    '%s',
    async (_how, piece) => {
      const { directory, options, provider } = workplace();
      const sealer = start({ ...options(), rotateMaxBytes: LIMIT });
      if (piece === 0) for (const line of lines) sealer.write(line);
      for (let at = 0; piece > 0 && at < text.length; ) {
        const end = text.lastIndexOf('\n', at + piece - 1) + 1;
        sealer.write(text.slice(at, end));
        at = end;
      }
      await sealer.close();
      const files = sealedFiles(directory);
      const sizes = files.map((path) => statSync(path).size);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(LIMIT);
      expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(LIMIT - 1_000); // and none was closed early
      expect(basename(files.at(-1) ?? '')).toBe('audit.jsonl');
      expect([...files].sort((one, other) => (one < other ? -1 : 1))).toEqual(files); // names sort by time
      const report = await audit(directory, provider);
      expect(report).toMatchObject({ verdict: 'ok', streams: [{ records: lines.length }] });
    },
    120_000,
  );

  it('also with lines longer than a file, and with lines in parts', async () => {
    const { directory, options, provider } = workplace();
    const sealer = start({ ...options(), rotateMaxBytes: 2_000, maxLineBytes: 1_024 });
    const long = ['a'.repeat(10_000), `{"long":"${'b'.repeat(900)}"}`, 'c'.repeat(1_025), `{"s":1}`];
    for (let n = 0; n < 5; n++) sealer.write(`${long.join('\n')}\n`);
    await sealer.close();
    expect(await audit(directory, provider)).toMatchObject({
      verdict: 'ok',
      streams: [{ records: 5 * (10 + 1 + 2 + 1) }],
    });
    for (const path of sealedFiles(directory)) {
      const parts = [...readFileSync(path, 'latin1').matchAll(/"part":(\d+)(,"last":true)?/g)];
      const whole = parts.map(([, number, last]) => [number, last !== undefined]);
      expect(whole[0]?.[0] ?? '1').toBe('1'); // no line is torn between two files
      expect(whole.at(-1)?.[1] ?? true).toBe(true);
    }
  });

  it('rotate_chain: begins the next stream when its key has come', async () => {
    const { directory, options, provider } = workplace();
    const sealer = start({ ...options(), rotateMaxBytes: 10_000, rotateChain: true });
    await sealer.ready;
    for (let n = 0; n < 20; n++) {
      for (const line of lines.slice(n * 10, n * 10 + 10)) sealer.write(line);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await sealer.close();
    const files = sealedFiles(directory);
    expect(files.length).toBeGreaterThan(2);
    const report = await audit(directory, provider, { origin: ['audit.example.com/test', 'audit.example.com/test/*'] });
    expect(report.streams.reduce((sum, { records }) => sum + (records ?? 0), 0)).toBe(200);
  });
});
