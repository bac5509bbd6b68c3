import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { SealerOptions } from '../../src/index.ts';
import { read, start, workplace } from './workplace.ts';

type Mode = 'data key' | 'signing' | 'both';
const modes: Record<Mode, Partial<SealerOptions>> = {
  'data key': {},
  signing: { useKmsSigning: true },
  both: { signingKeyId: 'sign' },
};

describe.each(Object.entries(modes))('a stream sealed with %s', (_mode, extra) => {
  it('holds every line, with an open, seals, checkpoints and a close', async () => {
    const { file, options, provider } = workplace(['audit', 'sign']);
    const sealer = start({ ...options(), ...extra, checkpointMaxRecords: 4 });
    const lines = Array.from({ length: 10 }, (_, n) => `{"n":${n},"msg":"hello"}`);
    for (const line of lines) sealer.write(`${line}\n`);
    await sealer.close();
    const stream = await read([file], provider);
    expect(stream.entries.map(({ kind }) => kind).join(' ')).toBe(
      'open seal record record record record seal record record record record seal record record close',
    );
    expect(stream.entries.flatMap((entry) => (entry.kind === 'record' ? [entry.line] : []))).toEqual(lines);
    expect(stream.opens[0]).toMatchObject({ why: 'new', size: 0, frontier: [] });
    expect(stream.checkpoints.at(-1)?.size).toBe(stream.size);
  });

  it('goes on where a clean end left it, under a new key period', async () => {
    const { file, options, provider } = workplace(['audit', 'sign']);
    for (const run of [1, 2, 3]) {
      const sealer = start({ ...options(), ...extra });
      sealer.write(`{"run":${run}}`);
      await sealer.close();
    }
    const stream = await read([file], provider);
    expect(stream.opens.map(({ why }) => why)).toEqual(['new', 'resumed', 'resumed']);
    expect(stream.opens.map(({ checkpoint }) => checkpoint?.size)).toEqual([undefined, 4, 8]);
    expect(stream.opens.map(({ adoptedFrom }) => adoptedFrom)).toEqual([undefined, undefined, undefined]);
  });

  it('is sealed at the end of the process without a signature, and adopted at the next start', async () => {
    const { file, options, provider } = workplace(['audit', 'sign']);
    const first = start({ ...options(), ...extra });
    await first.flush();
    first.write('{"n":1}');
    first.closeSync();
    const second = start({ ...options(), ...extra });
    await second.close();
    const stream = await read([file], provider);
    const signed = extra.useKmsSigning !== undefined || extra.signingKeyId !== undefined;
    expect(stream.opens[1]).toMatchObject({ why: 'resumed', size: 4, checkpoint: { size: signed ? 2 : 4 } });
    expect(stream.opens[1]?.adoptedFrom).toBe(signed ? 3 : undefined);
  });

  it('flush resolves when a checkpoint on disk covers everything before', async () => {
    const { file, options, provider } = workplace(['audit', 'sign']);
    const sealer = start({ ...options(), ...extra });
    sealer.write('{"n":1}');
    await sealer.flush();
    const size = readFileSync(file).length;
    const stream = await read([file], provider);
    expect(stream.checkpoints.at(-1)).toMatchObject({ size: 4 });
    expect(stream.size).toBe(4);
    await sealer.flush();
    expect(readFileSync(file).length).toBe(size);
  });
});
