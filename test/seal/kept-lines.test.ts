import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SealerOptions } from '../../src/index.ts';
import { audit, read, sealedFiles, start, workplace } from './workplace.ts';

type Place = ReturnType<typeof workplace>;

/** The files of lines that wait, with what belongs to them. */
function kept({ directory }: Place): string[] {
  return readdirSync(join(directory, 'state')).filter((name) => /\.(unsealed|keeping)-/.test(name));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Lines that no key came for. */
async function keep(place: Place, lines: readonly string[], extra: Partial<SealerOptions> = {}): Promise<string> {
  place.provider.faults.failWith('UNAVAILABLE');
  const sealer = start({ ...place.options(), ...extra });
  for (const line of lines) sealer.write(line);
  sealer.closeSync();
  place.provider.faults.heal();
  const name = kept(place).find((one) => !one.endsWith('.taken'));
  return join(place.directory, 'state', name ?? 'none');
}

/** The application's lines of every sealed file of a directory. */
async function sealed({ directory, provider }: Place): Promise<string[]> {
  const all: string[] = [];
  for (const file of sealedFiles(directory)) {
    if (statSync(file).size === 0) continue;
    const { entries } = await read([file], provider);
    all.push(...entries.flatMap((entry) => (entry.kind === 'record' ? [entry.line] : [])));
  }
  return all;
}

describe('lines that could not be sealed before the end', () => {
  it('are said to be kept, in a file of mode 0600', async () => {
    const place = workplace();
    place.provider.faults.hang();
    const sealer = start(place.options());
    const events: unknown[] = [];
    sealer.on('kept', (event) => events.push(event));
    sealer.write('{"n":1}');
    sealer.write('text\r');
    await sealer.close();
    expect(events).toMatchObject([{ lines: 2, lost: 0, file: expect.stringContaining('.unsealed-') }]);
    expect(sealer.stats).toMatchObject({ kept: 2, pendingBytes: 0, uncounted: 0 });
    const path = join(place.directory, 'state', kept(place)[0] as string);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'latin1')).toBe('{"n":1}\ntext\r\r\n');
    place.provider.faults.heal();
    await start(place.options()).close();
    expect(await sealed(place)).toEqual(['{"n":1}', 'text\r']);
  });

  it('are sealed once, however many starts follow, before anything new', async () => {
    const place = workplace();
    const lines = Array.from({ length: 5_000 }, (_, n) => `{"n":${n}}`);
    await keep(place, lines);
    for (const run of [1, 2, 3]) {
      const sealer = start(place.options());
      sealer.write(`{"run":${run}}`);
      await sealer.close();
    }
    expect(await sealed(place)).toEqual([...lines, '{"run":1}', '{"run":2}', '{"run":3}']);
    expect(kept(place)).toEqual([]);
    expect((await audit(place.directory, place.provider)).verdict).toBe('ok');
  });

  it.each([
    ['{instance}', 'audit-{instance}.jsonl', 'audit.example.com/test/{instance}'],
    ['{pid}', 'audit-{pid}.jsonl', 'audit.example.com/test/{pid}'],
  ])('are found again whatever %s comes to', async (_name, file, origin) => {
    const place = workplace();
    const extra = { file: join(place.directory, file), origin };
    await keep(place, ['{"n":1}', '{"n":2}'], extra);
    const next = start({ ...place.options(), ...extra });
    next.write('{"n":3}');
    await next.close();
    expect(kept(place)).toEqual([]);
    expect((await sealed(place)).sort()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
  });

  it('of another configuration are left alone', async () => {
    const place = workplace();
    const other = { file: join(place.directory, 'audit-other.jsonl'), origin: 'audit.example.com/other' };
    await keep(place, ['{"n":1}'], other);
    const next = start(place.options());
    await next.close();
    expect(kept(place)).toHaveLength(1);
    await start({ ...place.options(), ...other }).close();
    expect(kept(place)).toEqual([]);
  });

  it('are divided between starts at the same time, each line to one', async () => {
    const place = workplace();
    const extra = {
      file: join(place.directory, 'audit-{instance}.jsonl'),
      origin: 'audit.example.com/test/{instance}',
    };
    for (let n = 0; n < 6; n++) await keep(place, [`{"n":${n}}`], extra);
    const starts = [1, 2, 3].map(() => start({ ...place.options(), ...extra }));
    await Promise.all(starts.map((sealer) => sealer.ready));
    await Promise.all(starts.map((sealer) => sealer.close()));
    expect((await sealed(place)).sort()).toEqual(Array.from({ length: 6 }, (_, n) => `{"n":${n}}`));
    expect(kept(place)).toEqual([]);
  });

  it('that are longer than max_line_bytes are sealed whole', async () => {
    const place = workplace();
    const long = 'x'.repeat(3_000_000);
    await keep(place, ['{"n":1}', long, '{"n":2}']);
    const next = start({ ...place.options(), maxLineBytes: 4_096, checkpointMaxRecords: 100 });
    await next.close();
    expect((await sealed(place)).join('')).toBe(`{"n":1}${long}{"n":2}`);
    expect((await audit(place.directory, place.provider)).verdict).toBe('ok');
  });

  it('of no byte are no record', async () => {
    const place = workplace();
    const path = await keep(place, ['{"n":1}']);
    writeFileSync(path, '');
    await start(place.options()).close();
    expect(await sealed(place)).toEqual([]);
    expect(kept(place)).toEqual([]);
  });

  it('go on from where a killed process had come while it kept them', async () => {
    const place = workplace();
    const path = await keep(place, ['{"n":1}', '{"n":2}']);
    writeFileSync(path, '{"n":1}\n{"n":2}\n{"n":');
    const stream = /^[0-9a-f]{64}/.exec(
      readdirSync(join(place.directory, 'state')).find((name) => name.endsWith('.chainstate')) ?? '',
    );
    renameSync(
      path,
      `${path.slice(0, path.indexOf('.unsealed-'))}.keeping-${stream?.[0]}-01234567-key_service-1795600000000-5-0-10`,
    );
    await start(place.options()).close();
    expect(await sealed(place)).toEqual(['{"n":1}', '{"n":2}']);
    // 5 were lost before, and 8 of those 10 with the process
    expect((await audit(place.directory, place.provider)).streams[0]).toMatchObject({ records: 2, droppedLines: 13 });
    expect(kept(place)).toEqual([]);
  });

  it('stay before what their process kept later, also if a start was killed while it cut them', async () => {
    const place = workplace();
    const first = await keep(place, ['{"n":1}']);
    const stem = first.slice(0, first.indexOf('.unsealed-'));
    const stream = readdirSync(join(place.directory, 'state')).find((name) => name.endsWith('.chainstate'));
    const at = Date.UTC(2026, 10, 25);
    renameSync(first, `${stem}.unsealed-20261125T000001Z-0000007777-disk-${at}-0-0`);
    const name = `${stem}.keeping-${stream?.slice(0, 64)}-77770001-key_service-${at}-0-0-0`;
    writeFileSync(`${name}-${at}`, '{"n":0}\n{"n":', { mode: 0o600 }); // the cut makes it young
    await start(place.options()).close();
    expect(await sealed(place)).toEqual(['{"n":0}', '{"n":1}']);
    expect(kept(place)).toEqual([]);
  });

  it.each([
    ['time of the last write', '5-0-0-0-99999999999999999999'],
    ['time since when they wait', '99999999999999999999-1-0-0'],
    ['number of lost lines', '5-99999999999999999999-0-0'],
    ['number of parts', '5-0-99999999999999999999-0'],
  ])('are left alone if their name has an impossible %s', async (_name, facts) => {
    const place = workplace();
    const first = await keep(place, ['{"n":1}']);
    const stem = first.slice(0, first.indexOf('.unsealed-'));
    const stream = readdirSync(join(place.directory, 'state')).find((name) => name.endsWith('.chainstate'));
    const name = `${stem}.keeping-${stream?.slice(0, 64)}-77770001-key_service-${facts}`;
    writeFileSync(name, '{"n":0}\n', { mode: 0o600 });
    const sealer = start(place.options());
    sealer.write('{"n":2}');
    await sealer.close();
    expect(await sealed(place)).toEqual(['{"n":1}', '{"n":2}']);
    expect(kept(place)).toHaveLength(1); // that file
  });

  it.each([
    [
      'a symbolic link',
      (path: string) => renameSync(path, `${path}.x`),
      (path: string) => symlinkSync(`${path}.x`, path),
    ],
    ['a file that others may write', () => undefined, (path: string) => chmodSync(path, 0o666)],
    ['a file with a second name', () => undefined, (path: string) => linkSync(path, `${path}.x`)],
    ['a directory', rmSync, (path: string) => void mkdirSync(path)],
    ['a pipe', rmSync, (path: string) => void execFileSync('mkfifo', [path])],
  ])('are refused where they are %s', async (_name, remove, put) => {
    const place = workplace();
    const path = await keep(place, ['{"secret":true}']);
    remove(path);
    put(path);
    const next = start(place.options());
    const warnings: unknown[] = [];
    next.on('warning', (error) => warnings.push(error));
    next.write('{"n":1}');
    await next.close();
    expect(warnings).toMatchObject([{ code: 'READ_FAILED' }]);
    expect(await sealed(place)).toEqual(['{"n":1}']);
  });

  it('whose log is gone are left alone: nobody can tell which of them it holds', async () => {
    const place = workplace();
    const extra = {
      file: join(place.directory, 'audit-{instance}.jsonl'),
      origin: 'audit.example.com/test/{instance}',
    };
    await keep(place, ['{"n":1}'], extra);
    const first = start({ ...place.options(), ...extra, useKmsSigning: true });
    await until(() => first.stats.records === 1);
    place.provider.faults.failWith('UNAVAILABLE'); // no checkpoint covers them
    first.closeSync();
    place.provider.faults.heal();
    expect(kept(place)).toHaveLength(2);
    for (const file of sealedFiles(place.directory)) rmSync(file);
    const next = start({ ...place.options(), ...extra, useKmsSigning: true });
    const warnings: unknown[] = [];
    next.on('warning', (error) => warnings.push(error));
    await next.close();
    expect(warnings).toMatchObject([{ code: 'READ_FAILED' }]);
    expect(next.stats.records).toBe(0);
    expect(kept(place)).toHaveLength(2);
  });
});

