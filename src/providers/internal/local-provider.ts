import { createHmac, randomBytes } from 'node:crypto';
import { isLocal } from '../../config/index.ts';
import { TamperError } from '../../errors.ts';
import { atOnce, inTime, type Steps, waitFor } from '../../foundation/steps.ts';
import type { KeysAtOnce } from '../../keys/at-once.ts';
import { createDataKey } from '../../keys/data-key.ts';
import { type KeyOperation, keyUse } from '../../keys/events.ts';
import { mlDsaSpkiOfSeed, signMlDsa } from '../../keys/ml-dsa.ts';
import type {
  CallOptions,
  DataKey,
  DataKeyReference,
  KeyContext,
  KeyProvider,
  Signature,
  SigningKey,
} from '../../keys/provider.ts';
import { Secret } from '../../keys/secret.ts';
import { isSignature, signLocally } from '../../keys/signature.ts';
import { assertMessage, assertSigned } from '../../keys/signed-message.ts';
import { decodeKey } from './key-text.ts';
import {
  decodeSigningSeed,
  identityOfSpki,
  publicKeyOfSeed,
  type SigningSeed,
  withPrivateKey,
} from './signing-seed.ts';

/** What a local key is used for; one key never serves both. */
export type LocalKeyUse = 'data key' | 'signing key';

/** The text of a key as its place holds it. */
export interface LocalKeyText {
  /** Memory of the caller's own, which overwrites it. */
  readonly bytes: Buffer;
  /** For messages: `environment variable NAME`, `file PATH`. */
  readonly place: string;
}

/** Where a local provider reads keys. */
export interface LocalKeyReader {
  readonly source: 'env' | 'file';
  /** Whether 32 bytes that are no text are a key. */
  readonly raw: boolean;
  /** @throws KEY_NOT_FOUND and what the place may refuse */
  read(keyId: string, use: LocalKeyUse): Steps<LocalKeyText>;
}

interface Signer {
  readonly key: SigningKey;
  readonly algorithm: SigningSeed['algorithm'];
  readonly seed: Secret;
}

/** Signing keys that a provider keeps: the current one and, for the hand-over, those before it. */
const keptSigners = 4;

/**
 * The local half of a key source: HMAC-SHA256 data keys, and signing keys of Ed25519 or ML-DSA. A data key is read at each `getKey` and
 * not kept; a signing key that was handed out is kept until {@link LocalKeyProvider.close}, so that it can still sign its
 * own hand-over after its place holds another.
 */
