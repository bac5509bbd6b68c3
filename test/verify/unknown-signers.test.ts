import { describe, expect, it } from 'vitest';
import { judgeLog, kinds } from '../attacks/auditors.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { fixedBytes, type SigningKey, vkeyOf } from '../support/signing-keys.ts';
import { dataKey, edKey, nextEdKey } from '../vectors/keys.ts';
import { brings } from '../vectors/vector-case.ts';

/** M2.8: a signer of an algorithm that this version does not know, as a later version may write it. */
function laterKey(algorithm: string, spki: Buffer | null = fixedBytes('later key')): SigningKey {
  const signer = {
    source: 'file',
    identity: 'later',
    algorithm,
    ...(spki !== null && { spki }),
  } as SigningKey['signer'];
  return {
    signer,
    noteKey: { algorithm: signer.algorithm, bytes: spki ?? Buffer.from('later') },
    sign: () => Buffer.alloc(7856, 7),
  };
}

const later = laterKey('slh-dsa-128s');
const data = Array<Buffer>(5).fill(dataKey);
const modes = { signatures: {}, both: { dataKey } };

describe.each(Object.entries(modes))('a signer that this version does not know (%s)', (mode, given) => {
  const withData = mode === 'both' ? { data } : {};
  const both = (...signers: SigningKey[]) => ({ ...given, signers });

  it('is skipped beside one that it knows: the verdicts are those without it', async () => {
    const build = (signers: SigningKey[], next: SigningKey[]): SealedLog => {
      const log = new SealedLog()
        .open(both(...signers))
        .seal()
        .checkpoint()
        .record('1')
        .seal()
        .checkpoint();
      log
        .rotate('log-2.jsonl')
        .record('2')
        .key(both(...next))
        .seal()
        .checkpoint()
        .record('3')
        .seal()
        .checkpoint();
      return log
        .open(both(...next))
        .seal()
        .checkpoint()
        .record('4')
        .close()
        .checkpoint();
    };
    const plain = build([edKey], [nextEdKey]);
    for (const order of [
      [edKey, later],
      [later, edKey],
    ]) {
      const log = build(
        order,
        order.map((key) => (key === edKey ? nextEdKey : key)),
      );
      for (const named of [[edKey, nextEdKey], [edKey], undefined]) {
        const keys = { ...withData, ...(named && { named }) };
        const found = await judgeLog(log, brings(log, keys));
        expect(found.codes).toEqual((await judgeLog(plain, brings(plain, keys))).codes);
      }
    }
  });

  it('may be the only one that signed: no checkpoint is called unsigned, and nothing is covered', async () => {
    const log = new SealedLog().open(both(edKey, later)).seal().checkpoint().record('1').close();
    log.checkpoint({ signers: [later], mac: false });
    const found = await judgeLog(log, brings(log, { ...withData, named: [edKey] }));
    expect(found.verdict).toBe(2);
    expect([...kinds(found)]).toContain('UNSIGNED');
    expect([...kinds(found)]).not.toContain('CHECKPOINT_UNSIGNED');
  });

  it.each([
    ['alone', [later]],
    ['without a public key', [edKey, laterKey('later-mac', null)]],
    ['with a name that is none', [edKey, laterKey('SLH-DSA')]],
  ] as const)('is not decided %s', async (_how, signers) => {
    const log = new SealedLog()
      .open(both(...signers))
      .seal()
      .checkpoint()
      .record('1')
      .close()
      .checkpoint();
    const found = await judgeLog(log, brings(log, { ...withData, named: [edKey] }));
    expect(found.verdict).toBe(2);
    expect([...kinds(found)]).toContain('UNSUPPORTED');
  });

  it('is of its one spelling: changed, it is found', async () => {
    const log = new SealedLog().open(both(edKey, later)).seal().checkpoint().record('1').close().checkpoint();
    const [open] = log.lines;
    if (open === undefined) throw new Error('a log begins with an open');
    open.bytes = Buffer.from(open.bytes.toString().replace('slh-dsa-128s', 'slh-dsa-128f'));
    expect((await judgeLog(log, brings(log, { ...withData, named: [edKey] }))).verdict).toBe(1);
  });
});

it('the vkey of such a key is refused, not skipped', async () => {
  const log = new SealedLog()
    .open({ signers: [edKey, later] })
    .seal()
    .checkpoint()
    .record('1')
    .close()
    .checkpoint();
  await expect(judgeLog(log, { ...brings(log, {}), vkeys: [vkeyOf(log.origin, later)] })).rejects.toThrow(
    expect.objectContaining({ code: 'FORMAT_INVALID' }),
  );
});
