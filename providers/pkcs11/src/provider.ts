import { timingSafeEqual } from 'node:crypto';
import {
  ActiveCalls,
  assertMessage,
  assertSigned,
  type CallOptions,
  callService,
  createDataKey,
  type DataKey,
  type DataKeyReference,
  type KeyContext,
  type KeyEventFacts,
  type KeyOperation,
  type KeyProvider,
  KeyWarnings,
  RotationWatch,
  resolveNamed,
  type Signature,
  type SigningKey,
  type SigningKeyOptions,
  splitIdentity,
  TamperError,
  throwIfAborted,
  VersionCache,
  verifySignature,
  type WarningListener,
} from 'fapilog-tamper/keys';
import type { Handle } from 'pkcs11js';
import { CKA_SIGN } from './cryptoki.ts';
import { makeDataKey, unwrapDataKey } from './data-keys.ts';
import { flagOf, type KeyObject, type KeyUse, naming, newestVersion, versionOf } from './key-objects.ts';
import type { Pkcs11Options } from './options.ts';
import { type SigningKind, signingKind } from './public-key.ts';
import { hmac, signed } from './signing.ts';
import { type OpenSession, Token } from './token.ts';

/** A version of a signing key, as it is kept. */
interface SigningVersion extends SigningKind {
  readonly identity: string;
  readonly canSign: boolean;
}

/** What is signed to try a key. */
const TRIAL: Buffer = Buffer.from('fapilog-tamper-keys-pkcs11 trial\n');

type Call = CallOptions & { readonly items?: number };

/** Keys in a token: AES or HMAC keys for data keys; EC, Ed25519, RSA and HMAC keys for signatures. */
export class Pkcs11Provider implements KeyProvider {
  readonly source = naming.source;
  readonly versionSeparator = naming.versionSeparator;
  readonly #token: Token;
  readonly #rsaPadding: 'pss' | 'pkcs1';
  readonly #active = new ActiveCalls('the PKCS#11 key provider');
  readonly #versions: VersionCache<SigningVersion>;
  readonly #signingWatch = new RotationWatch();
  readonly #dataKeyWatch = new RotationWatch();
  /** Identities of keys whose public key verified a signature. */
  readonly #tried = new Set<string>();
  readonly #warnings = new KeyWarnings(naming.source);

