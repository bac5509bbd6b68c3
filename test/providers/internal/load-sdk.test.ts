import { describe, expect, it } from 'vitest';
import { loadSdk } from '../../../src/providers/internal/load-sdk.ts';

const sdk = { service: 'AWS KMS', packageName: '@aws-sdk/client-kms' };

describe('loadSdk', () => {
  it('returns the module', async () => {
    await expect(loadSdk(sdk, async () => ({ here: true }))).resolves.toEqual({ here: true });
  });

  it('says exactly what to install where the package is absent', async () => {
    const name: string = 'no-such-package-fapilog-tamper';
    await expect(loadSdk({ service: 'X', packageName: name }, () => import(name))).rejects.toMatchObject({
      code: 'DEPENDENCY_MISSING',
    });
    const absent = Object.assign(new Error("Cannot find package '@aws-sdk/client-kms' imported from /app/x.js"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    await expect(loadSdk(sdk, () => Promise.reject(absent))).rejects.toMatchObject({
      code: 'DEPENDENCY_MISSING',
      message: 'AWS KMS support requires @aws-sdk/client-kms. Install it with: npm install @aws-sdk/client-kms',
      cause: absent,
    });
  });

  it('does not call a package absent that is there and broken', async () => {
    const inner = Object.assign(new Error("Cannot find package '@smithy/core' imported from /app/sdk.js"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    await expect(loadSdk(sdk, () => Promise.reject(inner))).rejects.toMatchObject({
      code: 'DEPENDENCY_MISSING',
      message: expect.stringContaining("could not load @aws-sdk/client-kms: Cannot find package '@smithy/core'"),
    });
    await expect(loadSdk(sdk, () => Promise.reject('odd'))).rejects.toMatchObject({ code: 'DEPENDENCY_MISSING' });
  });
});
