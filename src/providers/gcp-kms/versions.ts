import { isTamperError, TamperError } from '../../errors.ts';
import { algorithmOf, canonicalSpki, readPublicKey } from '../../keys/public-key.ts';
import { corrupted } from '../internal/service-error.ts';
import { type GcpAlgorithm, signingAlgorithm, stateName } from './algorithms.ts';
import { requestMac, type SigningVersion } from './calls.ts';
import type { GcpKeyVersion, GcpVersionPage } from './client.ts';
import type { GcpKmsConnection } from './connection.ts';
import { isForMacs } from './error-map.ts';
import { checkedBytes } from './integrity.ts';
import { parseKeyName, versionNumber } from './resource-name.ts';

/** Asks the service about versions of keys. One attempt each; deadlines and retries are the caller's. */
export class VersionReader {
  readonly #connection: GcpKmsConnection;
  /** Versions that are known already: they never change. */
  readonly #known: (identity: string) => SigningVersion | undefined;

  constructor(connection: GcpKmsConnection, known: (identity: string) => SigningVersion | undefined) {
    this.#connection = connection;
    this.#known = known;
  }

  /**
   * The version that a name stands for: itself, or the newest enabled one by number (keys that sign have no primary).
   *
   * @param previous - what it stood for before
   * @throws {TamperError} `KEY_DISABLED`, `KEY_PENDING_DELETION`, `KEY_VERSION_UNAVAILABLE`: no version is enabled;
   * `KEY_WRONG_USAGE`, `UNSUPPORTED_OPERATION`: it cannot seal a log; and what the call throws
   */
  async signingVersion(keyId: string, previous: string | undefined, signal: AbortSignal): Promise<SigningVersion> {
    const { key, version } = parseKeyName(keyId);
    if (version === undefined) return this.#read(await this.#newest(key, previous, signal), signal);
    const described = await this.#describe(keyId, signal);
    return described === undefined ? this.#tryOut(keyId, signal) : this.#read(described, signal);
  }

