import { expect, it, vi } from 'vitest';
import { judgeLog, kinds } from '../attacks/auditors.ts';
import { SealedLog } from '../support/sealed-log.ts';
import { edKey, pqKey } from '../vectors/keys.ts';
import { brings } from '../vectors/vector-case.ts';

/** As in a bundle that leaves the package out, on a Node.js that has no ML-DSA. */
vi.mock('../../src/keys/ml-dsa.ts', async (original) => {
  const actual = await original<typeof import('../../src/keys/ml-dsa.ts')>();
  const { TamperError } = await import('../../src/errors.ts');
  return {
    ...actual,
    verifyMlDsa: async () => {
      throw new TamperError('DEPENDENCY_MISSING', 'ml-dsa-65 needs Node.js 24, or the package @noble/post-quantum');
    },
  };
});

it('says by name what it cannot check, and is undecided where anything rests on it', async () => {
  const log = new SealedLog()
    .open({ signers: [edKey, pqKey] })
    .seal()
    .checkpoint()
    .record('1')
    .close()
    .checkpoint();
  for (const policy of [undefined, { require: ['post-quantum'] } as const]) {
    for (const named of [[pqKey], [edKey, pqKey]]) {
      const found = await judgeLog(log, brings(log, { named }, policy && { policy }));
      expect(found.verdict).toBe(2);
      expect([...kinds(found)]).toContain('UNSUPPORTED');
      expect(found.findings.map(({ message }) => message).join()).toContain('@noble/post-quantum');
    }
  }
});
