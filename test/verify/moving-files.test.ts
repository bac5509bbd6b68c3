import { linkSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { identityOf } from '../../src/foundation/file-identity.ts';
import { isReplaced } from '../../src/verify/found/moved-files.ts';
import { openLogs } from '../../src/verify/found/open-logs.ts';
import { SeenFiles } from '../../src/verify/found/seen-files.ts';
import type { Source } from '../../src/verify/input/sources.ts';
import { IgnoredFiles } from '../../src/verify/verdict/ignored-files.ts';
import { ORIGIN, start, workplace } from '../seal/workplace.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { verify } from '../support/verifying.ts';
import { dataKey } from '../vectors/keys.ts';

describe('a log whose files are closed, renamed and compressed while it is verified', () => {
  it.each([
    ['renamed', false],
    ['compressed', true],
  ])(
    'is never taken for an altered or a damaged one: %s',
    async (_how, compressRotated) => {
      const { directory, options, provider } = workplace();
      const sealer = start({ ...options(), compressRotated, heartbeatSeconds: 60 });
      sealer.on('warning', () => undefined);
      const write = async (): Promise<void> => {
        for (let n = 0; n < 3; n++) {
          for (let line = 0; line < 20; line++) sealer.write(`{"n":${n},"pad":"${'x'.repeat(200)}"}`);
          await sealer.flush();
          await sealer.rotate();
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const codes = new Map<string, string>();
      const verdicts = new Set<string>();
      await write();
      for (let n = 0; n < 8; n++) {
        const live = {
          paths: [directory],
          origin: ORIGIN,
          live: true,
          dataKeys: [{ source: 'memory', versionSeparator: ':v', keys: provider, named: [{ name: 'audit' }] }],
        };
        const [report] = await Promise.all([verify(live), write()]);
        verdicts.add(report.verdict);
        for (const { code, severity, message } of report.findings) if (severity !== 'warning') codes.set(code, message);
      }
      await sealer.close();
      expect([...codes].filter(([code]) => code !== 'END_UNPROVEN')).toEqual([]);
      expect([...verdicts]).not.toContain('tampered');
    },
    120_000,
  );

  it('is read where it is now, and a file that took its place is not read for it', async () => {
    const { directory } = workplace();
    const path = join(directory, 'audit.jsonl');
    writeFileSync(path, 'one\n');
    const [one] = await openLogs([path], { maxBytes: 1_000 }, new IgnoredFiles());
    renameSync(path, join(directory, 'closed'));
    writeFileSync(path, 'two\n');
    expect(await textOf(one?.source)).toBe('one\n');
    await expect(one?.source.openPlain?.()).rejects.toMatchObject({ code: 'ESTALE' });
    writeFileSync(join(directory, 'kept'), '');
    renameSync(join(directory, 'kept'), join(directory, 'closed'));
    await expect(textOf(one?.source)).rejects.toMatchObject({ code: 'ESTALE' });
  });

  it.each(['small', 'large'])('is read from its compressed form, whatever the name of that: %s', async (size) => {
    const { directory, path, bytes } = sealed(size === 'large' ? 2_000 : 1);
    const [one] = await openLogs([path], { maxBytes: 2 ** 30 }, new IgnoredFiles());
    renameSync(path, join(workplace().directory, 'elsewhere')); // so that its number is not given again
    writeFileSync(path, 'another\n');
    mkdirSync(join(directory, 'y.gz'));
    writeFileSync(join(directory, 'z.gz'), gzipSync('{"another":1}\n'));
    writeFileSync(join(directory, 'audit.closed.jsonl.gz'), gzipSync(bytes));
    expect(await textOf(one?.source)).toBe(bytes.toString());
  });

  it('comes with the files that are renamed while a directory is looked at', async () => {
    const { directory, path, bytes } = sealed(1);
    const next = bytes.toString().replace('"seq":1,', '"seq":9,');
    const ignored = new Moving(() => {
      renameSync(path, join(directory, 'audit.1.jsonl')); // after the listing, before the look
      writeFileSync(path, next);
    });
    symlinkSync(path, join(directory, 'a link'));
    const logs = await openLogs([directory], { maxBytes: 2 ** 30 }, ignored);
    const texts = await Promise.all(logs.map(({ source }) => textOf(source)));
    expect(texts.sort()).toEqual([bytes.toString(), next].sort());
    expect(ignored.report.files.map(({ why }) => why)).toEqual(['symbolic link']);
  });

  it('is looked at again where it was empty and no more is, and comes once', async () => {
    const { directory, path, bytes } = sealed(1);
    writeFileSync(path, '');
    const other = join(directory, 'other.jsonl');
    const ignored = new Moving(
      () => writeFileSync(other, bytes.toString().replace('"seq":1,', '"seq":9,')), // makes another round
      () => {
        writeFileSync(path, bytes);
        renameSync(path, join(directory, 'audit.1.jsonl'));
      },
    );
    symlinkSync(path, join(directory, 'a link'));
    writeFileSync(other, '');
    const logs = await openLogs([directory], { maxBytes: 2 ** 30 }, ignored);
    expect(logs.map(({ peek }) => peek.seq).sort()).toEqual([1, 9]);
  });

  it('has no manifest where another file has its name and has one', async () => {
    const { directory, path } = sealed(1);
    const [one] = await openLogs([path], { maxBytes: 2 ** 30 }, new IgnoredFiles());
    if (one === undefined) throw new Error('there is a log');
    expect(await isReplaced(one.source, one.peek)).toBe(false);
    renameSync(path, join(directory, 'audit.1.jsonl'));
    expect(await isReplaced(one.source, one.peek)).toBe(false);
    writeFileSync(path, 'another\n');
    expect(await isReplaced(one.source, one.peek)).toBe(true);
  });
});

describe('a quiet directory', () => {
  it('is looked at twice; what is named twice, or by two links, comes once', async () => {
    const { directory, path } = sealed(1);
    linkSync(path, join(directory, 'b.jsonl'));
    let listings = 0;
    const ignored = new Moving(...Array.from({ length: 9 }, () => () => void listings++));
    symlinkSync(path, join(directory, 'a link'));
    expect(await openLogs([directory, path], { maxBytes: 2 ** 30 }, ignored)).toHaveLength(1);
    expect(listings).toBe(2);
  });

  it('comes to rest where its file system numbers files anew', () => {
    const seen = new SeenFiles();
    const source: Source = { name: 'a', repeatable: true, size: 1, read: () => Readable.from([]) };
    const log = { source, peek: { empty: false, tag: 'AAAAAAAA', seq: 1, origin: undefined } };
    const [dev, birthtimeNs] = [1n, 0n];
    const added = [1n, 2n, 3n, 4n].map((ino) => {
      const identity = identityOf({ dev, ino, birthtimeNs });
      return seen.add({ path: 'a', size: 1, identity, log });
    });
    expect(added).toEqual([true, false, false, false]);
    expect(seen.logs).toHaveLength(1);
  });

  it('keeps each of its files that has no entry', async () => {
    const { directory } = workplace();
    for (const name of ['a', 'b', 'c']) writeFileSync(join(directory, name), 'x"integrity":{');
    expect(await openLogs([directory], { maxBytes: 2 ** 30 }, new IgnoredFiles())).toHaveLength(3);
  });
});

/** Does something at each listing of a directory in which a link stands. */
class Moving extends IgnoredFiles {
  readonly #steps: (() => void)[];

  constructor(...steps: (() => void)[]) {
    super();
    this.#steps = steps;
  }

  override add(...[file, why]: Parameters<IgnoredFiles['add']>): void {
    super.add(file, why);
    if (why === 'symbolic link') this.#steps.shift()?.();
  }
}

/** A log in a directory of its own. */
function sealed(records: number): { directory: string; path: string; bytes: Buffer } {
  const { directory } = workplace();
  const log = new SealedLog(ORIGIN).open({ dataKey });
  for (let n = 0; n < records; n++) log.record('x'.repeat(50));
  const bytes = Buffer.concat(
    log
      .seal()
      .toFiles()
      .map((file) => file.bytes),
  );
  const path = join(directory, 'audit.jsonl');
  writeFileSync(path, bytes);
  return { directory, path, bytes };
}

async function textOf(source: Source | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of source?.read(() => undefined) ?? []) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}
