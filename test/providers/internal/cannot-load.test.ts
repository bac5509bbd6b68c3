import { describe, expect, it } from 'vitest';
import { cannotLoad } from '../../../src/providers/internal/cannot-load.ts';

const sdk = { service: 'AWS KMS', packageName: '@aws-sdk/client-kms' };

describe('cannotLoad', () => {
  it('says exactly what to install where the package is absent', async () => {
    const name: string = 'no-such-package-fapilog-tamper';
    const thrown: unknown = await import(name).catch((error: unknown) => error);
    expect(cannotLoad({ service: 'X', packageName: name }, thrown)).toMatchObject({ code: 'DEPENDENCY_MISSING' });
    const absent = Object.assign(new Error("Cannot find package '@aws-sdk/client-kms' imported from /app/x.js"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    expect(cannotLoad(sdk, absent)).toMatchObject({
      code: 'DEPENDENCY_MISSING',
      message: 'AWS KMS support requires @aws-sdk/client-kms. Install it with: npm install @aws-sdk/client-kms',
      cause: absent,
    });
  });

  it('does not call a package absent that is there and broken', () => {
    const inner = Object.assign(new Error("Cannot find package '@smithy/core' imported from /app/sdk.js"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    expect(cannotLoad(sdk, inner)).toMatchObject({
      code: 'DEPENDENCY_MISSING',
      message: expect.stringContaining("could not load @aws-sdk/client-kms: Cannot find package '@smithy/core'"),
    });
    expect(cannotLoad(sdk, 'odd')).toMatchObject({ code: 'DEPENDENCY_MISSING' });
  });
});