  /** The version that `encrypt` uses at the moment. */
  async primary(key: string, signal: AbortSignal): Promise<string> {
    const what = `Google Cloud KMS getCryptoKey "${key}"`;
    const call = { operation: 'rotateCheck', method: 'getCryptoKey', resource: key } as const;
    const [reply] = await this.#connection.attempt(call, signal, (client, options) =>
      client.getCryptoKey({ name: key }, options),
    );
    if (reply.name !== key) throw corrupted(what, 'the reply is about another key');
    const name = reply.primary?.name;
    if (name === null || name === undefined) {
      throw new TamperError('KEY_VERSION_UNAVAILABLE', `${what}: the key has no primary version`, {
        hint: 'Choose one with: gcloud kms keys set-primary-version',
      });
    }
    if (versionNumber(key, name) === undefined) throw corrupted(what, 'the primary is a version of another key');
    return name;
  }

  /** A list that does not reach as far as what is known may be stale; then the version itself is asked. */
  async #newest(key: string, previous: string | undefined, signal: AbortSignal): Promise<GcpKeyVersion> {
    const listed = await this.#newestEnabled(key, signal);
    const [before, now] = [versionNumber(key, previous), versionNumber(key, listed.name)];
    if (previous === undefined || before === undefined || now === undefined || now >= before) return listed;
    const known = await this.#describe(previous, signal).catch((error: unknown) => {
      if (isTamperError(error) && !error.retryable) return undefined; // disabled, destroyed or gone
      throw error;
    });
    return known ?? listed;
  }

  async #newestEnabled(key: string, signal: AbortSignal): Promise<GcpKeyVersion> {
    const enabled = newest(key, await this.#listEnabled(key, signal), (state) => state === 'ENABLED');
    if (enabled !== undefined) return enabled;
    const any = newest(key, await this.#list(key, undefined, signal), () => true);
    if (any === undefined) {
      throw new TamperError('KEY_VERSION_UNAVAILABLE', `Google Cloud KMS key "${key}" has no version`, {
        hint: 'Create one with: gcloud kms keys versions create',
      });
    }
    assertEnabled(any);
    return any; // enabled between the two questions
  }

  /** A server that knows no filter gives all of them. */
  async #listEnabled(key: string, signal: AbortSignal): Promise<GcpKeyVersion[]> {
    try {
      return await this.#list(key, 'state=ENABLED', signal);
    } catch (error) {
      if (!isTamperError(error, 'USAGE') && !isTamperError(error, 'UNSUPPORTED_OPERATION')) throw error;
      return this.#list(key, undefined, signal);
    }
  }

  /** Every page; the service may filter, and we do it again: a version in another state must never be chosen. */
  async #list(key: string, filter: string | undefined, signal: AbortSignal): Promise<GcpKeyVersion[]> {
    const found: GcpKeyVersion[] = [];
    const call = { operation: 'getSigningKey', method: 'listCryptoKeyVersions', resource: key } as const;
    let pageToken = '';
    do {
      const request = { parent: key, ...(filter && { filter }), ...(pageToken && { pageToken }) };
      const [versions, , page] = await this.#connection.attempt(call, signal, (client, options) =>
        client.listCryptoKeyVersions(request, { ...options, autoPaginate: false }),
      );
      found.push(...versions);
      const next = (page as GcpVersionPage | null | undefined)?.nextPageToken ?? '';
      if (next === pageToken) break;
      pageToken = next;
    } while (pageToken !== '' && !signal.aborted);
    return found;
  }

  /**
   * A version that we may not read: who may only sign, or only verify, has the role for that and no other. What it lets us
   * do says what it is: it has a public key; or it has none because it is for MACs; or it makes one.
   */
  async #tryOut(identity: string, signal: AbortSignal): Promise<SigningVersion> {
    try {
      return await this.#readPublic(identity, undefined, signal);
    } catch (error) {
      if (isForMacs(error)) return macVersion(identity);
      if (!isTamperError(error, 'ACCESS_DENIED')) throw error;
      try {
        await requestMac(this.#connection, identity, Buffer.from('fapilog-tamper/v1 is this a MAC key'), signal);
      } catch (probe) {
        throw isTamperError(probe) && probe.retryable ? probe : error;
      }
      return macVersion(identity);
    }
  }

  /** Undefined: we may not ask. */
  async #describe(name: string, signal: AbortSignal): Promise<GcpKeyVersion | undefined> {
    const call = { operation: 'getSigningKey', method: 'getCryptoKeyVersion', resource: name } as const;
    try {
      const [reply] = await this.#connection.attempt(call, signal, (client, options) =>
        client.getCryptoKeyVersion({ name }, options),
      );
      if (reply.name !== name) {
        throw corrupted(`Google Cloud KMS getCryptoKeyVersion "${name}"`, 'the reply is about another version');
      }
      assertEnabled(reply);
      return reply;
    } catch (error) {
      if (isTamperError(error, 'ACCESS_DENIED')) return undefined;
      throw error;
    }
  }

  async #read(version: GcpKeyVersion, signal: AbortSignal): Promise<SigningVersion> {
    const identity = version.name ?? '';
    const known = this.#known(identity);
    if (known !== undefined) return known;
    const gcp = signingAlgorithm(identity, version.algorithm);
    if (gcp.algorithm !== 'kms-hmac-sha256') return this.#readPublic(identity, gcp, signal);
    return macVersion(identity);
  }

  async #readPublic(
    identity: string,
    expected: GcpAlgorithm | undefined,
    signal: AbortSignal,
  ): Promise<SigningVersion> {
    const call = { operation: 'getSigningKey', method: 'getPublicKey', resource: identity } as const;
    const what = `Google Cloud KMS getPublicKey "${identity}"`;
    const [reply] = await this.#connection.attempt(call, signal, (client, options) =>
      client.getPublicKey({ name: identity }, options),
    );
    if (reply.name !== identity) throw corrupted(what, 'the reply is about another version');
    const pem = reply.pem ?? '';
    checkedBytes(what, 'pem', Buffer.from(pem, 'utf8'), reply.pemCrc32c);
    const gcp = signingAlgorithm(identity, reply.algorithm);
    if (expected !== undefined && gcp !== expected) throw corrupted(what, 'the reply is about another algorithm');
    const publicKey = readPublicKey(pem, what);
    if (algorithmOf(publicKey, gcp.algorithm === 'rsa-pkcs1-sha256' ? 'pkcs1' : 'pss', what) !== gcp.algorithm) {
      throw new TamperError('RESPONSE_MALFORMED', `${what}: the public key does not match ${gcp.name}`);
    }
    return { gcp, key: { source: 'gcp-kms', identity, algorithm: gcp.algorithm, spki: canonicalSpki(publicKey) } };
  }
}

function macVersion(identity: string): SigningVersion {
  const gcp = signingAlgorithm(identity, 'HMAC_SHA256');
  return { gcp, key: { source: 'gcp-kms', identity, algorithm: gcp.algorithm } };
}

function newest(
  key: string,
  versions: readonly GcpKeyVersion[],
  accepts: (state: string) => boolean,
): GcpKeyVersion | undefined {
  let best: { readonly number: bigint; readonly version: GcpKeyVersion } | undefined;
  for (const version of versions) {
    const number = versionNumber(key, version.name);
    if (number === undefined)
      throw corrupted(`Google Cloud KMS listCryptoKeyVersions "${key}"`, 'the reply is about another key');
    if (accepts(stateName(version.state)) && (best === undefined || number > best.number)) best = { number, version };
  }
  return best?.version;
}

function assertEnabled(version: GcpKeyVersion): void {
  const state = stateName(version.state);
  if (state === 'ENABLED') return;
  const code =
    state === 'DISABLED' ? 'KEY_DISABLED' : /DESTR/.test(state) ? 'KEY_PENDING_DELETION' : 'KEY_VERSION_UNAVAILABLE';
  throw new TamperError(code, `Google Cloud KMS key version "${version.name}" is not enabled; its state is ${state}`, {
    hint: 'Enable or restore it, or create a new version.',
  });
}
