import { isError, TamperError } from '../../errors.ts';
import { mapBounded } from '../../foundation/pool.ts';
import type { CallOptions, Signature, SignatureAlgorithm, SigningKey, SigningKeyOptions } from '../../keys/provider.ts';
import { toCanonicalSpki } from '../../keys/public-key.ts';
import { verifySignature } from '../../keys/signature.ts';
import { assertMessage } from '../../keys/signed-message.ts';
import { VersionCache } from '../../keys/version-cache.ts';
import { chooseAlgorithm, defaultSigningAlgorithms, vendorAlgorithm } from './algorithms.ts';
import type { AwsKmsClient, AwsKmsReply } from './client.ts';
import { assertAnsweredBy, callName, corrupted, isKeyArn, replyIdentity } from './identity.ts';
import { type AwsKmsOptions, defaultTtlSeconds } from './options.ts';
import type { HandedOut } from './rotation.ts';
import type { Ask, AwsKmsSession } from './session.ts';

const defaultConcurrency = 8;

/** A signing key, and the state that it was in when we last asked. */
interface KnownKey {
  readonly key: SigningKey;
  readonly state: string | undefined;
}

/** Signatures by `Sign` and `GenerateMac`; keys by `DescribeKey` and `GetPublicKey`, which are cached. */
export class AwsSigning {
  readonly #session: AwsKmsSession;
  readonly #handedOut: HandedOut;
  readonly #preferred: readonly SignatureAlgorithm[];
  readonly #concurrency: number;
  readonly #keys: VersionCache<KnownKey>;

  constructor(session: AwsKmsSession, handedOut: HandedOut, options: AwsKmsOptions) {
    this.#session = session;
    this.#handedOut = handedOut;
    this.#preferred = options.signingAlgorithms ?? defaultSigningAlgorithms;
    this.#concurrency = options.concurrency ?? defaultConcurrency;
    this.#keys = new VersionCache<KnownKey>({
      ttlSeconds: options.keyCacheTtlSeconds ?? defaultTtlSeconds,
      load: (name) => this.#load(name),
      identityOf: ({ key }) => key.identity,
      ...(options.clock !== undefined && { clock: options.clock }),
    });
  }

  async getSigningKey(keyId: string, options: SigningKeyOptions): Promise<SigningKey> {
    const name = callName(keyId);
    const { key, state } = await this.#keys.get(name, options.signal);
    if (options.toSign === true) assertUsable(name, state);
    this.#handedOut.add('signing', name, key.identity);
    return key;
  }

  async sign(keyId: string, data: Uint8Array, options: CallOptions): Promise<Signature> {
    assertMessage(data);
    const key = await this.#keyToSignWith(keyId, options);
    return this.#session.use('sign', keyId, options, async (ask, facts) => {
      const signature = await signOnce(ask, key, data);
      facts.identity = signature.identity;
      return signature;
    });
  }

  /** One event for the batch; its deadline grows with the rounds of calls it needs. AWS KMS has no call for several messages. */
  async signBatch(keyId: string, items: readonly Uint8Array[], options: CallOptions): Promise<Signature[]> {
    for (const item of items) assertMessage(item);
    if (items.length === 0) return [];
    const key = await this.#keyToSignWith(keyId, options);
    const batch = { ...options, items: items.length, rounds: Math.ceil(items.length / this.#concurrency) };
    return this.#session.use('signBatch', keyId, batch, async (ask, facts) => {
      facts.identity = key.identity;
      return mapBounded(items, this.#concurrency, (item) => signOnce(ask, key, item));
    });
  }

  async verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options: CallOptions): Promise<boolean> {
    const { spki } = key;
    if (spki !== undefined && key.algorithm !== 'kms-hmac-sha256') {
      return verifySignature(key.algorithm, spki, data, signature);
    }
    assertMessage(data);
    return this.#session.use('verify', key.identity, options, async (ask, facts) => {
      facts.identity = key.identity;
      return verifyOnline(ask, key, data, signature);
    });
  }

  /** Learns what a name stands for now, whatever the cache holds. */
  async reload(name: string, options: CallOptions): Promise<void> {
    await this.#keys.reload(name, options.signal);
  }

  close(): void {
    this.#keys.close();
  }

  /** A pinned identity signs with that key, wherever its alias points by now; a name with what it stands for. */
  async #keyToSignWith(keyId: string, options: CallOptions): Promise<SigningKey> {
    const name = callName(keyId);
    const pinned = isKeyArn(name) ? this.#keys.at(name)?.key : undefined;
    return pinned ?? this.getSigningKey(keyId, options);
  }

  #load(name: string): Promise<KnownKey> {
    return this.#session.use('getSigningKey', name, {}, async (ask, facts) => {
      const { KeyMetadata = {} } = await ask('DescribeKey', name, (client, call) =>
        client.describeKey({ KeyId: name }, call),
      );
      const identity = replyIdentity('DescribeKey', KeyMetadata.Arn);
      facts.identity = identity;
      // a version that is asked for by its ARN may be retired: an auditor still wants its public key
      if (!isKeyArn(name)) assertUsable(name, KeyMetadata.KeyState);
      const algorithm = chooseAlgorithm(name, KeyMetadata, this.#preferred);
      const state = KeyMetadata.KeyState;
      if (algorithm === 'kms-hmac-sha256') return { key: { source: 'aws-kms', identity, algorithm }, state };
      // by ARN: the alias may have been pointed elsewhere since
      const reply = await ask('GetPublicKey', identity, (client, call) =>
        client.getPublicKey({ KeyId: identity }, call),
      );
      assertAnsweredBy('GetPublicKey', identity, reply.KeyId);
      if (reply.PublicKey === undefined) {
        throw new TamperError('RESPONSE_MALFORMED', `AWS KMS GetPublicKey "${identity}": no public key in the reply`);
      }
      const spki = toCanonicalSpki(reply.PublicKey, `the public key of "${identity}"`);
      return { key: { source: 'aws-kms', identity, algorithm, spki }, state };
    });
  }
}

