import { isTamperError, TamperError } from '../../errors.ts';
import type { Clock } from '../../foundation/clock.ts';
import type { KeyEventFacts } from '../../keys/events.ts';
import type { SignatureAlgorithm } from '../../keys/provider.ts';
import { membersOf, textOf, vendorFacts } from '../internal/azure/vendor-error.ts';
import type {
  AzureCallOptions,
  AzureCryptographyClient,
  AzureKeyProperties,
  AzureRawResponse,
  AzureRotationPolicy,
} from './client.ts';
import { type AzureCall, mapAzureError } from './error-map.ts';
import { type AzureKeyUrl, answeredVersion, assertAnsweredBy, keyUrl, versionUrl } from './key-url.ts';
import { handleOf, type KeyVersion, readKeyVersion } from './key-version.ts';
import type { AzureSession } from './session.ts';
import { digestFor, readSignature } from './signing-algorithm.ts';
import { packWrappedKey, type WrappedKeyParts } from './wrapped-key.ts';

/** One attempt of something: its signal, and what its event learns. */
export interface Attempt {
  readonly signal: AbortSignal;
  readonly facts: KeyEventFacts;
}

type VersionUrl = KeyVersion['url'];

/** The calls of the keys interface, one request each, with their errors in our codes and their answers checked. */
export class VaultCalls {
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

  /** Sends one request; once more with a new token where the vault refuses the one at hand. */
  #send<T>(call: AzureCall, attempt: Attempt, run: (options: AzureCallOptions) => Promise<T>): Promise<Answer<T>> {
    const { generation } = this.#session;
    return send(call, attempt, run, this.#session.clock, () => this.#session.renew(generation));
  }
}

interface Answer<T> {
  readonly value: T;
  readonly kid: string | undefined;
}

/** Sends one request through the SDK; keeps the request id and the `kid` of the answer, which the SDK drops. */
async function send<T>(
  call: AzureCall,
  attempt: Attempt,
  run: (options: AzureCallOptions) => Promise<T>,
  clock: Clock,
  renewToken: () => boolean,
): Promise<Answer<T>> {
  const { signal, facts } = attempt;
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
    if (vendorFacts(error).status === 401 && renewToken()) return await send(call, attempt, run, clock, () => false);
    throw ofThisAttempt(mapAzureError(error, call, clock.now(), raw?.status === 200), call, signal);
  } finally {
    const requestId = raw?.headers.get('x-ms-request-id');
    if (requestId !== undefined) facts.requestId = requestId;
  }
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
  throw new TamperError(
    'RESPONSE_MALFORMED',
    `Azure Key Vault ${operation} "${nameOf(url)}": the answer has no value`,
    {
      retryable: true,
    },
  );
}

function nameOf(url: AzureKeyUrl): string {
  return url.version === undefined ? keyUrl(url) : versionUrl(url, url.version);
}
