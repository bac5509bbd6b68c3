import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { formatNote, parseSignedCheckpoint } from '../../src/format/checkpoint.ts';
import { formatControlLeaf, readControl } from '../../src/format/control.ts';
import { classifyLine, formatCheckpointLine, TAIL_LENGTH } from '../../src/format/entry.ts';
import { inputForm, recordHead, unwrapRecord } from '../../src/format/record.ts';
import { parseVkey } from '../../src/format/vkey.ts';
import { formatVkey } from '../../src/index.ts';

const samples = new URL('../samples/', import.meta.url);
const names = readdirSync(samples);

function linesOf(name: string): Buffer[] {
  const bytes = readFileSync(new URL(name, samples));
  const text = name.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  const lines: Buffer[] = [];
  for (let start = 0, lf = text.indexOf(10); lf >= 0; start = lf + 1, lf = text.indexOf(10, start)) {
    if (lf > start) lines.push(text.subarray(start, lf));
  }
  return lines;
}

describe('logs sealed by an independent implementation', () => {
  const honest = names.filter((name) => /^h.*\.jsonl(\.gz)?$/.test(name));
  it.each(honest)('%s: every line reads and writes back to itself', (name) => {
    const lines = linesOf(name);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      const text = line.toString('utf8');
      if (text === 'half a line') continue; // the torn line of a crash on standard output
      const read = classifyLine(line);
      if (read.type === 'record') {
        const own = unwrapRecord(line, read);
        expect(own, text).toBeDefined();
        if (own !== undefined && read.part === undefined) {
          expect(line.subarray(0, read.memberStart)).toEqual(recordHead(own, inputForm(own)));
        }
      } else if (read.type === 'control') {
        const reading = readControl(line, read.seq, read.kind, `${read.tag}.${read.epoch}`, read.member);
        expect(reading, text).toHaveProperty('entry');
        if ('entry' in reading) {
          const leaf = formatControlLeaf(read.seq, reading.entry, `${read.tag}.${read.epoch}`, read.member);
          expect(leaf).toBe(text.slice(0, -TAIL_LENGTH));
        }
      } else {
        expect(read.type, text).toBe('checkpoint');
        const note = read.type === 'checkpoint' ? read.note : undefined;
        const checkpoint = parseSignedCheckpoint(note ?? '');
        expect(checkpoint, text).toBeDefined();
        expect(formatCheckpointLine(note ?? '')).toBe(text);
        expect(note?.startsWith(formatNote(checkpoint?.text ?? '', []))).toBe(true);
      }
    }
  });

  it('name their public keys by vkeys that read and write back to themselves', () => {
    const vkeys = names
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => (JSON.parse(readFileSync(new URL(name, samples), 'utf8')) as { vkeys: string[] }).vkeys);
    expect(vkeys.length).toBeGreaterThan(50);
    for (const vkey of vkeys) {
      const { name, key } = parseVkey(vkey);
      expect(formatVkey(name, key)).toBe(vkey);
    }
  });
});
