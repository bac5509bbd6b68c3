import { afterAll, beforeAll, test } from 'vitest';
import { AwsKmsProvider } from '../../../src/providers/aws-kms/index.ts';
import { awsError, startKmsProxy } from '../../servers/kms-proxy.ts';
import { running, type SharedServer } from '../../servers/running.ts';
import { everyRefusal, faults, refusedHandOver } from '../../support/refused-hand-over.ts';
import { KmsAdmin, optionsFor, useEnvironmentCredentials } from './admin.ts';

let server: SharedServer;
let admin: KmsAdmin;
beforeAll(async () => {
  useEnvironmentCredentials();
  server = running('localstack');
  admin = new KmsAdmin(server.url);
});
afterAll(async () => {
  admin?.close();
});

test.concurrent.for(everyRefusal(['AccessDeniedException', 'ExpiredTokenException', 'ThrottlingException']))(
  'LocalStack says $refusal for 3 s from step $step of a hand-over on ($mode): all is covered',
  async ({ refusal: name, mode, step }, { expect, onTestFinished }) => {
    const proxy = await startKmsProxy(server.url);
    const provider = new AwsKmsProvider(optionsFor(proxy.url, { keyCacheTtlSeconds: 1, maxAttempts: 1 }));
    const auditor = new AwsKmsProvider(optionsFor(server.url));
    onTestFinished(async () => {
      await provider.close();
      await auditor.close();
      await proxy.stop();
    });
    const [wrapBefore, wrapAfter] = [await admin.createKey(), await admin.createKey()];
    const [signBefore, signAfter] = [await admin.createKey('ECC_NIST_P256'), await admin.createKey('ECC_NIST_P256')];
    const wrap = await admin.createAlias(`alias/refused-wrap-${name}-${mode}-${step}`, wrapBefore);
    const sign = await admin.createAlias(`alias/refused-sign-${name}-${mode}-${step}`, signBefore);
    let calls = 0;
    const report = await refusedHandOver(
      {
        provider,
        options: {
          keySource: 'aws-kms',
          ...(mode === 'signing' ? { keyId: sign, useKmsSigning: true } : { keyId: wrap, signingKeyId: sign }),
        },
        ...(mode === 'both' && {
          dataKeys: [{ source: 'aws-kms', keys: auditor, named: [{ name: wrapBefore }, { name: wrapAfter }] }],
        }),
        rotate: async () => {
          await admin.retarget(wrap, wrapAfter);
          await admin.retarget(sign, signAfter);
        },
        refuseFrom: (from) => {
          proxy.fault = () => {
            calls += 1;
            return calls >= from ? awsError(name) : undefined;
          };
        },
        heal: () => {
          proxy.fault = () => undefined;
        },
      },
      step,
      { onTestFinished },
    );
    expect(faults(report)).toEqual([]);
  },
);
