import { isError, TamperError } from '../../errors.ts';
import { type KeysAtOnce, keysAtOnce } from '../../keys/at-once.ts';
import type { KeyNaming, KeySource } from '../../keys/identity.ts';
import type {
  CallOptions,
  DataKey,
  DataKeyReference,
  KeyContext,
  KeyProvider,
  Signature,
  SigningKey,
  SigningKeyOptions,
} from '../../keys/provider.ts';
import type { WarningListener } from '../../keys/warnings.ts';

/** One provider of two: data keys from the first, signatures from the second. It owns both. */
export class CompositeProvider implements KeyProvider {
  /** The source of the data keys. */
  readonly source: KeySource;
  readonly versionSeparator: string | undefined;
  readonly #data: KeyProvider;
  readonly #signing: KeyProvider;

  constructor(data: KeyProvider, signing: KeyProvider) {
    this.#data = data;
    this.#signing = signing;
    this.source = data.source;
    this.versionSeparator = data.versionSeparator;
  }

  get signatures(): KeyNaming {
    return this.#signing;
  }

  get atOnce(): KeysAtOnce | undefined {
    const [data, signing] = [keysAtOnce(this.#data), keysAtOnce(this.#signing)];
    return data && signing && { ...signing, getKey: (keyId, context) => data.getKey(keyId, context) };
  }

  getKey(keyId: string, context: KeyContext, options?: CallOptions): Promise<DataKey> {
    return this.#data.getKey(keyId, context, options);
  }

  recoverKey(reference: DataKeyReference, named: string, context: KeyContext, options?: CallOptions): Promise<DataKey> {
    return this.#data.recoverKey(reference, named, context, options);
  }

  getSigningKey(keyId: string, options?: SigningKeyOptions): Promise<SigningKey> {
    return this.#signing.getSigningKey(keyId, options);
  }

  sign(keyId: string, data: Uint8Array, options?: CallOptions): Promise<Signature> {
    return this.#signing.sign(keyId, data, options);
  }

  signBatch(keyId: string, items: readonly Uint8Array[], options?: CallOptions): Promise<Signature[]> {
    return this.#signing.signBatch(keyId, items, options);
  }

  verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options?: CallOptions): Promise<boolean> {
    return this.#signing.verify(key, data, signature, options);
  }

  /** Asks both; a change that one has seen is told even if the other cannot be asked. */
  async rotateCheck(options?: CallOptions): Promise<boolean> {
    const answers = await Promise.allSettled([this.#data.rotateCheck(options), this.#signing.rotateCheck(options)]);
    if (answers.some((answer) => answer.status === 'fulfilled' && answer.value)) return true;
    throwFirst(answers);
    return false;
  }

  onWarning(listener: WarningListener): void {
    this.#data.onWarning?.(listener);
    this.#signing.onWarning?.(listener);
  }

  async close(): Promise<void> {
    throwFirst(await Promise.allSettled([this.#data.close(), this.#signing.close()]));
  }
}

function throwFirst(answers: readonly PromiseSettledResult<unknown>[]): void {
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed === undefined) return;
  const cause: unknown = failed.reason;
  throw isError(cause)
    ? cause
    : new TamperError('INTERNAL', 'a provider threw something that is not an error', { cause });
}
