import { createHash } from 'node:crypto';
import { isTamperError, TamperError } from '../../errors.ts';
import type { KeyEventFacts } from '../../keys/events.ts';
import type { SignatureAlgorithm } from '../../keys/provider.ts';
import { derFromP1363 } from '../../keys/signature.ts';
import { vendorFacts } from '../internal/azure/vendor-error.ts';
import { malformed } from '../internal/service-error.ts';
import { membersOf, textOf } from '../internal/vendor-text.ts';
import type {
  AzureCallOptions,
  AzureCryptographyClient,
  AzureKeyProperties,
  AzureRawResponse,
  AzureRotationPolicy,
  AzureSigningAlgorithm,
} from './client.ts';
import { type AzureCall, mapAzureError } from './error-map.ts';
import { type AzureKeyUrl, answeredVersion, assertAnsweredBy, keyUrl, versionUrl } from './key-url.ts';
import { handleOf, isUsable, type KeyVersion, readKeyVersion } from './key-version.ts';
import type { AzureSession } from './session.ts';
import { packWrappedKey, type WrappedKeyParts } from './wrapped-key.ts';

/** One attempt of something: its signal, and what its event learns. */
export interface Attempt {
  readonly signal: AbortSignal;
  readonly facts: KeyEventFacts;
}

type VersionUrl = KeyVersion['url'];

/** The calls of the keys interface, one request each, with their errors in our codes and their answers checked. */
export class KeyCalls {
  readonly #session: AzureSession;

  constructor(session: AzureSession) {
    this.#session = session;
  }

