import type { VerifyReport } from '../../src/index.ts';
import type { Random } from '../interop/differential/random.ts';
import { type EpochKeys, SealedLog } from '../support/sealed-log.ts';
import { dataKey, edKey } from '../vectors/keys.ts';
import { alone, type History } from './history.ts';

/** Honest logs at the end of what a reader keeps and does (docs/decisions/limits.md), and one step above it. */

const MOST_ABANDONMENTS = 4_096;
const KEPT_LEAVES = 131_072;

export interface Limited extends History {
  readonly above: boolean;
}

/** A host that loses its newest line at each of so many crashes. */
function crashing(log: SealedLog, keys: EpochKeys, times: number): void {
  const before = log.fork();
  for (let at = 0; at < times; at++) {
    const lost = before.fork();
    lost.highestEpoch = log.highestEpoch++;
    log.lines.push(...lost.open(keys, { why: 'recovered' }).lines.slice(before.lines.length));
  }
  log.open(keys, { why: 'recovered' });
}

/** A host that loses all but the first of so many entries, which no seal ends. */
function losing(log: SealedLog, keys: EpochKeys, entries: number): void {
  log.record('{"kept":true}');
  const lost = log.fork();
  for (let at = 1; at < entries; at++) lost.record(`{"lost":${at}}`);
  log.lines = lost.lines;
  log.open(keys, { why: 'recovered' });
}

export function makeLimited(random: Random): Limited {
  const more = random.pick([0, 1]);
  const mode = random.pick(['mac', 'hash', 'both'] as const);
  const keys: EpochKeys = { ...(mode !== 'hash' && { dataKey }), ...(mode !== 'mac' && { signers: [edKey] }) };
  const log = new SealedLog('audit.example.com/limits');
  log.open(keys, {}).seal().checkpoint();
  const crashes = random.chance(0.5);
  if (crashes) crashing(log, keys, MOST_ABANDONMENTS + more);
  else losing(log, keys, KEPT_LEAVES + more);
  log.seal().checkpoint().close().checkpoint();
  return {
    ...alone(log, mode, mode === 'mac' ? [] : [edKey], mode === 'hash' ? [] : [dataKey]),
    what: [crashes ? 'crashes' : 'lost entries', String(more)],
    above: more > 0,
  };
}

/** `LIMIT` where there is more than the limit, and else what is said of any crash. */
export function limitedViolations({ above }: Limited, { verdict, findings }: VerifyReport): string[] {
  const codes = [...new Set(findings.map(({ code }) => code))];
  const isSo = verdict !== 'tampered' && codes.includes('LIMIT') === above;
  return isSo ? [] : [`${verdict}: ${codes}`];
}
