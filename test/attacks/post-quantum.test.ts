import { describe, expect, it, test } from 'vitest';
import type { Judgement } from '../support/judge.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { type SigningKey, vkeyOf } from '../support/signing-keys.ts';
import { someOf } from '../support/tier.ts';
import { dataKey, edKey, nextEdKey, nextPqKey, otherPqKey, pqKey, thirdEdKey } from '../vectors/keys.ts';
import { brings, type Further } from '../vectors/vector-case.ts';
import { judgeLog, kinds } from './auditors.ts';

/**
 * M8.30: Somebody has broken the classical algorithm: he holds its private key, and the data key, and writes whatever he likes. The
 * auditor's policy demands ML-DSA, which he has not.
 */

const data = Array<Buffer>(9).fill(dataKey);
const demand: Further = { policy: { require: ['post-quantum'] } };
const forger = [edKey];
const signers = [edKey, pqKey];

const logs = {
  signatures: { keys: { signers }, classical: { signers: [edKey] }, own: { signers: [edKey, otherPqKey] } },
  both: {
    keys: { dataKey, signers },
    classical: { dataKey, signers: [edKey] },
    own: { dataKey, signers: [edKey, otherPqKey] },
  },
} as const;
type Mode = keyof typeof logs;

/** A genuine beginning: two checkpoints that both keys signed. */
function genuine(mode: Mode): SealedLog {
  const log = new SealedLog().open(logs[mode].keys).seal().checkpoint();
  return log.record('1', '2').seal().checkpoint();
}

const at = (log: SealedLog): Further => ({ now: new Date(log.clock + 5000).toISOString() });

/** Whether successors are accepted, and whether the log may still be written: first and last each by itself. */
const LENIENT = [
  [true, false],
  [false, false],
  [true, true],
  [false, true],
] as const;

/** Every way in which an auditor may have named the keys, with the demand or with ML-DSA alone. */
async function verdicts(mode: Mode, log: SealedLog, more: Further = {}): Promise<Map<string, Judgement>> {
  const found = new Map<string, Judgement>();
  const names: [string, SigningKey[], Further][] = [
    ['both named, post-quantum demanded', [edKey, pqKey], demand],
    ['ML-DSA alone named, and demanded', [pqKey], demand],
    ['ML-DSA alone named', [pqKey], {}],
  ];
  for (const [how, named, further] of names) {
    for (const withData of mode === 'both' ? [true, false] : [false]) {
      for (const [successors, live] of someOf(LENIENT, 3)) {
        const keys = { named, ...(withData && { data }) };
        const auditor = brings(log, keys, { ...at(log), ...further, live, accept: { successors }, ...more });
        const label = `${how}, ${withData ? 'with' : 'without'} data key, successors ${successors}, live ${live}`;
        found.set(label, await judgeLog(log, auditor));
      }
    }
  }
  return found;
}

const mine = { signers: forger };

/** What the forger does behind the last checkpoint that ML-DSA signed. Each ends as a writer's log does. */
const attacks: Readonly<Record<string, (log: SealedLog, mode: Mode) => SealedLog>> = {
  'goes on in the key period': (log) => log.record('forged').seal().checkpoint(mine).close().checkpoint(mine),
  'closes it at once': (log) => log.close().checkpoint(mine),
  'restarts under both keys': (log, mode) =>
    log.open(logs[mode].keys).seal().checkpoint(mine).record('forged').close().checkpoint(mine),
  'restarts under the classical key': (log, mode) =>
    log.open(logs[mode].classical).seal().checkpoint(mine).record('forged').close().checkpoint(mine),
  'hands over to the classical key': (log, mode) =>
    log.key(logs[mode].classical).seal().checkpoint(mine).record('forged').close().checkpoint(mine),
  'hands over to a key of ML-DSA of his own': (log, mode) =>
    log
      .key(logs[mode].own)
      .seal()
      .checkpoint({ signers: logs[mode].own.signers })
      .record('forged')
      .close()
      .checkpoint(),
  'restarts with a key of ML-DSA of his own': (log, mode) =>
    log
      .open(logs[mode].own)
      .seal()
      .checkpoint({ signers: logs[mode].own.signers })
      .record('forged')
      .close()
      .checkpoint(),
  'hands over, restarts, and names the right key again': (log, mode) =>
    log
      .key(logs[mode].classical)
      .seal()
      .checkpoint(mine)
      .record('forged')
      .open(logs[mode].keys)
      .seal()
      .checkpoint(mine)
      .record('forged')
      .close()
      .checkpoint(mine),
  'hands over to MACs alone': (log, mode) =>
    mode === 'both'
      ? log.key({ dataKey }).seal().checkpoint(mine).record('forged').close().checkpoint()
      : log.key({ dataKey, signers: forger }).seal().checkpoint(mine).record('forged').close().checkpoint(mine),
};

