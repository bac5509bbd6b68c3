import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { read, sealedFiles, start, workplace } from './workplace.ts';

/** The name of a closed file. */
const CLOSED = /^audit\.\d{8}T\d{6}Z-\d{4}\.jsonl$/;
const modes = { 'data key': {}, signing: { useKmsSigning: true }, both: { signingKeyId: 'sign' } };

describe.each(Object.entries(modes))('change of file, sealed with %s', (_mode, extra) => {
  it('goes on in a next file under the same key period, with a manifest beside the first', async () => {
    const { directory, file, options, provider } = workplace(['audit', 'sign']);
    const sealer = start({ ...options(), ...extra });
    for (let n = 0; n < 5; n++) sealer.write(`{"n":${n}}`);
    await sealer.rotate();
    for (let n = 5; n < 8; n++) sealer.write(`{"n":${n}}`);
    await sealer.close();
    const files = sealedFiles(directory);
    expect(files).toHaveLength(2);
    const stream = await read(files, provider);
    expect(stream.opens.map(({ why, step }) => [why, step])).toEqual([
      ['new', 0],
      ['rotated', 2],
    ]);
    expect(stream.checkpoints.some(({ size }) => size === 8)).toBe(true);
    expect(stream.checkpoints.at(-1)?.size).toBe(stream.size);
    expect(files[1]).toBe(file); // what is written keeps its name
    const reading = JSON.parse(readFileSync(`${files[0]}.manifest.json`, 'utf8')) as unknown;
    expect(reading).toMatchObject({
      file: expect.stringMatching(CLOSED),
      record_count: 5,
      first_seq: 1,
      last_seq: 8,
      size: 8,
      key_id: expect.stringMatching(/\.1$/),
    });
    expect(existsSync(`${files[1]}.manifest.json`)).toBe(true);
  });

  it('happens by size, and each file is whole by itself', async () => {
    const { directory, options, provider } = workplace(['audit', 'sign']);
    const sealer = start({ ...options(), ...extra, rotateMaxBytes: 4096 });
    await sealer.ready;
    for (let n = 0; n < 100; n++) sealer.write(`{"n":${n},"pad":"${'x'.repeat(100)}"}`);
    await sealer.close();
    const files = sealedFiles(directory);
    expect(files.length).toBeGreaterThan(4);
    const stream = await read(files, provider);
    expect(stream.entries.filter(({ kind }) => kind === 'record')).toHaveLength(100);
    for (const file of files) expect(readFileSync(file).length).toBeLessThan(8192);
  });

  it('happens by size where each process writes one line', async () => {
    const { directory, options, provider } = workplace(['audit', 'sign']);
    for (let n = 0; n < 8; n++) {
      const sealer = start({ ...options(), ...extra, rotateMaxBytes: 4096 });
      sealer.write(`{"n":${n},"pad":"${'x'.repeat(1_000)}"}`);
      await sealer.close();
    }
    const files = sealedFiles(directory);
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect(readFileSync(file).length).toBeLessThan(12_288);
    const stream = await read(files, provider);
    expect(stream.entries.filter(({ kind }) => kind === 'record')).toHaveLength(8);
  });

  it('compresses closed files, and goes on after a restart', async () => {
    const { directory, options } = workplace(['audit', 'sign']);
    const sealer = start({ ...options(), ...extra, compressRotated: true });
    sealer.write('{"n":1}');
    await sealer.rotate();
    sealer.write('{"n":2}');
    await sealer.close();
    const again = start({ ...options(), ...extra, compressRotated: true });
    again.write('{"n":3}');
    await again.close();
    const names = readdirSync(directory).filter((name) => name.startsWith('audit'));
    const closed = names.filter((name) => name !== 'audit.jsonl' && !name.endsWith('.manifest.json'));
    expect(closed).toEqual([expect.stringMatching(/^audit\.\d{8}T\d{6}Z-0001\.jsonl\.gz$/)]);
  });

  it('rotate_chain: each file is a stream of its own that cites the one before', async () => {
    const { directory, options, provider } = workplace(['audit', 'sign']);
    const sealer = start({ ...options(), ...extra, rotateChain: true });
    sealer.write('{"n":1}');
    await sealer.rotate();
    sealer.write('{"n":2}');
    await sealer.rotate();
    const origin = sealer.origin;
    await sealer.close();
    const again = start({ ...options(), ...extra, rotateChain: true });
    again.write('{"n":3}');
    await again.close();
    expect(again.origin).toBe(origin);
    const files = sealedFiles(directory);
    expect(files).toHaveLength(3);
    const streams = await Promise.all(files.map((file) => read([file], provider)));
    expect(streams.map(({ opens }) => opens.map(({ why }) => why))).toEqual([['new'], ['new'], ['new', 'resumed']]);
    expect(streams[1]?.opens[0]?.after).toMatchObject({ origin: streams[0]?.opens[0]?.origin, size: streams[0]?.size });
    expect(streams[0]?.entries.at(-1)).toMatchObject({
      kind: 'close',
      why: 'continued',
      continuedBy: streams[1]?.opens[0]?.origin,
    });
    for (const { checkpoints, size } of streams) expect(checkpoints.some((one) => one.size === size)).toBe(true);
  });
});

it('does not make empty files: a change of file without records in it is nothing', async () => {
  const { directory, options } = workplace();
  const sealer = start({ ...options(), rotateIntervalSeconds: 1 });
  await sealer.ready;
  await sealer.close();
  expect(readdirSync(directory).filter((name) => name.endsWith('.jsonl'))).toEqual(['audit.jsonl']);
});
