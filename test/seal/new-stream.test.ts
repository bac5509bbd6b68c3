import { readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SealerOptions } from '../../src/index.ts';
import { audit, ORIGIN, start, workplace } from './workplace.ts';

/** Streams that a writer began in place of another one stand beside it, and are told apart from it. */

const modes: [string, Partial<SealerOptions>][] = [
  ['data key', {}],
  ['signing', { useKmsSigning: true }],
  ['both', { signingKeyId: 'sign' }],
];

describe.each(modes)('a log sealed with %s', (_name, extra) => {
  it.each([
    ['taken away, an empty file in its place', (file: string) => renameSync(file, join(dirname(file), 'away.jsonl'))],
    ['cut to nothing', (file: string) => truncateSync(file)],
    ['cut at a line', (file: string) => truncateSync(file, readFileSync(file).indexOf('\n') + 1)],
  ])('that was %s goes on as a new stream that is right in itself', async (what, spoil) => {
    const { directory, file, options, provider } = workplace(['audit', 'sign']);
    const settings = { ...options(), ...extra, onStateConflict: 'new_stream' as const };
    const sealer = start(settings);
    sealer.write('{"n":1}');
    await sealer.close();
    spoil(file);
    writeFileSync(file, '', { flag: 'a' });
    const again = start(settings);
    again.write('{"n":2}');
    await again.close();
    expect(again.origin).toMatch(new RegExp(`^${ORIGIN}/\\d{8}T\\d{6}Z-[0-9a-f]{8}$`));
    const report = await audit(directory, provider, { continued: true, manifests: [] });
    const codes = report.findings.map(({ code }) => code);
    for (const code of ['FORK', 'FOREIGN_TAG', 'ORIGIN_WRONG', 'OUT_OF_ORDER']) expect(codes).not.toContain(code);
    const begun = report.streams.find(({ origin }) => origin === again.origin);
    expect(begun).toMatchObject({ records: 1 });
    const doubts = (begun?.findings ?? []).filter(({ severity }) => severity !== 'warning');
    // of a file without a byte nothing is left that the new stream could be compared with
    expect(doubts.map(({ code }) => code)).toEqual(what === 'cut at a line' ? [] : ['START_UNPROVEN']);
  });

  it('whose every file is a stream of its own is verified whole', async () => {
    const { directory, options, provider } = workplace(['audit', 'sign']);
    const sealer = start({ ...options(), ...extra, rotateChain: true });
    sealer.write('{"n":1}');
    await sealer.rotate();
    sealer.write('{"n":2}');
    await sealer.rotate();
    await sealer.close();
    const report = await audit(directory, provider, { continued: true });
    expect(report.streams).toHaveLength(3);
    expect(report.verdict, JSON.stringify(report.findings)).toBe('ok');
    const alone = await audit(directory, provider);
    expect(alone.verdict).toBe('undecided');
  });
});
