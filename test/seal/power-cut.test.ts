import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Manifest, SealerOptions } from '../../src/index.ts';
import { audit, start, workplace } from './workplace.ts';

/** How many bytes of each file are on the disk, by inode: what was there when the file was flushed last. */
const flushed = vi.hoisted(() => new Map<bigint, number>());
const hooks = vi.hoisted(() => ({ renamed: (_to: string): void => undefined }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const sizeOf = (fd: number): { ino: bigint; size: bigint } => fs.fstatSync(fd, { bigint: true });
  const flush =
    (sync: (fd: number) => void) =>
    (fd: number): void => {
      sync(fd);
      const { ino, size } = sizeOf(fd);
      flushed.set(ino, Number(size));
    };
  return {
    ...fs,
    fsyncSync: flush(fs.fsyncSync),
    fdatasyncSync: flush(fs.fdatasyncSync),
    // a slow disk: whoever does not wait for it is ahead of it
    fdatasync: (fd: number, done: (error: NodeJS.ErrnoException | null) => void): void => {
      const { ino, size } = sizeOf(fd);
      setTimeout(() => {
        flushed.set(ino, Math.max(Number(size), flushed.get(ino) ?? 0));
        done(null);
      }, 30);
    },
  };
});

vi.mock('node:fs/promises', async (original) => {
  const promises = await original<typeof import('node:fs/promises')>();
  return {
    ...promises,
    rename: async (from: string, to: string): Promise<void> => {
      await promises.rename(from, to);
      hooks.renamed(to);
    },
  };
});

const modes: Record<string, Partial<SealerOptions>> = {
  'data key': {},
  signing: { useKmsSigning: true },
  both: { signingKeyId: 'sign' },
};
const ways: Record<string, Partial<SealerOptions>> = {
  'files of one stream': {},
  'files that are not flushed at a change of file': { fsyncOnRotate: false },
  'files that are compressed': { compressRotated: true },
  'a stream for each file': { rotateChain: true },
};
const cases = Object.entries(modes).flatMap(([mode, one]) =>
  Object.entries(ways).map(([way, other]): [string, string, Partial<SealerOptions>] => [
    mode,
    way,
    { ...one, ...other },
  ]),
);

/** What lies on the disk after the power fails now: of each log file as much as was flushed. */
function cutPower(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from).filter((one) => one.startsWith('audit'))) {
    const path = join(from, name);
    cpSync(path, join(to, name));
    if (name.endsWith('.jsonl')) truncateSync(join(to, name), flushed.get(statSync(path, { bigint: true }).ino) ?? 0);
  }
}

// M7.2
it.each(cases)('a manifest is never on the disk before what it tells of: %s, %s', async (_mode, _way, extra) => {
  const { directory, options, provider } = workplace(['audit', 'sign']);
  const images: string[] = [];
  hooks.renamed = (to) => {
    if (!to.endsWith('.manifest.json')) return;
    images.push(join(directory, `image${images.length}`));
    cutPower(directory, images.at(-1) as string);
  };
  onTestFinished(() => {
    hooks.renamed = () => undefined;
  });
  const sealer = start({ ...options(), ...extra });
  for (let n = 0; n < 3; n++) {
    sealer.write(`{"n":${n}}`);
    await sealer.flush();
    sealer.write('after the flush');
    await sealer.rotate();
  }
  sealer.write('{"last":true}');
  await sealer.close();
  expect(images.length).toBeGreaterThan(2);
  for (const image of images) {
    for (const name of readdirSync(image).filter((one) => one.endsWith('.manifest.json'))) {
      const { bytes } = JSON.parse(readFileSync(join(image, name), 'utf8')) as Manifest;
      const plain = join(image, name.replace(/\.manifest\.json$/, ''));
      const size = statSync(plain, { throwIfNoEntry: false })?.size;
      if (size !== undefined) expect(size).toBeGreaterThanOrEqual(bytes);
    }
    const report = await audit(image, provider, { origin: 'audit.example.com/*' });
    expect(report.findings.filter(({ severity }) => severity === 'tampered')).toEqual([]);
  }
});
