import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';

const key = 'projects/p/locations/l/keyRings/r/cryptoKeys/k';

afterEach(() => vi.unstubAllEnvs());

it.each([
  ['by its path', join(tmpdir(), 'no-such-credentials.json'), 'no-such-credentials.json'],
  ['but not if that reads like a key', join(tmpdir(), 'ab'.repeat(32)), 'looks like a key'],
])('an absent file of credentials is named, %s', async (_, path, said) => {
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', path);
  const provider = new GcpKmsProvider();
  try {
    await expect(provider.getSigningKey(key)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringMatching(`${said}.* cannot be read: ENOENT`),
    });
  } finally {
    await provider.close();
  }
});
