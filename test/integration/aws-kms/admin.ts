import { type KeySpec, type KeyUsageType, KMS } from '@aws-sdk/client-kms';
import type { AwsKmsOptions } from '../../../src/providers/aws-kms/index.ts';

/** What a test server takes as credentials: anything. */
export const testCredentials = { accessKeyId: 'AKIATESTTESTTESTTEST', secretAccessKey: 'canary-secret-access-key' };

/** The administrator of a test server: makes, retargets, disables and deletes keys, which the provider never does. */
export class KmsAdmin {
  readonly kms: KMS;

  constructor(url: string, region = 'eu-west-1') {
    this.kms = new KMS({ region, endpoint: url, credentials: testCredentials });
  }

  /** Makes a key and returns its ARN. */
  async createKey(spec: KeySpec = 'SYMMETRIC_DEFAULT', usage?: KeyUsageType): Promise<string> {
    const { KeyMetadata } = await this.kms.createKey({
      KeySpec: spec,
      ...((usage ?? usageOf(spec)) && { KeyUsage: usage ?? usageOf(spec) }),
    });
    if (KeyMetadata?.Arn === undefined) throw new Error('no ARN');
    return KeyMetadata.Arn;
  }

  async createAlias(name: string, arn: string): Promise<string> {
    await this.kms.createAlias({ AliasName: name, TargetKeyId: idOf(arn) });
    return name;
  }

  async retarget(name: string, arn: string): Promise<void> {
    await this.kms.updateAlias({ AliasName: name, TargetKeyId: idOf(arn) });
  }

  /** New material under the same ARN. */
  async rotateMaterial(arn: string): Promise<void> {
    await this.kms.rotateKeyOnDemand({ KeyId: idOf(arn) });
  }

  /** The id of a key's current material. */
  async material(arn: string): Promise<string> {
    const { KeyMetadata } = await this.kms.describeKey({ KeyId: arn });
    return KeyMetadata?.CurrentKeyMaterialId ?? '';
  }

  async disable(arn: string): Promise<void> {
    await this.kms.disableKey({ KeyId: idOf(arn) });
  }

  async enable(arn: string): Promise<void> {
    await this.kms.enableKey({ KeyId: idOf(arn) });
  }

  /** Schedules the deletion of a key. */
  async doom(arn: string): Promise<void> {
    await this.kms.scheduleKeyDeletion({ KeyId: idOf(arn), PendingWindowInDays: 7 });
  }

  async spare(arn: string): Promise<void> {
    await this.kms.cancelKeyDeletion({ KeyId: idOf(arn) });
    await this.enable(arn);
  }

  close(): void {
    this.kms.destroy();
  }
}

/** The bare id of a key, from its ARN. */
export function idOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

/** The ARN of an alias in the account and region of a key. */
export function aliasArn(alias: string, arn: string): string {
  return arn.replace(/:key\/.*$/, `:${alias}`);
}

/** Credentials from the environment, as a host has them: the provider takes none as options. */
export function useEnvironmentCredentials(): void {
  process.env['AWS_ACCESS_KEY_ID'] = testCredentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = testCredentials.secretAccessKey;
}

/** Options for a provider on a test server. A machine that is slow is no fault: the SDK's own deadlines run on its clock. */
export function optionsFor(url: string, more: AwsKmsOptions = {}): AwsKmsOptions {
  const patient = { connectionTimeoutMs: 60_000, requestTimeoutMs: 60_000, timeoutMs: 300_000 };
  return { region: 'eu-west-1', endpoint: url, ...patient, ...more };
}

function usageOf(spec: KeySpec): KeyUsageType {
  if (spec === 'SYMMETRIC_DEFAULT') return 'ENCRYPT_DECRYPT';
  return spec.startsWith('HMAC_') ? 'GENERATE_VERIFY_MAC' : 'SIGN_VERIFY';
}
