import { TamperError } from '../../errors.ts';
import { type Clock, systemClock } from '../../foundation/clock.ts';
import { createDataKey, dataKeyBytes } from '../../keys/data-key.ts';
import { namesIdentity, splitIdentity } from '../../keys/identity.ts';
import type { CallOptions, DataKey, DataKeyReference, KeyContext } from '../../keys/provider.ts';
import { wrappingPairs } from '../../keys/wrapping-context.ts';
import { assertAnsweredBy, callName, isKeyArn, replyIdentity } from './identity.ts';
import { type AwsKmsOptions, defaultTtlSeconds } from './options.ts';
import type { HandedOut } from './rotation.ts';
import type { Ask, AwsKmsSession } from './session.ts';

/** The longest ciphertext that AWS KMS returns or takes, in bytes. */
const maxCiphertextBytes = 6144;

/** Data keys by `GenerateDataKey` and `Decrypt`. No key is cached or shared. */
export class AwsDataKeys {
  readonly #session: AwsKmsSession;
  readonly #handedOut: HandedOut;
  readonly #ttlMs: number;
  readonly #clock: Clock;
  /** What names that are no ARN stood for, and when that was asked. */
  readonly #arns = new Map<string, { readonly arn: string; readonly at: number }>();

  constructor(session: AwsKmsSession, handedOut: HandedOut, options: AwsKmsOptions) {
    this.#session = session;
    this.#handedOut = handedOut;
    this.#ttlMs = (options.keyCacheTtlSeconds ?? defaultTtlSeconds) * 1000;
    this.#clock = options.clock ?? systemClock;
  }

  getKey(keyId: string, context: KeyContext, options: CallOptions): Promise<DataKey> {
    const name = callName(keyId);
    const EncryptionContext = wrappingPairs(context);
    return this.#session.use('getKey', keyId, options, async (ask, facts) => {
      const reply = await ask('GenerateDataKey', name, async (client, call) => {
        const answer = await client.generateDataKey({ KeyId: name, KeySpec: 'AES_256', EncryptionContext }, call);
        return ownedUnlessLate(answer, call.abortSignal);
      });
      try {
        const identity = replyIdentity('GenerateDataKey', reply.KeyId, reply.KeyMaterialId);
        if (isKeyArn(name)) assertAnsweredBy('GenerateDataKey', name, reply.KeyId);
        const material = materialOf('GenerateDataKey', reply.Plaintext);
        const wrapped = wrappedOf(reply.CiphertextBlob);
        facts.identity = identity;
        this.#handedOut.add('data', name, identity);
        return createDataKey({ material, source: 'aws-kms', identity, wrapped });
      } finally {
        reply.Plaintext?.fill(0);
      }
    });
  }

  recoverKey(reference: DataKeyReference, named: string, context: KeyContext, options: CallOptions): Promise<DataKey> {
    return this.#session.use('recoverKey', named, options, async (ask, facts) => {
      const EncryptionContext = wrappingPairs(context);
      const arn = await this.#trustedArn(ask, named);
      if (reference.source !== 'aws-kms' || !isNamed(reference.identity, named, arn)) {
        throw new TamperError('KEY_NOT_NAMED', `the log names a different key from AWS KMS "${named}" (${arn})`, {
          hint: isKeyArn(named)
            ? 'If the key that sealed this log is one of yours, name its ARN.'
            : 'An alias names the key that it points to now; for older key periods, name the ARN of the key.',
        });
      }
      const { wrapped } = reference;
      if (wrapped === undefined || wrapped.length === 0 || wrapped.length > maxCiphertextBytes) {
        throw new TamperError('WRONG_KEY_OR_CONTEXT', `the key period ${context.kid} has no wrapped key of "${arn}"`);
      }
      const reply = await ask('Decrypt', arn, async (client, call) => {
        const answer = await client.decrypt({ KeyId: arn, CiphertextBlob: wrapped, EncryptionContext }, call);
        return ownedUnlessLate(answer, call.abortSignal);
      });
      try {
        const identity = replyIdentity('Decrypt', reply.KeyId, reply.KeyMaterialId);
        if (splitIdentity('aws-kms', identity).name !== arn) {
          throw new TamperError(
            'WRONG_KEY_OR_CONTEXT',
            `AWS KMS Decrypt "${arn}": the reply is from key "${identity}"`,
          );
        }
        facts.identity = identity;
        const material = materialOf('Decrypt', reply.Plaintext);
        return createDataKey({ material, source: 'aws-kms', identity, wrapped });
      } finally {
        reply.Plaintext?.fill(0);
      }
    });
  }

  /** The ARN that the auditor's side means. Only a name of its own is ever resolved, never one from the log (spec 8.1). */
  async #trustedArn(ask: Ask, named: string): Promise<string> {
    const name = callName(named);
    if (isKeyArn(name)) return name;
    const at = this.#clock.now();
    const known = this.#arns.get(name);
    if (known !== undefined && at - known.at < this.#ttlMs) return known.arn; // a log has many key periods
    const reply = await ask('DescribeKey', name, (client, call) => client.describeKey({ KeyId: name }, call));
    const arn = replyIdentity('DescribeKey', reply.KeyMetadata?.Arn);
    this.#arns.set(name, { arn, at });
    return arn;
  }
}

/** A key named with its material id is that material alone; named without, it is any (spec 8.1). */
function isNamed(identity: string, named: string, arn: string): boolean {
  const whole = splitIdentity('aws-kms', named).version === undefined;
  return namesIdentity(whole ? arn : named, 'aws-kms', identity);
}

/** An answer after the deadline is nobody's: its key is erased at once, and no copy is made. */
function ownedUnlessLate<R extends { readonly Plaintext?: Uint8Array | undefined }>(
  reply: R,
  signal: AbortSignal | undefined,
): R {
  if (signal?.aborted) {
    reply.Plaintext?.fill(0);
    signal.throwIfAborted();
  }
  return reply;
}

function materialOf(operation: string, plaintext: Uint8Array | undefined): Uint8Array {
  if (plaintext?.length === dataKeyBytes) return plaintext;
  throw new TamperError(
    'RESPONSE_MALFORMED',
    `AWS KMS ${operation}: the data key has ${plaintext?.length ?? 0} bytes instead of ${dataKeyBytes}`,
  );
}

function wrappedOf(blob: Uint8Array | undefined): Uint8Array {
  if (blob !== undefined && blob.length > 0 && blob.length <= maxCiphertextBytes) return Uint8Array.from(blob);
  throw new TamperError(
    'RESPONSE_MALFORMED',
    `AWS KMS GenerateDataKey: the wrapped key has ${blob?.length ?? 0} bytes instead of 1 to ${maxCiphertextBytes}`,
  );
}
