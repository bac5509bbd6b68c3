import { nextEdKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';
import { erase, erasureOf, SealedLog } from './sealed-log.ts';
import { vkeyOf } from './signing-keys.ts';

/** A signed log with salts: 1 open, 2 seal, 3-5 records, 6-8 a long line, 9 record, 10 close. */
export function saltedLog(): SealedLog {
  return new SealedLog()
    .open({ ...signKeys, salted: true })
    .seal()
    .checkpoint()
    .record('{"n":3}', 'four', '{"n":5}')
    .longRecord(Buffer.from('long line'), 3)
    .record('nine')
    .close()
    .checkpoint();
}

/** Erases records of a log, and writes the erasure log that records it. */
export function erasedWithLog(
  log: SealedLog,
  ...seqs: number[]
): { readonly log: SealedLog; readonly erasures: SealedLog } {
  erase(log, ...seqs);
  const erasures = new SealedLog('audit.example.com/erasures')
    .open({ signers: [nextEdKey] })
    .seal()
    .checkpoint();
  for (const seq of seqs) {
    const told = { reason: 'case 17', who: 'dpo@example.com', time: '2026-11-25T08:00:00.000Z' };
    erasures.record(JSON.stringify(erasureOf(log, seq, told)));
  }
  return { log, erasures: erasures.close().checkpoint() };
}

/** The policy of who audits both. */
export function policyWith({ origin }: SealedLog, erasures: SealedLog, key: string, accept = '{}'): string {
  return [
    'version: 1',
    `erasures: [${erasures.origin}]`,
    'streams:',
    `  - origin: ${origin}`,
    `    keys: [{ sign: "${key}" }]`,
    `    accept: ${accept}`,
    `  - origin: ${erasures.origin}`,
    '    require: [signature]',
    `    keys: [{ sign: "${vkeyOf(erasures.origin, nextEdKey)}" }]`,
    '',
  ].join('\n');
}
