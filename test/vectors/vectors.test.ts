import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fileSource, type Source } from '../../src/verify/input/sources.ts';
import { severities } from '../support/finding-codes.ts';
import { type Brings, inChunks, judge } from '../support/judge.ts';
import { times } from '../support/tier.ts';
import { catalogue } from './catalogue/index.ts';
import { type ExpectedFinding, render, spell } from './render.ts';

/** vectors/v1: every file whole, in odd chunks or byte by byte; every finding code; frozen. */

const root = fileURLToPath(new URL('../../vectors/', import.meta.url));

interface Vector extends Brings {
  readonly about: string;
  readonly files: readonly string[];
  readonly verdict: 0 | 1 | 2;
  readonly findings: readonly ExpectedFinding[];
}

const names = readdirSync(`${root}v1`).filter(
  (name) => /(?<!\.manifest)\.json$/.test(name) && !name.startsWith('unit-'),
);
const read = (name: string): Vector => JSON.parse(readFileSync(`${root}v1/${name}`, 'utf8'));

/** Bytes in pieces, in the quick tier of one size in turn: a line of 17 MiB is not read byte by byte. */
const SIZES = [4093, 7, 1];
const chunkSizes = (bytes: number, at: number): readonly number[] =>
  bytes > 1 << 20 ? [65_537] : SIZES.map((_, index) => SIZES[(at + index) % 3] ?? 1).slice(0, times(1, 3));

async function sourcesOf(vector: Vector): Promise<Source[]> {
  const limit = vector.max_bytes ?? Number.MAX_SAFE_INTEGER;
  return Promise.all(vector.files.map(async (file) => fileSource(`${root}v1/${file}`, limit)));
}

async function expandedSize(sources: readonly Source[]): Promise<number> {
  let bytes = 0;
  for (const source of sources) for await (const chunk of source.read(() => undefined)) bytes += chunk.length;
  return bytes;
}

describe('vectors/v1', () => {
  it.each(names)('%s', async (name) => {
    const vector = read(name);
    const sources = await sourcesOf(vector);
    const expected = { verdict: vector.verdict, codes: vector.findings.map(spell) };
    const whole = await judge(sources, vector);
    expect({ verdict: whole.verdict, codes: whole.codes }, vector.about).toEqual(expected);
    for (const size of chunkSizes(await expandedSize(sources), names.indexOf(name))) {
      const pieces = sources.map((source) => inChunks(source, size));
      expect(await judge(pieces, vector), `in chunks of ${size} bytes`).toEqual(whole);
    }
  });

  it('holds one for every finding code', () => {
    const shown = new Set(names.flatMap((name) => read(name).findings.map(({ code }) => code)));
    const missing = [...severities().keys()].filter((code) => !shown.has(code));
    expect(missing).toEqual([]);
  });

  it('is what its generator makes', () => {
    for (const one of catalogue()) {
      for (const { name, bytes } of render(one)) {
        if (name.endsWith('.gz')) continue; // another zlib may compress to other bytes
        expect(readFileSync(`${root}v1/${name}`).equals(bytes), `${name} is not what the generator makes`).toBe(true);
      }
    }
  });

  it('is frozen: every file has its checksum', () => {
    const sums = readdirSync(`${root}v1`).map((name) => {
      const digest = createHash('sha256').update(readFileSync(`${root}v1/${name}`));
      return `${digest.digest('hex')}  v1/${name}\n`;
    });
    expect(readFileSync(`${root}SHA256SUMS`, 'utf8')).toBe(sums.join(''));
  });
});
