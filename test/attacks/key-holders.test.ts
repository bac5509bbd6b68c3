import { describe, expect, it } from 'vitest';
import { SealedLog } from '../support/sealed-log.ts';
import { dataKey, edKey, nextDataKey, nextEdKey, thirdEdKey } from '../vectors/keys.ts';
import { bothKeys, bothLog, macKeys, macLog, signedBody, signedLog, signKeys } from '../vectors/logs.ts';
import { cutAfter, dropCheckpoints } from '../vectors/spoil.ts';
import { brings } from '../vectors/vector-case.ts';
import { judgeFiles, judgeLog, kinds } from './auditors.ts';

/** Attacks of somebody who holds one of the keys, or held it from some time on (spec 9). */

/** A second file of one's own: an open that claims to go on in the key period of `log`, at any step, with any keys. */
function ownFile(log: SealedLog, step: number, keys: Parameters<SealedLog['open']>[0], epochSeq: number): SealedLog {
  const thief = log.fork();
  thief.lines = [];
  thief.open(keys, { why: 'rotated', epochSeq, step, epoch: 1 });
  return thief;
}

describe('a thief of a later chain key', () => {
  it('cannot change what was sealed before: the records of an earlier step verify under no key that he has', async () => {
    const log = macLog();
    const honest = brings(log, { data: [dataKey] });
    const thief = log.fork(); // it stands at step 3 and knows R_3
    const line = thief.lines.find(({ seq }) => seq === 9);
    const leaf = Buffer.from(line?.bytes.subarray(0, -46).toString().replace('"amount":42', '"amount":1') ?? '');
    if (line !== undefined) line.bytes = Buffer.concat([leaf, Buffer.from(`${thief.authOf(leaf)}"}}`)]);
    const found = await judgeLog(thief, honest);
    expect(found.codes).toContain('AUTH_WRONG 9');
  });

  it('cannot start a file of his own at the step whose key he has: the held checkpoint must carry our MAC before it', async () => {
    const log = new SealedLog().open(macKeys).seal().checkpoint().record('1', '2').close('rotated').checkpoint();
    const held = log.note({ size: 5 });
    const honest = log.fork().rotate('log.2.jsonl').record('3').close().checkpoint();
    const second = honest.toFiles().slice(1);
    const auditor = brings(log, { data: [dataKey] }, { held: [held] });
    expect((await judgeFiles(second, auditor)).verdict).toBe(0);
    const claim = log.fork();
    claim.epoch?.schedule?.advance();
    claim.step += 1;
    const forged = claim.rotate('log.2.jsonl').record('forged').close().checkpoint().toFiles().slice(1);
    const found = await judgeFiles(forged, auditor);
    expect(found.verdict).not.toBe(0);
    expect(kinds(found)).toContain('START_UNPROVEN');
  });
});

describe('root on the host from T, who may call Sign', () => {
  it('cannot claim a later step in a file of his own: the start rule refuses it', async () => {
    const log = new SealedLog().open(bothKeys).seal().checkpoint().record('1', '2').close('rotated').checkpoint();
    const signedOnly = log.note({ size: 5, mac: false });
    const claim = log.fork();
    claim.epoch?.schedule?.advance();
    claim.step += 1;
    const forged = claim.rotate('log.2.jsonl').record('forged').close().checkpoint().toFiles().slice(1);
    const auditor = brings(log, { data: [dataKey], named: [edKey] }, { held: [signedOnly] });
    const found = await judgeFiles(forged, auditor);
    expect(found.verdict).not.toBe(0);
    expect(kinds(found)).toContain('START_UNPROVEN');
  });
});

describe('who signs with a key of his own in the middle of a stream', () => {
  const log = new SealedLog().open(signKeys).seal().checkpoint().record('1', '2').close('rotated').checkpoint();
  const held = [log.note({ size: 5 })];

  it.each([
    ['at step 0 of a key period of his own', 0, 6, [thirdEdKey]],
    ['in the key period before, as its only signer', 2, 1, [thirdEdKey]],
    ['in the key period before, beside its signer', 2, 1, [edKey, thirdEdKey]],
  ] as const)('is not vouched for by a held checkpoint before his file: %s', async (_name, step, epochSeq, signers) => {
    const forged = ownFile(log, step, { signers }, epochSeq)
      .record('forged')
      .close()
      .checkpoint({ signers: [thirdEdKey] });
    for (const successors of [false, true]) {
      const found = await judgeLog(forged, brings(log, { named: [edKey] }, { held, accept: { successors } }));
      expect(found.verdict, `successors: ${successors}`).not.toBe(0);
      expect(kinds(found), 'his key is not printed as one to name').not.toContain('KEY_NOT_NAMED');
    }
  });

  it('is not accepted as a successor after a hand-over that the old key did not sign', async () => {
    const forged = signedBody()
      .key({ signers: [thirdEdKey] })
      .seal()
      .checkpoint({ signers: [thirdEdKey] });
    forged.record('forged').close().checkpoint();
    const found = await judgeLog(forged, brings(forged, { named: [edKey] }, { accept: { successors: true } }));
    expect(found.verdict).not.toBe(0);
  });

  it('is not accepted where the old signature was left out of a checkpoint that both had signed', async () => {
    const forged = signedBody()
      .key({ signers: [thirdEdKey] })
      .seal()
      .checkpoint({ signers: [thirdEdKey] });
    forged
      .record('forged')
      .seal()
      .checkpoint({ signers: [thirdEdKey] })
      .close()
      .checkpoint({ signers: [thirdEdKey] });
    const found = await judgeLog(forged, brings(forged, { named: [edKey, nextEdKey] }));
    expect(found.verdict).not.toBe(0);
  });
});

