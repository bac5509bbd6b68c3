import assert from 'node:assert/strict';
import { digestText } from '../../src/core/hash.ts';
import { hashLeaf } from '../../src/core/tree.ts';
import { classifyLine, TAIL_LENGTH } from '../../src/format/entry.ts';
import { fileSource, type Source } from '../../src/verify/input/sources.ts';
import type { LargeFiles } from '../../src/verify/parallel/parallel-reading.ts';
import { ParallelReading } from '../../src/verify/parallel/parallel-reading.ts';
import { SegmentReader } from '../../src/verify/parallel/segment-reader.ts';
import { judge, memorySource } from '../support/judge.ts';
import { type Subject, subjects } from '../support/mutations.ts';
import type { Random } from './random.ts';
import { inFile } from './scratch.ts';
import type { Target } from './target.ts';
import { assertPrintable } from './text-targets.ts';

/** Whole logs, with every key in hand. */

const LF = Buffer.from('\n');

const bytesOf = (lines: readonly Buffer[]): Buffer => Buffer.concat(lines.flatMap((line) => [line, LF]));

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const lf = bytes.indexOf(0x0a, from);
    lines.push(bytes.subarray(from, lf < 0 ? bytes.length : lf));
    from = lf < 0 ? bytes.length : lf + 1;
  }
  return lines;
}

/** What cannot change in a log that is ok: its entries. Checkpoint lines may move (M9.1). */
function entriesOf(bytes: Buffer): string[] {
  return linesOf(bytes)
    .filter((line) => line.length > 0 && classifyLine(line).type !== 'checkpoint')
    .map((line) => line.toString('latin1'));
}

/** The checksum that whoever has no key can make: it gets a changed line past the first check. */
function withChecksum(line: Buffer): Buffer {
  const leaf = line.subarray(0, line.length - TAIL_LENGTH);
  return Buffer.concat([leaf, Buffer.from(`${digestText(hashLeaf(leaf))}"}}`)]);
}

/** Lines moved, doubled, dropped, renumbered, or one changed and its checksum made anew. */
function changeLines(input: Buffer, random: Random): Buffer | undefined {
  const lines = linesOf(input);
  if (lines.length < 2) return undefined;
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(lines.length);
    const line = lines[at] ?? LF;
    const other = random.below(lines.length);
    switch (random.below(6)) {
      case 0:
        lines.splice(at, 1 + random.below(3));
        break;
      case 1:
        lines.splice(other, 0, line);
        break;
      case 2:
        lines.splice(at, 1, lines[other] ?? LF);
        break;
      case 3:
        lines.length = Math.max(at, 1);
        break;
      case 4: {
        const seq = String(1 + random.below(lines.length));
        lines[at] = withChecksum(Buffer.from(line.toString('latin1').replace(/"seq":\d+/, `"seq":${seq}`), 'latin1'));
        break;
      }
      default: {
        const text = line.toString('latin1');
        const found = [...text.matchAll(/:(\d+|"[^"]*")/g)];
        if (found.length === 0) break;
        const match = random.pick(found);
        const put = random.pick([
          ':0',
          ':1',
          ':7',
          ':""',
          ':"new"',
          ':"recovered"',
          ':"shutdown"',
          ':"rotated"',
          match[0],
        ]);
        const changed = text.slice(0, match.index) + put + text.slice(match.index + match[0].length);
        lines[at] = withChecksum(Buffer.from(changed, 'latin1'));
      }
    }
    if (lines.length < 2) return undefined;
  }
  return bytesOf(lines);
}

function wholeLog(of: Subject['name']): Target {
  const subject = subjects().find(({ name }) => name === of) as Subject;
  const honest = bytesOf(subject.log.lines.map(({ bytes }) => bytes));
  const entries = entriesOf(honest);
  return {
    name: `log-${of}`,
    seeds: () => [honest],
    limit: 4 * honest.length,
    change: changeLines,
    async run(input) {
      const source = (chunk: number): Source => memorySource('log.jsonl', input, chunk);
      const whole = await judge([source(1 << 20)], subject.auditor);
      for (const { message } of whole.findings) assertPrintable(message);
      const inChunks = await judge([source(101)], subject.auditor);
      assert.deepEqual(inChunks, whole, 'how the bytes come makes a difference');
      if (whole.verdict !== 0) return;
      // M9.2; a log that was cut at one of its closes looks like one that ended there
      const left = entriesOf(input);
      assert.deepEqual(left, entries.slice(0, left.length), 'ok, and not what was sealed');
      assert.match(left.at(-1) ?? '', /"kind":"close"/);
    },
  };
}

/** A file in small parts, each checked as another process would check it. */
const inParts: LargeFiles = {
  from: 0,
  read: async (verifier, splitter, file, onBytes) => {
    const reader = new SegmentReader(file.fd);
    const known = new Set<number>();
    await new ParallelReading(verifier, splitter, file, onBytes).readAll(
      { head: 600, segment: 2_300, ahead: 2 },
      () => ({
        check: async (from, to, keyOf) => {
          const key = keyOf(known);
          if (key !== undefined) known.add(key.key);
          return reader.check({ id: 0, from, to, keys: key === undefined ? [] : [key] });
        },
        close: () => undefined,
      }),
    );
  },
};

/** Records enough that the parts of a file have something to tell. */
function longLog(subject: Subject): Buffer {
  const log = subject.log.fork();
  log
    .open(log.epoch?.keys ?? {})
    .seal()
    .checkpoint();
  for (let seal = 0; seal < 3; seal++) {
    for (let at = 0; at < 20; at++) log.record(`{"msg":"record ${at}"}`);
    log.seal().checkpoint();
  }
  return bytesOf(
    log
      .close()
      .checkpoint()
      .lines.map(({ bytes }) => bytes),
  );
}

function segments(of: Subject['name']): Target {
  const subject = subjects().find(({ name }) => name === of) as Subject;
  const honest = longLog(subject);
  return {
    name: `parts-${of}`,
    seeds: () => [honest],
    limit: 2 * honest.length,
    change: changeLines,
    async run(input) {
      const path = inFile('log.jsonl', input);
      const sources = [await fileSource(path, Number.MAX_SAFE_INTEGER)];
      const whole = await judge(sources, subject.auditor);
      assert.deepEqual(
        await judge(sources, subject.auditor, inParts),
        whole,
        'who checks the records makes a difference',
      );
    },
  };
}

export const logTargets: readonly Target[] = [
  wholeLog('mac'),
  wholeLog('hash'),
  wholeLog('both'),
  segments('mac'),
  segments('hash'),
];