  constructor(options: Pkcs11Options, ttlSeconds: number) {
    this.#token = new Token(options);
    this.#rsaPadding = options.rsa_padding;
    this.#versions = new VersionCache({
      ttlSeconds,
      load: (name) => this.#describe(name, {}),
      identityOf: ({ identity }) => identity,
    });
  }

  // ---- data keys

  getKey(keyId: string, context: KeyContext, call: CallOptions = {}): Promise<DataKey> {
    return this.#use('getKey', keyId, call, async (session, facts) => {
      const key = this.#find(session, keyId, 'data keys', facts);
      const { material, wrapped } = await makeDataKey(session, key, context);
      if (keyId !== key.identity) this.#dataKeyWatch.note(keyId, key);
      return createDataKey({ material, source: this.source, identity: key.identity, wrapped });
    });
  }

  async recoverKey(
    reference: DataKeyReference,
    named: string,
    context: KeyContext,
    call: CallOptions = {},
  ): Promise<DataKey> {
    this.#active.assertOpen();
    const { name, version } = resolveNamed(this, named, reference);
    const { wrapped, identity } = reference;
    if (wrapped === undefined || version === undefined) {
      throw new TamperError('WRONG_KEY_OR_CONTEXT', `the log gives no wrapped key of "${named}"`);
    }
    return this.#use('recoverKey', named, call, async (session, facts) => {
      facts.identity = identity;
      const key = versionOf(session, name, version, 'data keys', this.#token.name);
      const material = await unwrapDataKey(session, key, wrapped, context);
      return createDataKey({ material, source: this.source, identity, wrapped });
    });
  }

  // ---- signatures

  async getSigningKey(keyId: string, call: SigningKeyOptions = {}): Promise<SigningKey> {
    const version = await this.#resolve(keyId, call);
    if (call.toSign === true) await this.#tryToSign(keyId, version, call);
    const { identity, algorithm, spki } = version;
    return { source: this.source, identity, algorithm, ...(spki && { spki }) };
  }

  async sign(keyId: string, data: Uint8Array, call: CallOptions = {}): Promise<Signature> {
    const [signature] = await this.#sign('sign', keyId, [data], call);
    if (signature === undefined) throw new TamperError('INTERNAL', 'no signature of one item');
    return signature;
  }

  signBatch(keyId: string, items: readonly Uint8Array[], call: CallOptions = {}): Promise<Signature[]> {
    return this.#sign('signBatch', keyId, items, { ...call, items: items.length });
  }

  async verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, call: CallOptions = {}): Promise<boolean> {
    this.#active.assertOpen();
    throwIfAborted(`PKCS#11 verify "${key.identity}"`, call.signal);
    assertSigned(key, data, signature);
    if (key.spki !== undefined) return verifySignature(key.algorithm, key.spki, data, signature);
    if (key.algorithm !== 'kms-hmac-sha256') {
      throw new TamperError('USAGE', `the public key of PKCS#11 key ${key.identity} is needed to verify`);
    }
    return this.#use('verify', key.identity, call, async (session, facts) => {
      const mac = await hmac(session, this.#handle(session, key.identity, facts), data);
      return signature.length === mac.length && timingSafeEqual(mac, signature);
    });
  }

  // ---- its life

  async rotateCheck(call: CallOptions = {}): Promise<boolean> {
    this.#active.assertOpen();
    throwIfAborted('PKCS#11 rotateCheck', call.signal);
    const dataKeys = await this.#dataKeyWatch.check((name) =>
      this.#use('rotateCheck', name, call, async (session, facts) => this.#find(session, name, 'data keys', facts)),
    );
    const signing = await this.#signingWatch.check((name) => this.#versions.reload(name, call.signal));
    return dataKeys || signing;
  }

  onWarning(listener: WarningListener): void {
    this.#warnings.listen(listener);
  }

  async close(): Promise<void> {
    this.#versions.close();
    this.#active.close();
    await this.#token.close();
  }

  async #sign(
    operation: 'sign' | 'signBatch',
    keyId: string,
    items: readonly Uint8Array[],
    call: Call,
  ): Promise<Signature[]> {
    for (const item of items) assertMessage(item);
    const version = await this.#resolve(keyId, call);
    assertCanSign(version);
    return this.#use(operation, keyId, call, async (session, facts, signal) => {
      const signatures: Signature[] = [];
      const key = this.#handle(session, version.identity, facts);
      for (const item of items) {
        throwIfAborted(`PKCS#11 ${operation} "${keyId}"`, signal);
        signatures.push(await this.#signature(session, key, version, item));
      }
      return signatures;
    });
  }

  /** Before a key period names this key: a public key of another pair would leave the log without a signature. */
  async #tryToSign(keyId: string, version: SigningVersion, call: CallOptions): Promise<void> {
    assertCanSign(version);
    const { identity, algorithm, spki } = version;
    if (spki === undefined || this.#tried.has(identity)) return;
    await this.#use('getSigningKey', keyId, call, async (session, facts) => {
      const bytes = await signed(session, algorithm, this.#handle(session, identity, facts), TRIAL);
      if (await verifySignature(algorithm, spki, TRIAL, bytes)) return;
      this.#versions.expire(keyId);
      throw new TamperError(
        'KEY_MALFORMED',
        `the public key of PKCS#11 key ${identity} is not that of its private key`,
        {
          hint: 'Replace the public key object with this label and CKA_ID by that of the private key.',
        },
      );
    });
    this.#tried.add(identity);
  }

  /** A signature that its public key verifies: a handle may stand for another object since it was found. */
  async #signature(
    session: OpenSession,
    handle: Handle,
    { identity, algorithm, spki }: SigningVersion,
    data: Uint8Array,
  ): Promise<Signature> {
    const bytes = await signed(session, algorithm, handle, data);
    if (spki === undefined || (await verifySignature(algorithm, spki, data, bytes))) {
      return { bytes, algorithm, identity };
    }
    session.keys.delete(identity);
    throw new TamperError(
      'RESPONSE_CORRUPTED',
      `the public key of PKCS#11 key ${identity} is not that of its signature`,
      {
        retryable: true,
        hint: 'Check that the public key object with this CKA_ID belongs to the private key.',
      },
    );
  }

  async #resolve(keyId: string, call: CallOptions): Promise<SigningVersion> {
    this.#active.assertOpen();
    throwIfAborted(`PKCS#11 key "${keyId}"`, call.signal);
    if (splitIdentity(naming, keyId).version !== undefined) {
      const known = this.#versions.at(keyId) ?? (await this.#describe(keyId, call));
      this.#versions.remember(known);
      return known;
    }
    const version = await this.#versions.get(keyId, call.signal);
    this.#signingWatch.note(keyId, version);
    return version;
  }

  #describe(keyId: string, call: CallOptions): Promise<SigningVersion> {
    return this.#use('getSigningKey', keyId, call, async (session, facts) => {
      const key = this.#find(session, keyId, 'signatures', facts);
      const kind = signingKind(session, key, this.#rsaPadding);
      session.keys.set(key.identity, key.handle);
      return { ...kind, identity: key.identity, canSign: flagOf(session, key.handle, CKA_SIGN) !== false };
    });
  }

  /** The handle of one version, found once in each session. */
  #handle(session: OpenSession, identity: string, facts: KeyEventFacts): Handle {
    const known = session.keys.get(identity);
    const handle = known ?? this.#find(session, identity, 'signatures', facts).handle;
    session.keys.set(identity, handle);
    note(facts, identity);
    return handle;
  }

  #find(session: OpenSession, keyId: string, use: KeyUse, facts: KeyEventFacts): KeyObject {
    const { name, version } = splitIdentity(naming, keyId);
    const key =
      version === undefined
        ? newestVersion(session, name, use, this.#token.name)
        : versionOf(session, name, version, use, this.#token.name);
    note(facts, key.identity);
    if (key.isExposed) {
      this.#warnings.say(
        key.identity,
        `PKCS#11 key ${key.identity} can be taken out of the token`,
        'Make keys with CKA_SENSITIVE true and CKA_EXTRACTABLE false.',
      );
    }
    return key;
  }

  #use<T>(
    operation: KeyOperation,
    keyId: string,
    { signal, items }: Call,
    run: (session: OpenSession, facts: KeyEventFacts, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const use = { operation, source: this.source, keyId, timeoutMs: 30_000, attemptTimeoutMs: 15_000 };
    return this.#active.run(signal, (outer) =>
      callService({ ...use, ...(items !== undefined && { items }), signal: outer }, (inner, facts) =>
        this.#token.run(inner, (session) => run(session, facts, inner)),
      ),
    );
  }
}

function note(facts: KeyEventFacts, identity: string): void {
  facts.identity = identity;
  const { version } = splitIdentity(naming, identity);
  if (version !== undefined) facts.version = version;
}

function assertCanSign({ canSign, identity }: SigningVersion): void {
  if (canSign) return;
  throw new TamperError('KEY_WRONG_USAGE', `PKCS#11 key ${identity} may not sign: its CKA_SIGN is false`, {
    hint: 'Set CKA_SIGN, or name another key.',
  });
}