  /** The description of a version, or of the current one. */
  async getKey(url: AzureKeyUrl, attempt: Attempt): Promise<KeyVersion> {
    const { value } = await this.#send({ operation: 'getKey', keyId: nameOf(url) }, attempt, async (options) => {
      const client = await this.#session.keyClient(url.vaultUrl);
      return client.getKey(url.name, url.version === undefined ? options : { ...options, version: url.version });
    });
    return readKeyVersion(value, url);
  }

  /** Every version of a key, newest first. */
  async versions(url: AzureKeyUrl, attempt: Attempt): Promise<(AzureKeyProperties & { readonly version: string })[]> {
    const { value } = await this.#send(
      { operation: 'getKeyVersions', keyId: keyUrl(url) },
      attempt,
      async (options) => {
        const client = await this.#session.keyClient(url.vaultUrl);
        const found: (AzureKeyProperties & { version: string })[] = [];
        for await (const properties of client.listPropertiesOfKeyVersions(url.name, options)) {
          const version = answeredVersion(properties.id, { ...url, version: undefined }, 'getKeyVersions');
          found.push({ ...properties, version });
        }
        return found;
      },
    );
    // The service tells seconds only; of two in one second the one that is listed later counts as newer.
    return value.reverse().sort((a, b) => (b.createdOn?.getTime() ?? 0) - (a.createdOn?.getTime() ?? 0));
  }

  /** Whether a key was deleted and can be recovered; false where that cannot be learnt. */
  async isDeleted(url: AzureKeyUrl, attempt: Attempt): Promise<boolean> {
    const client = await this.#session.keyClient(url.vaultUrl);
    if (client.getDeletedKey === undefined) return false;
    try {
      await client.getDeletedKey(url.name, { abortSignal: attempt.signal });
      return true;
    } catch (error) {
      const mapped = mapAzureError(error, { operation: 'getKey', keyId: keyUrl(url) }, this.#session.clock.now());
      if (mapped.code === 'ABORTED' || mapped.code === 'INTERNAL') throw mapped;
      return false; // that there is no such key was said before; this says nothing against it
    }
  }

  /** When a key rotates by itself. */
  async rotationPolicy(url: AzureKeyUrl, attempt: Attempt): Promise<AzureRotationPolicy> {
    const call = { operation: 'getKeyRotationPolicy', keyId: keyUrl(url) } as const;
    const { value } = await this.#send(call, attempt, async (options) => {
      const client = await this.#session.keyClient(url.vaultUrl);
      return client.getKeyRotationPolicy?.(url.name, options);
    });
    if (value !== undefined) return value;
    throw new TamperError('UNSUPPORTED_OPERATION', 'the Azure client that was passed in cannot read rotation policies');
  }

  /** Signs a digest made here with one version. */
  async sign(url: VersionUrl, algorithm: SignatureAlgorithm, data: Uint8Array, attempt: Attempt): Promise<Uint8Array> {
    const { name, digest } = digestFor(algorithm, data);
    const { value, kid } = await this.#use('sign', url, attempt, (client, options) =>
      client.sign(name, digest, options),
    );
    assertAnsweredBy(kid, url, 'sign');
    return readSignature(algorithm, bytesOf(value.result, 'sign', url), nameOf(url));
  }

  /** Encrypts a data key, bound to its context. */
  async encrypt(url: VersionUrl, plaintext: Uint8Array, aad: Uint8Array, attempt: Attempt): Promise<Buffer> {
    const parameters = { algorithm: 'A256GCM', plaintext, additionalAuthenticatedData: aad } as const;
    const { value, kid } = await this.#use('encrypt', url, attempt, (client, options) =>
      client.encrypt(parameters, options),
    );
    assertAnsweredBy(kid, url, 'encrypt');
    return packWrappedKey({ iv: value.iv, tag: value.authenticationTag, ciphertext: value.result });
  }

  /** Decrypts a data key. */
  async decrypt(url: VersionUrl, parts: WrappedKeyParts, aad: Uint8Array, attempt: Attempt): Promise<Uint8Array> {
    const { iv, tag, ciphertext } = parts;
    const given = { iv, authenticationTag: tag, ciphertext, additionalAuthenticatedData: aad };
    const { value, kid } = await this.#use('decrypt', url, attempt, (client, options) =>
      client.decrypt({ algorithm: 'A256GCM', ...given }, options),
    );
    assertAnsweredBy(kid, url, 'decrypt');
    return bytesOf(value.result, 'decrypt', url);
  }

  /** Uses one version of a key. */
  #use<T>(
    operation: 'sign' | 'encrypt' | 'decrypt',
    url: VersionUrl,
    attempt: Attempt,
    run: (client: AzureCryptographyClient, options: AzureCallOptions) => Promise<T>,
  ): Promise<Answer<T>> {
    const keyId = nameOf(url);
    return this.#send({ operation, keyId }, attempt, async (options) => {
      const { client, gate } = await this.#session.versionClient(handleOf(url));
      return gate.run(keyId, attempt.signal, () => run(client, options));
    });
  }

  /**
   * Sends one request through the SDK; keeps the request id and the `kid` of the answer, which the SDK drops.
   *
   * @param renews - whether it is sent once more, with a new token, if the vault refuses the one at hand
   */
  async #send<T>(
    call: AzureCall,
    attempt: Attempt,
    run: (options: AzureCallOptions) => Promise<T>,
    renews = true,
  ): Promise<Answer<T>> {
    const { signal, facts } = attempt;
    const { generation, clock } = this.#session;
    let raw: AzureRawResponse | undefined;
    const options: AzureCallOptions = {
      abortSignal: signal,
      onResponse: (response) => {
        raw = response;
      },
    };
    try {
      const value = await run(options);
      return { value, kid: raw && kidOf(raw) };
    } catch (error) {
      const isRenewed = renews && vendorFacts(error).status === 401 && this.#session.renew(generation);
      if (isRenewed) return await this.#send(call, attempt, run, false);
      throw ofThisAttempt(mapAzureError(error, call, clock.now(), raw?.status === 200), call, signal);
    } finally {
      const requestId = raw?.headers.get('x-ms-request-id');
      if (requestId !== undefined) facts.requestId = requestId;
    }
  }
}

interface Answer<T> {
  readonly value: T;
  readonly kid: string | undefined;
}

/** A token is asked for once for several calls; one that another call gave up is not this one's end. */
function ofThisAttempt(error: TamperError, call: AzureCall, signal: AbortSignal): TamperError {
  if (!isTamperError(error, 'ABORTED') || signal.aborted) return error;
  return new TamperError('UNAVAILABLE', `Azure Key Vault ${call.operation} "${call.keyId}": no access token yet`, {
    cause: error,
    retryable: true,
  });
}

function kidOf(raw: AzureRawResponse): string | undefined {
  return textOf(membersOf(raw.parsedBody)['kid']) ?? textOf(membersOf(parsed(raw.bodyAsText))['kid']);
}

function parsed(text: string | null | undefined): unknown {
  if (!text) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the SDK reads the same text and says what is wrong with it
  }
}