describe('lines that were lost', () => {
  it('without a key are counted by a gap of the next run, and close says how many', async () => {
    const place = workplace();
    place.provider.faults.failWith('UNAVAILABLE');
    const sealer = start({ ...place.options(), maxLineBytes: 65_536, maxPendingBytes: 65_536 });
    let given = 0;
    for (; given < 500; given++) sealer.write(`{"n":${given},"pad":"${'x'.repeat(1_000)}"}`);
    const { dropped } = sealer.stats;
    expect(dropped).toBeGreaterThan(100);
    await expect(sealer.close()).rejects.toMatchObject({ code: 'PENDING_OVERFLOW', lines: dropped });
    place.provider.faults.heal();
    await start(place.options()).close();
    const report = await audit(place.directory, place.provider);
    expect(report.verdict).toBe('ok');
    expect(report.streams[0]).toMatchObject({ records: given - dropped, droppedLines: dropped });
    const { entries } = await read([place.file], place.provider);
    expect(entries.filter(({ kind }) => kind === 'gap')).toHaveLength(1);
    expect(kept(place)).toEqual([]);
  });

  it('and nothing else leave an empty file, whose name counts them', async () => {
    const place = workplace();
    const path = await keep(place, ['{"n":1}']);
    rmSync(path);
    writeFileSync(path.replace(/-0-0$/, '-42-0'), '', { mode: 0o600 });
    await start(place.options()).close();
    expect((await audit(place.directory, place.provider)).streams[0]).toMatchObject({ records: 0, droppedLines: 42 });
    expect(kept(place)).toEqual([]);
  });
});
