import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { VerifyReport } from '../../src/index.ts';
import { fileSource } from '../../src/verify/input/sources.ts';
import { streamReport, wholeReport } from '../../src/verify/verdict/report.ts';
import { type Brings, judgeStreams } from './judge.ts';

const root = fileURLToPath(new URL('../../vectors/v1/', import.meta.url));

interface Vector extends Brings {
  readonly about: string;
  readonly files: readonly string[];
}

/** Names of the vectors that are logs. */
export function vectorNames(): string[] {
  return readdirSync(root)
    .filter((name) => /(?<!\.manifest)\.json$/.test(name) && !name.startsWith('unit-'))
    .map((name) => name.slice(0, -'.json'.length));
}

/** The whole report on a vector, with the lines of its findings. */
export async function vectorReport(name: string): Promise<VerifyReport> {
  const vector: Vector = JSON.parse(readFileSync(`${root}${name}.json`, 'utf8'));
  const limit = vector.max_bytes ?? Number.MAX_SAFE_INTEGER;
  const sources = await Promise.all(vector.files.map(async (file) => fileSource(`${root}${file}`, limit)));
  const streams = await judgeStreams(sources, vector, { shown: { quoteLines: true, digestFiles: true } });
  return wholeReport(
    streams.map(({ facts, findings }) => streamReport(facts, findings, false)),
    { files: [], more: 0 },
  );
}
