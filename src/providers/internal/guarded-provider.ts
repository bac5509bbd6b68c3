import { asError, isError, isTamperError, TamperError } from '../../errors.ts';
import { withDeadline } from '../../foundation/deadline.ts';
import { type KeySource, namesIdentity, printable, resolveNamed } from '../../keys/identity.ts';
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
import { assertMessage } from '../../keys/signed-message.ts';
import { KeyWarnings, type WarningListener } from '../../keys/warnings.ts';

/** How long a provider of a third party may take for one use of a key, in milliseconds: its own deadlines are shorter. */
const LONGEST_MS = 60_000;

/**
 * The provider of a third party, held to the contract: what it throws becomes a {@link TamperError}, a call that hangs ends, a key
 * is of its own source and of the key that was asked for (else it could be sealed with and never be verified), and a data key is
 * recovered only under the name that the auditor gives (M8.1), whatever the provider itself compares.
 */
export class GuardedProvider implements KeyProvider {
  readonly source: KeySource;
  readonly versionSeparator: string | undefined;
  readonly #provider: KeyProvider;
  readonly #name: string;
  readonly #warnings: KeyWarnings;
  #closing: Promise<void> | undefined;

  /** @param name - its module, for messages */
  constructor(provider: KeyProvider, name: string) {
    this.#provider = provider;
    this.#name = name;
    this.#warnings = new KeyWarnings(provider.source);
    this.source = provider.source;
    this.versionSeparator = provider.versionSeparator;
  }

  async getKey(keyId: string, context: KeyContext, options?: CallOptions): Promise<DataKey> {
    const key = await this.#call('getKey', options, (own) => this.#provider.getKey(keyId, context, own));
    return this.#checkedDataKey(key, keyId);
  }

  async recoverKey(
    reference: DataKeyReference,
    named: string,
    context: KeyContext,
    options?: CallOptions,
  ): Promise<DataKey> {
    resolveNamed(this, named, reference);
    const recover = (own: CallOptions): Promise<DataKey> => this.#provider.recoverKey(reference, named, context, own);
    return this.#checkedDataKey(await this.#call('recoverKey', options, recover), named);
  }

  async getSigningKey(keyId: string, options?: SigningKeyOptions): Promise<SigningKey> {
    const key = await this.#call('getSigningKey', options, (own) => this.#provider.getSigningKey(keyId, own));
    this.#checkIdentity(key, keyId);
    return key;
  }

  async sign(keyId: string, data: Uint8Array, options?: CallOptions): Promise<Signature> {
    assertMessage(data);
    const signature = await this.#call('sign', options, (own) => this.#provider.sign(keyId, data, own));
    this.#checkIdentity({ ...signature, source: this.source }, keyId);
    return signature;
  }

  async signBatch(keyId: string, items: readonly Uint8Array[], options?: CallOptions): Promise<Signature[]> {
    items.forEach(assertMessage);
    const signatures = await this.#call('signBatch', options, (own) => this.#provider.signBatch(keyId, items, own));
    if (!Array.isArray(signatures) || signatures.length !== items.length)
      throw this.#malformed('no signature for each item');
    for (const signature of signatures) this.#checkIdentity({ ...signature, source: this.source }, keyId);
    return signatures;
  }

  async verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options?: CallOptions): Promise<boolean> {
    const isGood: unknown = await this.#call('verify', options, (own) =>
      this.#provider.verify(key, data, signature, own),
    );
    return isGood === true;
  }

  rotateCheck(options?: CallOptions): Promise<boolean> {
    return this.#call('rotateCheck', options, (own) => this.#provider.rotateCheck(own));
  }

  onWarning(listener: WarningListener): void {
    this.#warnings.listen(listener);
    this.#provider.onWarning?.(listener);
  }

  /** Never fails: by then everything is sealed or verified. What the provider throws is a warning. */
  close(): Promise<void> {
    this.#closing ??= this.#call('close', {}, () => this.#provider.close()).catch((error: unknown) => {
      this.#warnings.say(this.#name, asError(error).message, 'Something of the provider may be left open.');
    });
    return this.#closing;
  }

  async #call<T>(method: string, options: CallOptions = {}, call: (options: CallOptions) => Promise<T>): Promise<T> {
    const what = `${method} of the key provider ${this.#name}`;
    try {
      // an application that has come to its end waits for what the provider holds open, not for this
      const bounds = { what, timeoutMs: LONGEST_MS, signal: options.signal, keepAlive: false };
      return await withDeadline(bounds, (signal) => call({ ...options, signal }));
    } catch (error) {
      throw ownError(error, what);
    }
  }

  #checkedDataKey(key: DataKey, keyId: string): DataKey {
    this.#checkIdentity(key, keyId);
    if (!Buffer.isBuffer(key.material) || key.material.length !== 32)
      throw this.#malformed('a data key that is not 32 bytes');
    if (typeof key.erase !== 'function')
      throw this.#malformed('a data key without the method erase: createDataKey makes one');
    return key;
  }

  #checkIdentity(key: Pick<SigningKey, 'source' | 'identity'> | null | undefined, keyId: string): void {
    const { source, identity } = key ?? {};
    if (source !== this.source) throw this.#malformed(`a key of the source "${printable(String(source))}"`);
    if (typeof identity === 'string' && namesIdentity(keyId, this, identity)) return;
    throw this.#malformed(`the key "${printable(String(identity))}" where "${keyId}" was asked for`);
  }

  #malformed(what: string): TamperError {
    return new TamperError('RESPONSE_MALFORMED', `the key provider ${this.#name} gave ${what}`, {
      hint: 'Tell its author: an identity is the name that was asked for, or that name, versionSeparator and a version.',
    });
  }
}

/** An error of this package, from whatever a third party threw: a second copy of this package throws errors of its own class. */
export function ownError(thrown: unknown, what: string): TamperError {
  if (isTamperError(thrown)) return thrown;
  if (isError(thrown) && thrown.name === 'TamperError') {
    const { code, hint, retryable } = thrown as TamperError;
    return new TamperError(code, thrown.message, { cause: thrown, retryable, ...(hint !== undefined && { hint }) });
  }
  // no bug of ours, and perhaps no more than a service that is away: a sealer goes on asking
  return new TamperError('RESPONSE_MALFORMED', `${what} threw a ${isError(thrown) ? thrown.name : typeof thrown}`, {
    cause: thrown, // its message may quote a secret
    hint: 'Tell its author: a provider throws a TamperError, which says whether the call may be tried again.',
  });
}