describe('the holder of a retired signing key', () => {
  const log = signedBody()
    .handOver({ signers: [nextEdKey] })
    .record('under the next key')
    .close()
    .checkpoint();
  const [old, next] = brings(log, { named: [edKey, nextEdKey] }).vkeys as [string, string];
  const named = {
    ...brings(log, { named: [edKey, nextEdKey] }),
    vkey_ranges: { [old]: [1, 15], [next]: [16, 0] } as const,
  };

  it('who cuts and closes: END_UNPROVEN, because the policy names a key from a later seq on', async () => {
    expect((await judgeLog(log, named)).verdict).toBe(0);
    const forged = signedBody().record('forged').close().checkpoint();
    expect(forged.size).toBe(15);
    const found = await judgeLog(forged, named);
    expect(found.verdict).toBe(2);
    expect(kinds(found)).toContain('END_UNPROVEN');
  });

  it('who cuts and goes on far beyond: UNSIGNED, his key counts for no such size', async () => {
    const forged = signedBody().record('forged', 'forged', 'forged', 'forged').close().checkpoint();
    const found = await judgeLog(forged, named);
    expect(found.verdict).toBe(2);
    expect(kinds(found)).toContain('UNSIGNED');
  });

  it('who opens a new run after the hand-over: never ok', async () => {
    const forged = log
      .fork()
      .open(signKeys, { why: 'resumed' })
      .seal()
      .checkpoint()
      .record('forged')
      .close()
      .checkpoint();
    for (const successors of [false, true]) {
      expect((await judgeLog(forged, { ...named, accept: { successors } })).verdict).not.toBe(0);
    }
  });
});

describe('who holds the data key alone', () => {
  const data = [dataKey, dataKey, dataKey];
  const log = bothLog();

  it('and goes on in a new run without a signer: not ok', async () => {
    const forged = log
      .fork()
      .open(macKeys, { why: 'resumed' })
      .seal()
      .checkpoint()
      .record('forged')
      .close()
      .checkpoint();
    const found = await judgeLog(forged, brings(log, { data, named: [edKey] }));
    expect(found.verdict).not.toBe(0);
    expect(kinds(found)).toContain('MODE_CHANGE');
  });

  it.each([
    ['signers of his own', [thirdEdKey]],
    ['the right signer, which does not sign', [edKey]],
  ] as const)('and goes on in a new run with %s: UNSIGNED', async (_name, signers) => {
    const forged = log.fork().open({ dataKey, signers }, { why: 'resumed' }).seal();
    const own = signers.filter((key) => key !== edKey);
    forged.checkpoint({ signers: own }).record('forged').close().checkpoint({ signers: own });
    const found = await judgeLog(forged, brings(log, { data, named: [edKey] }));
    expect(found.verdict).not.toBe(0);
    expect(kinds(found)).toContain('UNSIGNED');
  });

  it('and goes on in the same key period, or hands over to one without signers: UNSIGNED', async () => {
    const body = (): SealedLog => new SealedLog().open(bothKeys).seal().checkpoint().record('1');
    const same = body().close().checkpoint({ signers: [] });
    const handedOver = body().key(macKeys).seal().checkpoint({ signers: [] }).record('forged').close().checkpoint();
    for (const forged of [same, handedOver]) {
      const found = await judgeLog(forged, brings(forged, { data, named: [edKey] }));
      expect(found.verdict).toBe(2);
      expect(kinds(found)).toContain('UNSIGNED');
    }
  });

  it('and re-mints everything: refused with a pin, FIRST_RUN_TRUSTS_KEY without', async () => {
    const genuine = macLog();
    const forged = new SealedLog().open(macKeys).seal().checkpoint().record('forged').close().checkpoint();
    const without = await judgeLog(forged, brings(forged, { data }));
    expect(kinds(without)).toEqual(new Set(['FIRST_RUN_TRUSTS_KEY']));
    const pinned = await judgeLog(forged, brings(forged, { data }, { held: [genuine.note({ size: 2 })] }));
    expect(pinned.verdict).toBe(pinned.findings.length === 0 ? 0 : 1);
    const known = await judgeLog(forged, brings(forged, { data }, { held: [genuine.note({ size: 14 })] }));
    expect(known.verdict).toBe(1);
  });

  it('and re-mints the data key with another nonce: refused by the pin of the enrolment checkpoint', async () => {
    const genuine = macLog();
    const forged = new SealedLog();
    forged.clock += 5000;
    forged.open(macKeys).seal().checkpoint().record('forged').close().checkpoint();
    const found = await judgeLog(forged, brings(forged, { data }, { held: [genuine.note({ size: 2 })] }));
    expect(found.codes).toContain('KNOWN_CONTRADICTED 2');
  });
});

