import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditorKeys, type StreamReport, type VerifyReport, verify } from '../../src/index.ts';
import { FLEET, fleetKey, fleetVkey } from './topic-logs.ts';

/** What a stream comes to, in a topic as in files. */
export interface StreamOutcome {
  readonly verdict: string;
  readonly records: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly provenSize: number;
  /** `CODE seq lastSeq line`. */
  readonly findings: readonly string[];
}

/** By origin; where lines stand counts by their number in the stream. */
export function outcomes(report: Pick<VerifyReport, 'streams'>): Record<string, StreamOutcome> {
  return Object.fromEntries(report.streams.map((stream) => [stream.origin, outcomeOf(stream)]));
}

function outcomeOf({ verdict, records, firstSeq, lastSeq, provenSize, findings }: StreamReport): StreamOutcome {
  const said = findings.map((one) => [one.code, one.seq, one.lastSeq, one.line].map((part) => part ?? '-').join(' '));
  return { verdict, records, firstSeq, lastSeq, provenSize, findings: said };
}

/** Verifies the same lines as files. */
export async function judgeFiles(streams: ReadonlyMap<string, readonly Buffer[]>): Promise<VerifyReport> {
  const directory = mkdtempSync(join(tmpdir(), 'fapilog-tamper-topic-'));
  const variable = 'FLEET_KEY_OF_THE_TEST';
  process.env[variable] = fleetKey;
  try {
    for (const [at, lines] of [...streams.values()].entries()) {
      const parts = lines.flatMap((line) => [line, Buffer.from('\n')]);
      writeFileSync(join(directory, `stream-${String(at).padStart(4, '0')}.jsonl`), Buffer.concat(parts));
    }
    const keys = auditorKeys({ dataKeyVariables: [variable], publicKeys: [fleetVkey] });
    return await verify({ paths: [directory], origin: `${FLEET}/*`, keys });
  } finally {
    delete process.env[variable];
    rmSync(directory, { recursive: true });
  }
}
