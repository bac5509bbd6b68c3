import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { read, start, workplace } from './workplace.ts';

it('closed files that are moved away at once never get a name twice, also by the next process', async () => {
  const { directory, file, options, provider } = workplace(['audit']);
  const archive = join(directory, 'archive');
  mkdirSync(archive);
  const names: string[] = [];
  for (let process = 0; process < 2; process++) {
    const sealer = start(options());
    sealer.on('closedFile', ({ file: closed, manifest }) => {
      if (closed === file) return; // the last one keeps its name
      for (const path of [closed, manifest]) renameSync(path, join(archive, basename(path)));
      names.push(basename(closed));
    });
    for (let n = 0; n < 4; n++) {
      const moved = names.length;
      sealer.write(`{"process":${process},"n":${n}}`);
      await sealer.rotate();
      await expect.poll(() => names.length).toBe(moved + 1);
    }
    await sealer.close();
  }
  expect(new Set(names).size).toBe(8);
  expect([...names].sort()).toEqual(names);
  const logs = readdirSync(archive).filter((name) => name.endsWith('.jsonl'));
  const stream = await read([...logs.sort().map((name) => join(archive, name)), file], provider);
  expect(stream.entries.filter(({ kind }) => kind === 'record')).toHaveLength(8);
});
