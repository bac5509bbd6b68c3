import type { Auditor } from '../../src/verify/auditor/auditor.ts';
import { LineSplitter } from '../../src/verify/input/line-splitter.ts';
import { Allowance, type Limited } from '../../src/verify/model/allowance.ts';
import { type FindingRoom, Findings } from '../../src/verify/model/findings.ts';
import type { StreamState } from '../../src/verify/state/state.ts';
import { StreamVerifier } from '../../src/verify/stream/stream-verifier.ts';
import { auditorOf, type Brings } from '../support/judge.ts';
import type { SealedLog } from '../support/sealed-log.ts';

/** Reads logs with as little room as a test asks for, and tells what was used. */

export interface Reading {
  readonly state: StreamState;
  /** Codes in the order of their places, each as often as it was kept. */
  readonly codes: readonly string[];
  readonly verdict: 0 | 1 | 2;
  readonly allowance: Allowance;
}

export interface Room {
  readonly limits?: Partial<Record<Limited, number>>;
  readonly allowance?: Allowance;
  readonly findings?: FindingRoom;
  /** Replaces what the auditor brings. */
  readonly auditor?: Partial<Auditor>;
}

export const bytesOf = (log: SealedLog): Buffer =>
  Buffer.concat(log.lines.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]));

/** Reads the lines of a log as one file. */
export async function read(log: SealedLog, brings: Brings, room: Room = {}): Promise<Reading> {
  const allowance = room.allowance ?? new Allowance(room.limits);
  const findings = new Findings(room.findings);
  const verifier = new StreamVerifier({ ...auditorOf(brings), ...room.auditor }, findings, {
    allowance,
  });
  verifier.beginFile('log.jsonl');
  const splitter = new LineSplitter(verifier);
  await splitter.push(bytesOf(log));
  await splitter.end();
  await verifier.endFile();
  verifier.end();
  const codes = findings.list().map(({ code }) => code);
  return { state: verifier.state, codes, verdict: findings.tampered ? 1 : findings.undecided ? 2 : 0, allowance };
}