describe.each(['signatures', 'both'] as const)('who holds the classical key and the data key (%s)', (mode) => {
  it.each(Object.entries(attacks))('%s: never ok', async (name, attack) => {
    const log = attack(genuine(mode), mode);
    for (const [auditor, found] of await verdicts(mode, log)) {
      // a log that is still written ends where ML-DSA proves it: what he wrote behind that is nothing that was proven
      if (auditor.endsWith('live true') && found.verdict === 0) {
        expect([...kinds(found)], `${name}: ${auditor}`).toContain('UNSEALED_TAIL');
        continue;
      }
      expect(found.verdict, `${name}: ${auditor}: ${found.codes.join()}`).not.toBe(0);
    }
  });

  it('writes all anew: never ok', async () => {
    const anew = new SealedLog()
      .open(logs[mode].keys)
      .seal()
      .checkpoint(mine)
      .record('forged')
      .close()
      .checkpoint(mine);
    for (const [auditor, found] of await verdicts(mode, anew)) {
      expect(found.verdict, `${auditor}: ${found.codes.join()}`).not.toBe(0);
    }
  });

  it('puts entries between the last checkpoint of ML-DSA and a restart of the writer: never ok without the data key', async () => {
    const log = genuine(mode).record('forged').seal().checkpoint(mine);
    // the writer checked the newest checkpoint by the classical key, found it good and adopts nothing
    log.open(logs[mode].keys).seal().checkpoint().record('3').close().checkpoint();
    for (const [auditor, found] of await verdicts(mode, log)) {
      if (auditor.includes('with data key')) continue; // M8.15: his MACs are as good as the writer's
      expect(found.verdict, `${auditor}: ${found.codes.join()}`).not.toBe(0);
      expect([...kinds(found)], auditor).toContain('ADOPTED');
    }
  });

  it('cuts the end', async () => {
    const log = genuine(mode);
    log.lines.splice(-2);
    for (const [auditor, found] of await verdicts(mode, log)) {
      if (auditor.endsWith('live true')) continue; // it ends at an earlier checkpoint, which is recent
      expect(found.verdict, `${auditor}: ${found.codes.join()}`).not.toBe(0);
    }
  });

  it('says the same where ML-DSA signed: ok', async () => {
    const log = genuine(mode).key(logs[mode].keys).seal().checkpoint().record('3').close().checkpoint();
    for (const [auditor, found] of await verdicts(mode, log)) {
      expect(found.verdict, `${auditor}: ${found.codes.join()}`).toBe(0);
    }
  });
});

test('what is missing is said', async () => {
  const log = genuine('signatures').record('3').close().checkpoint(mine);
  const found = await judgeLog(log, brings(log, { named: signers }, demand));
  expect(found.verdict).toBe(2);
  const messages = found.findings.map(({ message }) => message).join('\n');
  expect(messages).toContain('post-quantum key (ML-DSA)');
  expect(kinds(found)).toEqual(new Set(['UNSIGNED', 'END_UNPROVEN']));
  // who demands nothing takes the classical signature
  expect((await judgeLog(log, brings(log, { named: signers }))).verdict).toBe(0);
});

test('a policy that demands it and names no key of ML-DSA is met by nothing', async () => {
  const log = genuine('both').close().checkpoint();
  for (const named of [[edKey], undefined]) {
    const found = await judgeLog(log, brings(log, { data, ...(named && { named }) }, demand));
    expect(found.verdict).toBe(2);
    expect([...kinds(found)]).toContain('UNSIGNED');
  }
});