function bytesOf(value: unknown, operation: string, url: VersionUrl): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw malformed(`Azure Key Vault ${operation} "${nameOf(url)}"`, 'the answer has no value', true);
}

function nameOf(url: AzureKeyUrl): string {
  return url.version === undefined ? keyUrl(url) : versionUrl(url, url.version);
}

/**
 * The version that a key without one stands for: the newest that is enabled and inside its dates, by this host's clock;
 * if none is inside, the newest enabled one, and the vault says what it makes of its dates. The vault's own current
 * version is asked for first; the others only where it will not do, so that the usual case is one request.
 *
 * @throws {TamperError} `KEY_DISABLED`: no version is enabled; `KEY_NOT_FOUND`; `KEY_PENDING_DELETION`: it was deleted
 */
export async function currentVersion(
  calls: KeyCalls,
  key: AzureKeyUrl,
  now: number,
  attempt: Attempt,
): Promise<KeyVersion> {
  const url = { ...key, version: undefined };
  const newest = await newestOf(calls, url, attempt);
  if (newest !== undefined && isUsable(newest, now)) return newest;
  const enabled = (await calls.versions(url, attempt)).filter((one) => one.enabled !== false);
  const chosen = enabled.find((one) => isUsable(one, now)) ?? enabled[0];
  if (chosen === undefined) {
    throw new TamperError('KEY_DISABLED', `Azure key "${keyUrl(url)}" has no enabled version`, {
      hint: 'Enable a version, or create a new one.',
    });
  }
  return chosen.version === newest?.url.version ? newest : calls.getKey({ ...url, version: chosen.version }, attempt);
}

/** The vault's current version; undefined where it is disabled and the service does not show disabled keys. */
async function newestOf(calls: KeyCalls, url: AzureKeyUrl, attempt: Attempt): Promise<KeyVersion | undefined> {
  try {
    return await calls.getKey(url, attempt);
  } catch (error) {
    if (isTamperError(error, 'KEY_DISABLED')) return undefined;
    if (isTamperError(error, 'KEY_NOT_FOUND') && (await calls.isDeleted(url, attempt))) {
      throw new TamperError('KEY_PENDING_DELETION', `Azure key "${keyUrl(url)}" was deleted and can be recovered`, {
        cause: error,
        hint: 'Recover it with: az keyvault key recover',
      });
    }
    throw error;
  }
}

interface Vendor {
  readonly name: AzureSigningAlgorithm;
  readonly hash: 'sha256' | 'sha384';
}

const signingAlgorithms: ReadonlyMap<SignatureAlgorithm, Vendor> = new Map([
  ['ecdsa-p256-sha256', { name: 'ES256', hash: 'sha256' }],
  ['ecdsa-p384-sha384', { name: 'ES384', hash: 'sha384' }],
  ['rsa-pss-sha256', { name: 'PS256', hash: 'sha256' }],
  ['rsa-pkcs1-sha256', { name: 'RS256', hash: 'sha256' }],
]);

/** The name that the service knows an algorithm by, and the digest of `data` that it signs: it never sees the data. */
function digestFor(
  algorithm: SignatureAlgorithm,
  data: Uint8Array,
): { readonly name: AzureSigningAlgorithm; readonly digest: Uint8Array } {
  const vendor = signingAlgorithms.get(algorithm);
  if (vendor === undefined) throw new TamperError('KEY_WRONG_USAGE', `Azure Key Vault does not sign with ${algorithm}`);
  return { name: vendor.name, digest: createHash(vendor.hash).update(data).digest() };
}

/**
 * A signature as the log has it: ECDSA as DER (the service answers r and s side by side), RSA as it came.
 *
 * @throws {TamperError} `RESPONSE_MALFORMED`: of the wrong length
 */
function readSignature(algorithm: SignatureAlgorithm, answer: Uint8Array, identity: string): Uint8Array {
  if (algorithm !== 'ecdsa-p256-sha256' && algorithm !== 'ecdsa-p384-sha384') return Uint8Array.from(answer);
  const expected = algorithm === 'ecdsa-p256-sha256' ? 64 : 96;
  if (answer.length !== expected) {
    const fault = `a signature of ${answer.length} bytes instead of ${expected}, which was discarded`;
    throw malformed(`Azure Key Vault sign "${identity}"`, fault, true);
  }
  return derFromP1363(algorithm, answer);
}