async function signOnce(ask: Ask, key: SigningKey, data: Uint8Array): Promise<Signature> {
  const { identity, algorithm } = key;
  const bytes = algorithm === 'kms-hmac-sha256' ? await mac(ask, identity, data) : await signature(ask, key, data);
  if (bytes === undefined || bytes.length === 0) {
    throw new TamperError('RESPONSE_MALFORMED', `AWS KMS: no signature in the reply of "${identity}"`);
  }
  return { bytes: Uint8Array.from(bytes), algorithm, identity };
}

async function mac(ask: Ask, arn: string, data: Uint8Array): Promise<Uint8Array | undefined> {
  const reply = await ask('GenerateMac', arn, (client, call) =>
    client.generateMac({ KeyId: arn, Message: data, MacAlgorithm: 'HMAC_SHA_256' }, call),
  );
  assertAnsweredBy('GenerateMac', arn, reply.KeyId);
  return reply.Mac;
}

async function signature(ask: Ask, key: SigningKey, data: Uint8Array): Promise<Uint8Array | undefined> {
  const vendor = vendorAlgorithm(key.algorithm);
  if (vendor === undefined) throw new TamperError('UNSUPPORTED_OPERATION', `AWS KMS cannot sign with ${key.algorithm}`);
  const reply = await ask('Sign', key.identity, (client, call) =>
    client.sign({ KeyId: key.identity, Message: data, MessageType: 'RAW', SigningAlgorithm: vendor }, call),
  );
  assertAnsweredBy('Sign', key.identity, reply.KeyId);
  if (reply.SigningAlgorithm !== undefined && reply.SigningAlgorithm !== vendor) {
    throw corrupted('Sign', key.identity, `signed with ${reply.SigningAlgorithm}`);
  }
  return reply.Signature;
}

/** A state that could not sign anyhow is said now, not at the first checkpoint. */
function assertUsable(name: string, state: string | undefined): void {
  if (state === undefined || state === 'Enabled') return;
  if (state === 'Disabled')
    throw new TamperError('KEY_DISABLED', `AWS KMS key "${name}" is disabled`, {
      hint: 'Enable it, or seal with another key.',
    });
  if (state === 'PendingDeletion' || state === 'PendingReplicaDeletion') {
    throw new TamperError('KEY_PENDING_DELETION', `AWS KMS key "${name}" is pending deletion`, {
      hint: 'Cancel the deletion, or seal with another key.',
    });
  }
  throw new TamperError('KEY_VERSION_UNAVAILABLE', `AWS KMS key "${name}" is in state ${state}`, {
    hint: 'It can be used once AWS says that it is enabled.',
  });
}

/** The longest signature that `Verify` and `VerifyMac` take, in bytes. */
const maxSignatureBytes = 6144;

/**
 * Has AWS check a signature or MAC: for HMAC keys, and for keys whose public key nobody kept.
 *
 * @returns false only where AWS says that the signature is bad: by `KMSInvalidSignatureException` or
 * `KMSInvalidMacException` as documented, or by `SignatureValid: false` or `MacValid: false` as some servers do
 */
async function verifyOnline(ask: Ask, key: SigningKey, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const arn = key.identity;
  if (!isKeyArn(arn)) throw new TamperError('USAGE', `"${arn}" is not the ARN of an AWS KMS key`);
  if (signature.length === 0 || signature.length > maxSignatureBytes) return false; // the service takes none such
  if (key.algorithm === 'kms-hmac-sha256') {
    const reply = await ask<MacReply>('VerifyMac', arn, async (client, call) => {
      const input = { KeyId: arn, Message: data, MacAlgorithm: 'HMAC_SHA_256', Mac: signature } as const;
      return client.verifyMac(input, call).catch(invalidIf('KMSInvalidMacException', arn));
    });
    return validityOf('VerifyMac', arn, reply.KeyId, reply.MacValid);
  }
  const vendor = vendorAlgorithm(key.algorithm);
  if (vendor === undefined) throw new TamperError('UNSUPPORTED_OPERATION', `AWS KMS cannot verify ${key.algorithm}`);
  const reply = await ask<SignatureReply>('Verify', arn, async (client, call) => {
    const input = {
      KeyId: arn,
      Message: data,
      MessageType: 'RAW',
      SigningAlgorithm: vendor,
      Signature: signature,
    } as const;
    return client.verify(input, call).catch(invalidIf('KMSInvalidSignatureException', arn));
  });
  return validityOf('Verify', arn, reply.KeyId, reply.SignatureValid);
}

type MacReply = Awaited<ReturnType<AwsKmsClient['verifyMac']>>;
type SignatureReply = Awaited<ReturnType<AwsKmsClient['verify']>>;

interface InvalidReply extends AwsKmsReply {
  readonly KeyId: string;
  readonly SignatureValid: false;
  readonly MacValid: false;
}

/** The exception for an invalid signature means false; all others are rethrown. */
function invalidIf(name: string, arn: string): (error: unknown) => InvalidReply {
  return (error) => {
    if (isError(error) && error.name === name) return { KeyId: arn, SignatureValid: false, MacValid: false };
    throw error;
  };
}

function validityOf(operation: string, arn: string, replied: string | undefined, valid: boolean | undefined): boolean {
  assertAnsweredBy(operation, arn, replied);
  if (typeof valid === 'boolean') return valid;
  throw new TamperError(
    'RESPONSE_MALFORMED',
    `AWS KMS ${operation} "${arn}": the reply does not say whether it is valid`,
  );
}
