import { basename } from 'node:path';
import type { VerifyReport } from '../../src/index.ts';
import type { History, NamedBytes } from './history.ts';

/** Whatever was found: is it where the report says, and does the report agree with itself? */

function lineStarts(bytes: Buffer): number[] {
  const starts = [0];
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) starts.push(at + 1);
  return starts;
}

const WORST = ['ok', 'undecided', 'tampered'] as const;

/** What cannot be so. */
export function placeViolations(
  { files, unwrap, live }: Pick<History, 'files' | 'unwrap' | 'live'>,
  report: VerifyReport,
): string[] {
  const says: string[] = [];
  const plain = new Map<string, NamedBytes>(files.map((file) => [file.name, file]));
  for (const { code, file, line, offset, seq, lastSeq } of report.findings) {
    const { bytes } = plain.get(basename(file ?? '')) ?? {};
    if (lastSeq !== undefined && seq !== undefined && lastSeq < seq) says.push(`${code} from ${seq} to ${lastSeq}`);
    if (bytes === undefined || line === undefined || unwrap !== undefined || bytes[0] === 0x1f) continue;
    const start = lineStarts(bytes)[line - 1];
    if (start !== offset && !(line === 1 && bytes[0] === 0xef))
      says.push(`${code} line ${line} at ${offset}, is at ${start}`);
  }
  for (const { origin, verdict, findings, firstSeq, lastSeq, provenSize, end } of report.streams) {
    const of = (severity: string): boolean => findings.some((one) => one.severity === severity);
    const is = of('tampered') ? 'tampered' : of('undecided') ? 'undecided' : 'ok';
    if (verdict !== is) says.push(`${origin} ${verdict}, is ${is}`);
    if (provenSize < 0 || provenSize > lastSeq || firstSeq > lastSeq)
      says.push(`${origin} ${firstSeq} to ${lastSeq}, proven ${provenSize}`);
    if (verdict === 'ok' && !live && end !== 'open' && provenSize !== lastSeq)
      says.push(`ok, proven ${provenSize} of ${lastSeq}`);
  }
  const worst = Math.max(...report.streams.map(({ verdict }) => WORST.indexOf(verdict)));
  if (WORST[worst] !== report.verdict) says.push(`verdict ${report.verdict}`);
  return says;
}
