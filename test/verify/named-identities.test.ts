import { expect, it } from 'vitest';
import type { DataKeys } from '../../src/index.ts';
import { dataKeyFinder } from '../../src/verify/data-keys/data-keys.ts';

const reference = {
  records: 'mac',
  source: 'aws-kms',
  identity: 'arn:aws:kms:eu-west-1:666666666666:key/attacker',
  nonce: Buffer.alloc(32, 1),
  fp: Buffer.alloc(32, 2),
  wrapped: Buffer.from('wrapped by somebody else'),
} as const;
const context = { origin: 'audit.example.com/a', kid: 'AAAAAAAA.1', epoch: 1, firstSeq: 1 };

// M8.1: a key that only the log names is asked of nobody.
it('a service is never asked for a key of another source, or one outside the range that it is named for', async () => {
  const asked: string[] = [];
  const keys: DataKeys = {
    getKey: async () => {
      asked.push('getKey');
      throw new Error('asked for a key');
    },
    recoverKey: async (_reference, name) => {
      asked.push(name);
      throw new Error('asked to recover a key');
    },
  };
  for (const named of [
    { source: 'vault' as const, keys, named: [{ name: 'transit/keys/audit' }] },
    { source: 'aws-kms' as const, keys, named: [] },
    { source: 'aws-kms' as const, keys, named: [{ name: 'alias/audit', fromSeq: 2 }] },
  ]) {
    expect(await dataKeyFinder([named])(reference, context)).toBeUndefined();
  }
  expect(asked).toEqual([]);
});