export class LocalKeyProvider implements KeyProvider {
  readonly source: 'env' | 'file';
  readonly atOnce: KeysAtOnce = {
    getKey: (keyId) => atOnce(this.#use('getKey', keyId, undefined, () => this.#dataKey(keyId))),
    getSigningKey: (keyId) => atOnce(this.#use('getSigningKey', keyId, undefined, () => this.#signingKey(keyId))),
    sign: (keyId, data) => atOnce(this.#use('sign', keyId, undefined, () => this.#signature(keyId, data))),
  };
  readonly #reader: LocalKeyReader;
  readonly #signers = new Map<string, Signer>();
  /** What each key looked like, under a key that nobody else has: enough to see a change, useless for anything else. */
  readonly #seen = new Map<string, { keyId: string; use: LocalKeyUse; print: string }>();
  readonly #printKey = Secret.take(randomBytes(32));
  #closed = false;

  constructor(reader: LocalKeyReader) {
    this.#reader = reader;
    this.source = reader.source;
  }

  /** Reads the data key. @throws KEY_NOT_FOUND, KEY_MALFORMED, KEY_FILE_PERMISSIONS, ACCESS_DENIED, READ_FAILED, PROVIDER_CLOSED, ABORTED */
  getKey(keyId: string, _context: KeyContext, options?: CallOptions): Promise<DataKey> {
    return this.#run('getKey', keyId, options, () => this.#dataKey(keyId));
  }

  /** Reads the data key that the verifier's side names; it may lie in a file here and in a variable there. @throws KEY_NOT_NAMED if the log names another; and as `getKey` */
  recoverKey(
    reference: DataKeyReference,
    named: string,
    _context: KeyContext,
    options?: CallOptions,
  ): Promise<DataKey> {
    return this.#run('recoverKey', named, options, () => {
      if (reference.identity !== named || reference.wrapped !== undefined || !isLocal(reference.source)) {
        throw new TamperError('KEY_NOT_NAMED', `the log's data key is not the local key "${named}"`, {
          hint: 'Name the key that the log was sealed with; `fapilog-tamper inspect` shows its source and identity',
        });
      }
      return this.#dataKey(named);
    });
  }

  /** Reads the signing key, or finds the one that was handed out with this identity. @throws as `getKey`, and KEY_VERSION_UNAVAILABLE */
  getSigningKey(keyId: string, options?: CallOptions): Promise<SigningKey> {
    return this.#run('getSigningKey', keyId, options, () => this.#signingKey(keyId));
  }

  /** Signs 1 to 4,096 bytes. @throws as `getSigningKey`, and USAGE */
  sign(keyId: string, data: Uint8Array, options?: CallOptions): Promise<Signature> {
    return this.#run('sign', keyId, options, () => this.#signature(keyId, data));
  }

  /** Signs several. @throws as `sign` */
  signBatch(keyId: string, items: readonly Uint8Array[], options?: CallOptions): Promise<Signature[]> {
    return this.#run('signBatch', keyId, options, () => this.#signatures(keyId, items));
  }

  /** Checks a signature with the public key in `key`. @throws USAGE, KEY_WRONG_USAGE, KEY_MALFORMED, PROVIDER_CLOSED, ABORTED */
  async verify(key: SigningKey, data: Uint8Array, signature: Uint8Array, options?: CallOptions): Promise<boolean> {
    assertSigned(key, data, signature);
    return this.#run('verify', key.identity, options, () => {
      if (key.spki === undefined) throw new TamperError('KEY_WRONG_USAGE', `"${key.identity}" has no public key`);
      return isSignature(key.algorithm, key.spki, data, signature);
    });
  }

  /** Reads every key again that was handed out. @throws as `getKey`, where one cannot be read now */
  rotateCheck(options?: CallOptions): Promise<boolean> {
    const keys = [...this.#seen.values()].map(({ keyId }) => keyId).join(' ');
    return this.#run('rotateCheck', keys, options, () => this.#isChanged());
  }

  /** Overwrites the signing keys. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#printKey.erase();
    this.#seen.clear();
    for (const { seed } of this.#signers.values()) seed.erase();
    this.#signers.clear();
  }

  #run<T>(operation: KeyOperation, keyId: string, options: CallOptions | undefined, use: () => Steps<T>): Promise<T> {
    return inTime(this.#use(operation, keyId, options, use));
  }

  #use<T>(operation: KeyOperation, keyId: string, options: CallOptions | undefined, use: () => Steps<T>): Steps<T> {
    return keyUse({ operation, source: this.source, keyId }, () => {
      if (this.#closed) throw new TamperError('PROVIDER_CLOSED', `the ${this.source} key provider was closed`);
      if (options?.signal?.aborted === true) {
        throw new TamperError('ABORTED', `${operation} was aborted`, { cause: options.signal.reason });
      }
      return use();
    });
  }

  *#isChanged(): Steps<boolean> {
    const prints = new Map<{ print: string }, string>();
    for (const seen of this.#seen.values()) {
      const key = yield* this.#read(seen.keyId, seen.use);
      prints.set(seen, this.#print(key.seed));
      key.seed.fill(0);
    }
    let changed = false;
    for (const [seen, print] of prints) {
      changed ||= print !== seen.print;
      seen.print = print;
    }
    return changed;
  }

  *#dataKey(keyId: string): Steps<DataKey> {
    const { seed: material } = yield* this.#read(keyId, 'data key');
    this.#remember(keyId, 'data key', material);
    const incarnation = this.#print(material);
    return createDataKey({ material, source: this.source, identity: keyId, incarnation });
  }

  *#signingKey(keyId: string): Steps<SigningKey> {
    return (yield* this.#signer(keyId)).key;
  }

  *#signature(keyId: string, data: Uint8Array): Steps<Signature> {
    return yield* signWith(yield* this.#signer(keyId), data);
  }

  *#signatures(keyId: string, items: readonly Uint8Array[]): Steps<Signature[]> {
    const signer = yield* this.#signer(keyId);
    const signatures: Signature[] = [];
    for (const item of items) signatures.push(yield* signWith(signer, item));
    return signatures;
  }

  *#signer(keyId: string): Steps<Signer> {
    const kept = this.#signers.get(keyId);
    if (kept !== undefined) return kept;
    if (/^sha256:[0-9a-f]{64}$/.test(keyId)) {
      throw new TamperError(
        'KEY_VERSION_UNAVAILABLE',
        `the signing key ${keyId} is no longer available here: another key has taken its place`,
      );
    }
    const { seed, algorithm } = yield* this.#read(keyId, 'signing key');
    try {
      const spki =
        algorithm === 'ed25519' ? publicKeyOfSeed(seed) : yield* waitFor(() => mlDsaSpkiOfSeed(algorithm, seed));
      const identity = identityOfSpki(spki);
      this.#remember(keyId, 'signing key', seed);
      const signer = this.#signers.get(identity) ?? {
        key: { source: this.source, identity, algorithm, spki },
        algorithm,
        seed: new Secret(seed),
      };
      this.#keep(identity, signer);
      return signer;
    } finally {
      seed.fill(0);
    }
  }

  #keep(identity: string, signer: Signer): void {
    this.#signers.delete(identity);
    this.#signers.set(identity, signer); // newest last
    const [oldest] = this.#signers.keys();
    if (this.#signers.size <= keptSigners || oldest === undefined) return;
    this.#signers.get(oldest)?.seed.erase();
    this.#signers.delete(oldest);
  }

  /** A data key is no seed of anything, and has no algorithm. */
  *#read(keyId: string, use: LocalKeyUse): Steps<SigningSeed> {
    const { bytes, place } = yield* this.#reader.read(keyId, use);
    try {
      const { raw } = this.#reader;
      if (use === 'signing key') return yield* decodeSigningSeed(bytes, place, raw);
      return { algorithm: 'ed25519', seed: decodeKey(bytes, place, raw) };
    } finally {
      bytes.fill(0);
    }
  }

  /** What was handed out first stays what `rotateCheck` compares with: only it may say that there was a change. */
  #remember(keyId: string, use: LocalKeyUse, material: Buffer): void {
    const name = `${use} ${keyId}`;
    if (!this.#seen.has(name)) this.#seen.set(name, { keyId, use, print: this.#print(material) });
  }

  #print(material: Buffer): string {
    return this.#printKey.use((key) => createHmac('sha256', key).update(material).digest('hex'));
  }
}

function* signWith({ key, algorithm, seed }: Signer, data: Uint8Array): Steps<Signature> {
  assertMessage(data);
  const { identity } = key;
  if (algorithm !== 'ed25519') {
    const bytes = yield* waitFor(() => seed.use((secret) => signMlDsa(algorithm, secret, data)));
    return { bytes, algorithm, identity };
  }
  const bytes = seed.use((secret) => withPrivateKey(secret, (privateKey) => signLocally(algorithm, privateKey, data)));
  return { bytes, algorithm, identity };
}