describe('a log that begins without ML-DSA', () => {
  const from = (log: SealedLog, seq: number): Further => ({
    ...demand,
    vkey_ranges: { [vkeyOf(log.origin, pqKey)]: [seq, 0] },
  });
  const begun = (): SealedLog =>
    new SealedLog()
      .open({ signers: [edKey] })
      .seal()
      .checkpoint()
      .record('1', '2')
      .seal()
      .checkpoint();

  it.each([0, 2])('is ok with the key named from the hand-over on (+ %s)', async (more) => {
    const log = begun();
    const seq = log.size + 1 + more; // the key entry, or the first entry under the key
    log.key({ signers }).seal().checkpoint().record('3').close().checkpoint();
    expect((await judgeLog(log, brings(log, { named: signers }, from(log, seq)))).codes).toEqual([]);
    expect((await judgeLog(log, brings(log, { named: signers }, demand))).verdict).toBe(0); // it covers what was before
  });

  it('is not ok where what was before is changed', async () => {
    const log = begun();
    const seq = log.size + 1;
    log.key({ signers }).seal().checkpoint().record('3').close().checkpoint();
    for (const line of log.lines.filter(({ kind }) => kind === 'record')) {
      const spoilt = Buffer.from(line.bytes);
      line.bytes = Buffer.from(line.bytes.toString().replace(/"line":"./, '"line":"x'));
      expect((await judgeLog(log, brings(log, { named: signers }, from(log, seq)))).verdict).toBe(1);
      line.bytes = spoilt;
    }
  });

  it('does not end before the key, nor go on without it', async () => {
    for (const end of [
      (log: SealedLog) => log.close().checkpoint(),
      (log: SealedLog) =>
        log
          .key({ signers: [nextEdKey] })
          .seal()
          .checkpoint()
          .record('forged')
          .close()
          .checkpoint(),
      (log: SealedLog) => log.record('forged', 'forged', 'forged').close().checkpoint(),
    ]) {
      const log = begun();
      const seq = log.size + 1;
      end(log);
      for (const named of [signers, [edKey, nextEdKey, pqKey]]) {
        expect((await judgeLog(log, brings(log, { named }, from(log, seq)))).verdict).not.toBe(0);
      }
    }
  });
});

describe('keys of ML-DSA', () => {
  it('follow one another, also as successors', async () => {
    const log = genuine('both');
    log
      .key({ dataKey, signers: [edKey, nextPqKey] })
      .seal()
      .checkpoint()
      .record('3')
      .close()
      .checkpoint();
    const named = [edKey, pqKey];
    expect(
      (await judgeLog(log, brings(log, { data, named }, { ...demand, accept: { successors: true } }))).verdict,
    ).toBe(0);
    expect((await judgeLog(log, brings(log, { data, named }, demand))).verdict).toBe(2);
    expect((await judgeLog(log, brings(log, { data, named: [...named, nextPqKey] }, demand))).verdict).toBe(0);
  });

  it('find a changed signature of theirs', async () => {
    const log = genuine('both').close();
    const note = log.note({ signers });
    const broken = note.split('\n').map((line) => {
      if (line.length < 1000) return line;
      const [name = '', encoded = ''] = line.slice(2).split(' ');
      const bytes = Buffer.from(encoded, 'base64');
      bytes[1000] = (bytes[1000] ?? 0) ^ 1;
      return `\u2014 ${name} ${bytes.toString('base64')}`;
    });
    log.raw(`{"integrity":{"kind":"checkpoint","note":"${broken.join('\\n')}"}}`, 'checkpoint');
    const found = await judgeLog(log, brings(log, { named: signers }));
    expect(found.verdict).toBe(1);
    expect([...kinds(found)]).toContain('SIGNATURE_WRONG');
  });

  it('sign alone, without a classical key', async () => {
    const alone = new SealedLog()
      .open({ signers: [nextPqKey] })
      .seal()
      .checkpoint()
      .record('1')
      .close()
      .checkpoint();
    expect((await judgeLog(alone, brings(alone, { named: [nextPqKey] }, demand))).codes).toEqual([]);
    expect((await judgeLog(alone, brings(alone, { named: [thirdEdKey] }))).verdict).toBe(2);
  });
});
