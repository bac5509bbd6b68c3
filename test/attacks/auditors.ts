import { type Brings, type Judgement, judge, memorySource } from '../support/judge.ts';
import type { SealedLog } from '../support/sealed-log.ts';
import { dataKey, edKey } from '../vectors/keys.ts';
import { bothKeys, macKeys, signKeys } from '../vectors/logs.ts';
import { brings, type Further } from '../vectors/vector-case.ts';

/** The kinds of log, each with an auditor who brings what can be brought. */
export interface Setting {
  readonly name: string;
  readonly keys: Parameters<SealedLog['open']>[0];
  readonly auditor: (log: SealedLog, further?: Further) => Brings;
}

const data = Array<Buffer>(6).fill(dataKey);

export const settings: readonly Setting[] = [
  { name: 'MACs', keys: macKeys, auditor: (log, further) => brings(log, { data }, further) },
  { name: 'signatures', keys: signKeys, auditor: (log, further) => brings(log, { named: [edKey] }, further) },
  { name: 'both', keys: bothKeys, auditor: (log, further) => brings(log, { data, named: [edKey] }, further) },
  {
    name: 'both, public key only',
    keys: bothKeys,
    auditor: (log, further) => brings(log, { named: [edKey] }, further),
  },
  { name: 'both, data key only', keys: bothKeys, auditor: (log, further) => brings(log, { data }, further) },
];

/** The verdict on a log as it stands. */
export async function judgeLog(log: SealedLog, auditor: Brings): Promise<Judgement> {
  return judgeFiles(log.toFiles(), auditor);
}

export async function judgeFiles(
  files: readonly { readonly name: string; readonly bytes: Buffer }[],
  auditor: Brings,
): Promise<Judgement> {
  return judge(
    files.map(({ name, bytes }) => memorySource(name, bytes)),
    auditor,
  );
}

/** Codes alone, each once. */
export function kinds(judgement: Judgement): Set<string> {
  return new Set(judgement.findings.map(({ code }) => code));
}
