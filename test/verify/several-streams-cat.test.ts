import { join } from 'node:path';
import { expect, it } from 'vitest';
import { originalLines } from '../../src/index.ts';
import { start, workplace } from '../seal/workplace.ts';

it('gives the lines of every stream back, where a directory holds several', async () => {
  const { directory, options } = workplace();
  const logs = join(directory, 'logs');
  for (const name of ['one', 'two', 'three']) {
    const sealer = start({ ...options(), file: join(logs, `${name}.jsonl`), origin: `audit.example.com/${name}` });
    for (let n = 0; n < 20; n++) sealer.write(`${name} ${n}`);
    await sealer.close();
  }
  const lines: string[] = [];
  await originalLines({
    paths: [logs],
    onPiece: (piece) => {
      lines.push(piece.toString());
      return undefined;
    },
    onProblem: (file, why) => expect.unreachable(`${file}: ${why}`),
  });
  const expected = ['one', 'two', 'three'].flatMap((name) => Array.from({ length: 20 }, (_, n) => `${name} ${n}`));
  expect(lines.toSorted()).toEqual(expected.toSorted());
});
