import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { VerifyReport } from '../../src/index.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { vkeyOf } from '../support/signing-keys.ts';
import { verify } from '../support/verifying.ts';
import { edKey, nextEdKey } from '../vectors/keys.ts';

/** A stream that some tool has cut into files at any line, which then begin with whatever stands there (M8.2). */

const first = 'audit.example.com/a';
const second = 'audit.example.com/b';
const pattern = 'audit.example.com/*';
const publicKeys = [edKey, nextEdKey].flatMap((key) => [first, second].map((origin) => vkeyOf(origin, key)));
const runs = Number(process.env['SPLITS'] ?? 15);

/** Runs, a hand-over, a change of file, a gap; each line with its LF. */
function linesOf(origin: string): Buffer[] {
  const log = new SealedLog(origin)
    .open({ signers: [edKey] })
    .seal()
    .checkpoint()
    .record('{"n":1}', 'text')
    .seal();
  log.checkpoint().gap(0, 'suspended').record('{"n":2}').close('rotated').checkpoint();
  log.rotate('log.jsonl').record('{"n":3}').seal().checkpoint();
  log
    .handOver({ signers: [nextEdKey] })
    .record('{"n":4}')
    .seal()
    .checkpoint();
  log
    .open({ signers: [nextEdKey] })
    .seal()
    .checkpoint()
    .record('{"n":5}')
    .close()
    .checkpoint();
  return log.lines.map(({ bytes }) => Buffer.concat([bytes, Buffer.from('\n')]));
}

/** Cut before each of these lines. */
function cut(lines: readonly Buffer[], cuts: readonly number[]): Buffer[] {
  const at = [0, ...[...new Set(cuts.map((one) => one % lines.length))].sort((a, b) => a - b), lines.length];
  return at.slice(1).flatMap((end, index) => {
    const part = Buffer.concat(lines.slice(at[index], end));
    return part.length === 0 ? [] : [part];
  });
}

/** A folder with these files, under names that say nothing of their order; some of them compressed. */
function folderOf(files: readonly Buffer[], names: readonly number[]): { directory: string; paths: string[] } {
  const directory = mkdtempSync(join(tmpdir(), 'splits-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const paths = files.map((bytes, at) => {
    const name = names[at % names.length] ?? 0;
    const packed = name % 3 === 0;
    const path = join(directory, `${name}-${at}.log${packed ? '.gz' : ''}`);
    writeFileSync(path, packed ? gzipSync(bytes) : bytes);
    return path;
  });
  return { directory, paths };
}

const said = ({ verdict, findings }: VerifyReport): unknown => [
  verdict,
  findings.map(({ code, seq }) => [code, seq]).sort(),
];
const cuts = fc.array(fc.nat(60), { maxLength: 8 });
const names = fc.array(fc.nat(99), { minLength: 1, maxLength: 9 });

describe('a stream that is cut into files at any line', () => {
  it.each([
    ['its exact name', first],
    ['a pattern', pattern],
    ['several names', [second.replace('/b', '/c'), first]],
  ])('gets the same verdict as in one file, under %s', async (how, origin) => {
    const lines = linesOf(first);
    const ask = async (paths: readonly string[], demux: boolean): Promise<unknown> =>
      said(await verify({ paths, origin, publicKeys, demux }));
    const whole = await ask(folderOf([Buffer.concat(lines)], [1]).paths, false);
    expect(whole).toMatchObject([how === 'several names' ? 'undecided' : 'ok', expect.anything()]);
    await fc.assert(
      fc.asyncProperty(cuts, names, fc.boolean(), async (where, called, demux) => {
        const { directory, paths } = folderOf(cut(lines, where), called);
        expect(await ask([directory], demux)).toEqual(whole);
        expect(await ask(paths.toReversed(), demux)).toEqual(whole);
      }),
      { numRuns: runs },
    );
  });

  it('is found wherever the one file with an open is, and wherever it is cut: every single place', async () => {
    const lines = linesOf(first);
    for (let at = 1; at < lines.length; at++) {
      const { paths } = folderOf(cut(lines, [at]), [1]);
      const report = await verify({ paths: paths.toReversed(), origin: pattern, publicKeys });
      expect([at, report.verdict, report.findings.filter(({ severity }) => severity !== 'warning')]).toEqual([
        at,
        'ok',
        [],
      ]);
    }
  });

  it('is cut in the same way by a pattern as by its name, whatever is missing, moved or changed', async () => {
    const lines = linesOf(first);
    await fc.assert(
      fc.asyncProperty(cuts, names, fc.nat(60), fc.nat(60), async (where, called, dropped, moved) => {
        const changed = lines.toSpliced(dropped % lines.length, 1);
        const [line] = changed.splice(moved % changed.length, 1);
        changed.splice((moved * 7) % changed.length, 0, line as Buffer);
        const { paths } = folderOf(cut(changed, where), called);
        const [exact, wild] = await Promise.all(
          [first, pattern].map(async (origin) => (await verify({ paths, origin, publicKeys })).verdict),
        );
        const opens = changed.some((one) => one.includes('"kind":"open"'));
        if (opens) expect(wild).toBe(exact);
      }),
      { numRuns: runs },
    );
  });
});

describe('streams that are mixed and cut into files at any line', () => {
  /** The lines of both streams, each stream's in their order. */
  function mixed(turns: readonly boolean[]): Buffer[] {
    const [one, two] = [linesOf(first), linesOf(second)];
    const taken: Buffer[] = [];
    for (const turn of turns) taken.push(...(turn ? one : two).splice(0, 1));
    return [...taken, ...one, ...two];
  }

  it('get the same verdict as in one file, under their names and under a pattern', async () => {
    const turns = fc.array(fc.boolean(), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(turns, cuts, names, async (turn, where, called) => {
        const { directory } = folderOf(cut(mixed(turn), where), called);
        for (const origin of [[first, second], pattern]) {
          const report = await verify({ paths: [directory], origin, publicKeys, demux: true });
          expect(report.verdict, JSON.stringify(report.findings)).toBe('ok');
        }
      }),
      { numRuns: runs },
    );
  });

  it('are undecided from a pipe where entries come before the open that says whose they are', async () => {
    const lines = linesOf(first);
    const late = [...linesOf(second), ...lines.slice(4)];
    const input = Readable.from([Buffer.concat(late)]);
    const report = await verify({ paths: ['-'], input, origin: pattern, publicKeys, demux: true });
    expect(report.verdict).toBe('undecided');
    expect(report.findings.map(({ code }) => code)).toContain('START_UNPROVEN');
  });
});
