import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { FLEET } from '../../support/topic-logs.ts';
import type { Bench } from './bench.ts';

/** What is made to keep a verifier reading, waiting or remembering: each takes at most so much memory, and time. */

const MOST_MB = 200;
const MOST_SECONDS = 10;
const MB = 1_000_000;

/** Writes a file, and gives the arguments of `verify` for it. `honest` is a log that is as it was. */
type Input = (path: string, honest: string) => readonly string[];

/** A file of so many equal parts. */
function repeated(path: string, times: number, part: string | Buffer): void {
  writeFileSync(path, '');
  for (let at = 0; at < times; at++) appendFileSync(path, part);
}

/** A text in a text, and so on: each one doubles the escapes. */
const nested = (levels: number): string => (levels === 0 ? '{}' : JSON.stringify({ a: nested(levels - 1) }));

export const inputs: Readonly<Record<string, Input>> = {
  '500 MB of line ends in gzip': (path) => {
    repeated(`${path}.gz`, 50, gzipSync(Buffer.alloc(10 * MB, '\n'), { level: 1 }));
    return [`${path}.gz`];
  },
  'a line of 500 MB in gzip': (path) => {
    repeated(`${path}.gz`, 50, gzipSync(Buffer.alloc(10 * MB, 'x'), { level: 1 }));
    return [`${path}.gz`];
  },
  'a proof of 32 MB': (path) => {
    repeated(`${path}.tlog-proof`, 32, `${'A'.repeat(43)}=\n`.repeat(MB / 45));
    return [`${path}.tlog-proof`];
  },
  'a policy of 32 MB': (path, honest) => {
    repeated(path, 32, '- name: x\n'.repeat(MB / 10));
    return [honest, '--policy', path];
  },
  'known checkpoints of 32 MB': (path, honest) => {
    repeated(path, 32, `{"origin":"a","first":"${'x'.repeat(70)}"},\n`.repeat(MB / 100));
    return [honest, '--known', path];
  },
  'lines of Docker of 14 MB': (path) => {
    const line = `{"log":"${'x'.repeat(14 * MB)}\\n","stream":"stdout","time":"2026-11-24T23:00:00Z"}\n`;
    repeated(path, 5, line);
    return [path, '--unwrap', 'docker'];
  },
  '72 MB of texts in texts': (path) => {
    const line = `${nested(13)}\n`;
    repeated(path, Math.ceil((72 * MB) / line.length), line);
    return [path, '--unwrap', 'field:a'];
  },
};

/** @returns what is wrong; undefined: nothing */
export async function judgeInput(bench: Bench, name: string): Promise<string | undefined> {
  const folder = bench.folder();
  const honest = join(folder, 'honest.jsonl');
  writeFileSync(honest, `${bench.lines('honest').join('\n')}\n`);
  const argv = inputs[name]?.(join(folder, 'input'), honest) ?? [];
  const { code, peakMb, seconds } = await bench.command(
    ['verify', ...argv, '--origin', `${FLEET}/honest`, ...bench.keys],
    { env: bench.keyEnv },
  );
  const wrong = [
    ...(code === 70 ? ['exit 70'] : []),
    ...(peakMb > MOST_MB ? [`${peakMb.toFixed(0)} MB in all`] : []),
    ...(seconds > MOST_SECONDS ? [`${seconds.toFixed(0)} s`] : []),
  ];
  return wrong.length === 0 ? undefined : wrong.join('; ');
}