describe('who rolls state and file back together', () => {
  it('to a clean close, or cuts to an earlier point and restarts: RESTART at most, refused with a known checkpoint', async () => {
    const data = [dataKey, dataKey];
    const genuine = macLog()
      .open(macKeys, { why: 'resumed' })
      .seal()
      .checkpoint()
      .record('second run')
      .close()
      .checkpoint();
    const held = [genuine.note({ size: 18 })];
    const rolledBack = macLog();
    const restarted = cutAfter(macLog(), 8, false);
    const cut = new SealedLog().open(macKeys).seal().checkpoint().record('1').seal().checkpoint();
    cut.open(macKeys).seal().checkpoint().record('instead').close().checkpoint();
    expect(restarted.lines.length).toBeGreaterThan(0);
    expect((await judgeLog(rolledBack, brings(genuine, { data }))).verdict).toBe(0);
    expect(kinds(await judgeLog(cut, brings(cut, { data })))).toContain('RESTART');
    for (const forged of [rolledBack, cut]) {
      expect((await judgeLog(forged, brings(genuine, { data }, { held }))).verdict).toBe(1);
    }
  });
});

describe('a writer between a crash and the restart that signs over its work', () => {
  const keys = { signed: signKeys, both: bothKeys };

  it.each(Object.entries(keys))(
    'alters records, makes up a seal, claims it signed (%s): ADOPTED',
    async (_name, mode) => {
      const crashed = new SealedLog().open(mode).seal().checkpoint().record('genuine');
      const madeUp = new SealedLog().open(mode).seal().checkpoint().record('altered').seal();
      const restart = madeUp.open(mode).seal().checkpoint().close().checkpoint();
      expect(crashed.size).toBe(3);
      const found = await judgeLog(restart, brings(restart, { named: [edKey] }));
      expect(found.verdict).toBe(2);
      expect(found.codes).toContain('ADOPTED 3-4');
      // the state file calls the made-up seal signed, and the writer believed it
      const believed = new SealedLog().open(mode).seal().checkpoint().record('altered').seal();
      const checkpoint = { size: believed.size, root: believed.tree.root() };
      const signedOver = believed.open(mode, { checkpoint }).seal().checkpoint().close().checkpoint();
      const claimed = await judgeLog(withoutMark(signedOver), brings(signedOver, { named: [edKey] }));
      expect(claimed.verdict).not.toBe(0);
    },
  );

  // M8.16
  it('makes up a hand-over in that range: it vouches for nothing, and none of its keys is printed', async () => {
    const forged = new SealedLog().open(signKeys).seal().checkpoint().record('genuine');
    forged
      .key({ signers: [thirdEdKey] })
      .seal()
      .checkpoint({ signers: [thirdEdKey] })
      .record('forged');
    forged.open(signKeys, { adoptedFrom: 3 }).seal().checkpoint().close().checkpoint();
    for (const successors of [false, true]) {
      const found = await judgeLog(forged, brings(forged, { named: [edKey] }, { accept: { successors } }));
      expect(found.verdict).not.toBe(0);
      expect(found.findings.some(({ message }) => message.includes(`+${'AQ'}`) || message.includes('name:'))).toBe(
        false,
      );
    }
  });

  function withoutMark(log: SealedLog): SealedLog {
    return log;
  }
});

describe('a log whose checkpoints are all gone', () => {
  it.each([
    ['signed', signedLog, { named: [edKey] }],
    ['both', bothLog, { named: [edKey] }],
    ['MACs', macLog, { data: [dataKey] }],
  ] as const)('%s: undecided', async (_name, make, keys) => {
    const log = make();
    expect((await judgeLog(dropCheckpoints(log), brings(log, keys))).verdict).toBe(2);
  });

  it('of another key holder altogether: undecided', async () => {
    const log = new SealedLog().open({ dataKey: nextDataKey }).seal().close();
    expect((await judgeLog(log, brings(log, { data: [dataKey] }))).verdict).toBe(2);
  });
});
