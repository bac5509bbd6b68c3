import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TamperError } from '../../src/errors.ts';
import { FileSink } from '../../src/seal/disk/sink-file.ts';
import { workplace } from './workplace.ts';

/** A process that stands still between its look at the lock and its writing, for longer than the lock lives. */

function place(): { file: string; looks: number; lostAfter: number; sink: FileSink } {
  const file = join(workplace().directory, 'log');
  const lease = {
    assertHeld: (): void => {
      if (++one.looks > one.lostAfter) throw new TamperError('LOCKED', 'another writer has taken the stream over');
    },
  };
  const one = { file, looks: 0, lostAfter: Number.POSITIVE_INFINITY, sink: new FileSink(file, { lease }) };
  return one;
}

const line = Buffer.from('line\n');

describe('a writer whose file another one changed', () => {
  it('has lost its lock where that is so by now', () => {
    const one = place();
    one.sink.write(line, 0, line.length);
    one.lostAfter = one.looks + 1; // held at the look, lost while it stands still
    appendFileSync(one.file, 'of the next writer\n');
    expect(() => one.sink.write(line, 0, line.length)).toThrow(expect.objectContaining({ code: 'LOCKED' }));
  });

  it.each([
    ['grew', (file: string) => appendFileSync(file, 'x')],
    ['is gone', (file: string) => rmSync(file)],
  ])('is told of it where it has the lock still and the file %s', (_, change) => {
    const { file, sink } = place();
    sink.write(line, 0, line.length);
    change(file);
    expect(() => sink.write(line, 0, line.length)).toThrow(expect.objectContaining({ code: 'FOREIGN_WRITE' }));
  });
});
