import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Finding, VerifyReport } from '../../src/index.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { ed25519Key, vkeyOf } from '../support/signing-keys.ts';
import { type VerifyOptions, verify } from '../support/verifying.ts';

// What a report tells besides the verdict: when, where, and which line.

const key = ed25519Key('report-1');
let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'report-facts-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function signedLog(): SealedLog {
  const log = new SealedLog()
    .open({ signers: [key] })
    .seal()
    .checkpoint();
  log.record('{"n":1}', '{"n":2}').seal().checkpoint();
  log.record('{"n":3}', '{"n":4}').seal().checkpoint();
  return log.record('{"n":5}').close().checkpoint();
}

async function judged(log: SealedLog, more: Partial<VerifyOptions> = {}, named = true): Promise<VerifyReport> {
  const paths = log.toFiles().map(({ name, bytes }) => {
    writeFileSync(join(directory, name), bytes);
    return join(directory, name);
  });
  const publicKeys = named ? [vkeyOf(log.origin, key)] : [];
  return verify({ paths, origin: log.origin, publicKeys, ...more });
}

/** Changes a record and makes its checksum right again, as whoever knows the format would. */
function rewrite(log: SealedLog, from: string, to: string): void {
  const line = log.lines.find(({ bytes }) => bytes.includes(from));
  if (line === undefined) throw new Error(`no line with ${from}`);
  const leaf = Buffer.from(line.bytes.toString('utf8').slice(0, -46).replace(from, to));
  const hash = createHash('sha256').update(Buffer.of(0)).update(leaf).digest('base64url');
  line.bytes = Buffer.concat([leaf, Buffer.from(`${hash}"}}`)]);
}

const only = ({ findings }: VerifyReport, code: Finding['code']): Finding => {
  const found = findings.filter((finding) => finding.code === code);
  expect(found).toHaveLength(1);
  return found[0] as Finding;
};

describe('a change that no line shows by itself', () => {
  it('lies between the two checkpoints around it, and the report says which entries and when', async () => {
    const log = signedLog();
    rewrite(log, '"n":3', '"n":9');
    const found = only(await judged(log), 'ROOT_MISMATCH');
    expect(found).toMatchObject({ within: { firstSeq: 6, lastSeq: 8 } });
    expect(found.previousSealTime).toBe('2026-11-24T23:00:03.000Z');
    expect(found.nextSealTime).toBe('2026-11-24T23:00:04.000Z');
  });

  it('is not narrowed by checkpoints that this auditor cannot check', async () => {
    const log = signedLog();
    rewrite(log, '"n":3', '"n":9');
    expect(only(await judged(log, {}, false), 'ROOT_MISMATCH').within).toEqual({ firstSeq: 1, lastSeq: 8 });
  });
});

describe('the line of a finding', () => {
  it('is quoted only where lines are asked for', async () => {
    const log = signedLog();
    const at = log.lines.findIndex(({ bytes }) => bytes.includes('"n":3'));
    log.lines.splice(at, 0, { file: 'log.jsonl', bytes: Buffer.from('<script>alert(1)</script>'), kind: 'raw' });
    expect(only(await judged(log), 'FOREIGN_LINE').quoted).toBeUndefined();
    const { quoted } = only(await judged(log, { quoteLines: true }), 'FOREIGN_LINE');
    expect(quoted).toEqual({ head: '<script>alert(1)</script>', bytes: 25 });
  });

  it('is that of the entry that was changed, with the seals around it', async () => {
    const log = signedLog();
    const line = log.lines.find(({ bytes }) => bytes.includes('"n":4'));
    if (line !== undefined) line.bytes = Buffer.from(line.bytes.toString('utf8').replace('"n":4', '"n":7'));
    const found = only(await judged(log, { quoteLines: true }), 'CHECKSUM_WRONG');
    expect(found.quoted?.head).toMatch(/^\{"n":7,"integrity":\{"seq":7,/);
    expect(found).toMatchObject({
      seq: 7,
      previousSealTime: '2026-11-24T23:00:03.000Z',
      nextSealTime: '2026-11-24T23:00:04.000Z',
    });
  });

  it('is cut between characters where it is long, and its length is told', async () => {
    const log = signedLog();
    const long = 'é'.repeat(5_000);
    log.lines.splice(3, 0, { file: 'log.jsonl', bytes: Buffer.from(`x${long}`), kind: 'raw' });
    const { quoted } = only(await judged(log, { quoteLines: true }), 'FOREIGN_LINE');
    expect(quoted?.bytes).toBe(10_001);
    expect(quoted?.head).toMatch(/^xé{383}$/);
    expect(quoted?.tail).toMatch(/^é{128}$/);
  });

  it('is never another one: a file that cannot be read to its end quotes nothing', async () => {
    const log = signedLog();
    const path = join(directory, 'log.jsonl.gz');
    const [file] = log.toFiles();
    writeFileSync(path, gzipSync(file?.bytes ?? '').subarray(0, -20));
    const report = await verify({ paths: [path], origin: log.origin, quoteLines: true });
    expect(only(report, 'UNREADABLE').quoted).toBeUndefined();
  });
});

describe('the files of a report', () => {
  it.each([false, true])(
    'have their entries, and the SHA-256 of their bytes where it is asked for (demux %s)',
    async (demux) => {
      const log = signedLog();
      const bytes = log.toFiles()[0]?.bytes ?? Buffer.alloc(0);
      const [plain] = (await judged(log, { demux })).streams;
      expect(plain?.fileDetails?.[0]).not.toHaveProperty('sha256');
      const [stream] = (await judged(log, { digestFiles: true, demux })).streams;
      const [details] = stream?.fileDetails ?? [];
      expect(basename(details?.file ?? '')).toBe('log.jsonl');
      expect(details).toMatchObject({
        size: bytes.length,
        bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        ...(!demux && { firstSeq: 1, lastSeq: 10 }),
      });
    },
  );

  it('a compressed file has the digest of what it holds', async () => {
    const log = signedLog();
    const bytes = log.toFiles()[0]?.bytes ?? Buffer.alloc(0);
    const path = join(directory, 'log.jsonl.gz');
    writeFileSync(path, gzipSync(bytes));
    const report = await verify({ paths: [path], origin: log.origin, digestFiles: true });
    const [details] = report.streams[0]?.fileDetails ?? [];
    expect(details?.bytes).toBe(bytes.length);
    expect(details?.size).toBeLessThan(bytes.length);
    expect(details?.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });
});

describe('the timeline', () => {
  it('has files, gaps, hand-overs, checkpoints and closes, and when each key period was in force', async () => {
    const next = ed25519Key('report-2');
    const log = new SealedLog()
      .open({ signers: [key] })
      .seal()
      .checkpoint()
      .record('{}')
      .gap(3)
      .seal()
      .checkpoint();
    log
      .handOver({ signers: [next] })
      .checkpoint()
      .record('{}')
      .close('rotated')
      .checkpoint();
    log.rotate('log.2.jsonl').record('{}').close().checkpoint();
    const [stream] = (await judged(log)).streams;
    const events = stream?.timeline.events.map(({ kind, seq, why = '' }) => `${kind} ${seq} ${why}`.trim());
    expect(events).toEqual([
      'open 1 new',
      'checkpoint 2',
      'gap 4 overflow',
      'checkpoint 5',
      'checkpoint 7',
      'hand_over 8',
      'checkpoint 9',
      'close 9 rotated',
      'open 10 rotated',
      'checkpoint 12',
      'close 12 shutdown',
    ]);
    expect(stream?.timeline.counts).toEqual({ open: 2, hand_over: 1, gap: 1, close: 2, checkpoint: 5 });
    const [first, second] = stream?.keys ?? [];
    expect(first?.startTime).toBe('2026-11-24T23:00:01.000Z');
    expect(first?.endTime).toBe(second?.startTime);
    expect(second?.endTime).toBe(stream?.endTime);
  });
});

describe('checkpoints of entries that were not given', () => {
  /** A second file with checkpoints of the first one's entries before and behind its own. */
  function twoFiles(): SealedLog {
    const log = new SealedLog();
    log.file = '1.jsonl';
    log
      .open({ signers: [key] })
      .seal()
      .record('{"n":1}')
      .seal();
    log.record('{"n":2}').close('rotated').checkpoint();
    log.file = '2.jsonl';
    log.checkpoint({ size: 4 }).checkpoint({ size: 2 }).checkpoint({ size: 4 });
    log.rotate('2.jsonl').record('{"n":3}').seal().checkpoint();
    return log.checkpoint({ size: 2 }).record('{"n":4}').close().checkpoint();
  }

  it('are counted, with the smallest size (M8.10), wherever they stand', async () => {
    const log = twoFiles();
    expect((await judged(log)).streams[0]).not.toHaveProperty('skippedCheckpoints');
    rmSync(join(directory, '1.jsonl'));
    const held = [log.note({ size: 6 })];
    const [stream] = (
      await verify({ paths: [directory], origin: log.origin, publicKeys: [vkeyOf(log.origin, key)], held })
    ).streams;
    expect(stream).toMatchObject({ verdict: 'ok', skippedCheckpoints: { count: 4, smallest: 2 } });
  });
});
