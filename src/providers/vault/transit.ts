import { isTamperError, TamperError } from '../../errors.ts';
import type { SignatureAlgorithm } from '../../keys/provider.ts';
import { Secret } from '../../keys/secret.ts';
import type { ApiReply, VaultApi } from './api.ts';
import { replyError, replyOf } from './error-map.ts';
import { type VaultKeyPath, versionIdentity } from './key-path.ts';
import { readKeyState, type VaultKeyState } from './key-state.ts';
import { type BodyValue, decodeBase64, encodeBase64 } from './secret-bytes.ts';

/** What every operation is given: a token, a signal, and a place for the request's id. */
export interface TransitCall {
  readonly token: Secret | undefined;
  readonly signal: AbortSignal;
  /** Called with each answer's id. */
  readonly seen: (requestId: string | undefined) => void;
}

/** The operations of the Transit engine that we use. */
export class Transit {
  readonly #api: VaultApi;

  constructor(api: VaultApi) {
    this.#api = api;
  }

  /** `GET keys/NAME` */
  async readKey(key: VaultKeyPath, call: TransitCall): Promise<VaultKeyState> {
    const { data } = await this.#send(key, 'keys', 'GET', undefined, call);
    return readKeyState(key.path, data);
  }

  /** `encrypt/NAME`: the text `vault:vN:…`, which is what the log keeps. `material` stays the caller's. */
  async encrypt(
    key: VaultKeyPath,
    material: Uint8Array,
    aad: Uint8Array,
    call: TransitCall,
  ): Promise<{ readonly text: string; readonly version: number }> {
    const plaintext = Secret.take(encodeBase64(material));
    try {
      const body = { plaintext, associated_data: base64(aad), key_version: key.version };
      const { data } = await this.#send(key, 'encrypt', 'POST', body, call);
      const { version } = readTransitText(data['ciphertext'], `encrypt with "${labelOf(key)}"`);
      return { text: String(data['ciphertext']), version };
    } finally {
      plaintext.erase();
    }
  }

  /** `decrypt/NAME`: the plaintext, which the caller overwrites. */
  async decrypt(key: VaultKeyPath, text: string, aad: Uint8Array, call: TransitCall): Promise<Buffer> {
    const body = { ciphertext: text, associated_data: base64(aad) };
    const { secret } = await this.#send(key, 'decrypt', 'POST', body, call, 'plaintext');
    if (secret === undefined) throw malformed(`decrypt with "${labelOf(key)}"`, 'has no plaintext');
    try {
      return secret.use(decodeBase64);
    } finally {
      secret.erase();
    }
  }

  /** `sign/NAME` or `hmac/NAME` for one item. */
  async sign(
    key: VaultKeyPath,
    algorithm: SignatureAlgorithm,
    data: Uint8Array,
    call: TransitCall,
  ): Promise<TransitText> {
    const { verb, member, options } = signing(algorithm);
    const body = { input: base64(data), key_version: key.version, ...options };
    const reply = await this.#send(key, verb, 'POST', body, call);
    return readTransitText(reply.data[member], `${verb} with "${labelOf(key)}"`);
  }

  /** `sign/NAME` or `hmac/NAME` for many, by `batch_input`; all by one version, all or nothing. */
  signBatch(
    key: VaultKeyPath,
    algorithm: SignatureAlgorithm,
    items: readonly Uint8Array[],
    call: TransitCall,
  ): Promise<TransitText[]> {
    const { verb, member, options } = signing(algorithm);
    const what = `${verb} a batch with "${labelOf(key)}"`;
    let version = key.version;
    return inChunks(items, signChunk, async (chunk) => {
      const batch = chunk.map((item) => ({ input: base64(item) }));
      const body = { batch_input: batch, key_version: version, ...options };
      const { data } = await this.#send(key, verb, 'POST', body, call);
      const results = batchResults(data, chunk.length, what);
      const texts = results.map((result) => readTransitText(result[member], what));
      version ??= texts[0]?.version; // a rotation between two chunks does not split the batch
      if (texts.some((text) => text.version !== version)) throw malformed(what, 'mixes versions');
      return texts;
    });
  }

  /** `verify/NAME` by the service: for MACs, and where there is no public key. False only for a bad signature. */
  async verify(
    key: VaultKeyPath & { readonly version: number },
    algorithm: SignatureAlgorithm,
    data: Uint8Array,
    signature: Uint8Array,
    call: TransitCall,
  ): Promise<boolean> {
    const { member, options } = signing(algorithm);
    const text = writeTransitText(key.version, signature);
    const { algorithm: hash, ...others } = options;
    const body = {
      input: base64(data),
      [member]: text,
      ...others,
      ...(hash === undefined ? {} : { hash_algorithm: hash }),
    };
    try {
      const reply = await this.#send(key, 'verify', 'POST', body, call);
      const { valid } = reply.data;
      if (typeof valid !== 'boolean') throw malformed(`verify with "${labelOf(key)}"`, 'says neither valid nor not');
      return valid;
    } catch (error) {
      // not DER at all: OpenBao answers 400 for ECDSA instead of valid: false
      const reply = replyOf(error);
      if (reply?.status === 400 && /supplied signature is invalid/.test(reply.message)) return false;
      throw error;
    }
  }

  /** Whether a key is of type `hmac`, by how `verify/NAME` refuses a signature: so no permission to read the key is needed. */
  async isMacKey(key: VaultKeyPath, call: TransitCall): Promise<boolean> {
    try {
      await this.#send(key, 'verify', 'POST', { input: 'AAAA', signature: 'vault:v1:AAAA' }, call);
      return false;
    } catch (error) {
      const reply = replyOf(error);
      if (reply?.status !== 400) throw error;
      return /key type hmac does not support/.test(reply.message);
    }
  }

  /** `sys/capabilities-self`: what our token may do at these paths. */
  async capabilities(paths: readonly string[], call: TransitCall): Promise<ReadonlyMap<string, readonly string[]>> {
    const { token, signal } = call;
    const what = 'ask what we may do';
    const path = 'sys/capabilities-self';
    const { data } = await this.#api.call({ what, method: 'POST', path, body: { paths }, token, signal });
    return new Map(paths.map((one) => [one, Array.isArray(data[one]) ? data[one].map(String) : []]));
  }

  async #send(
    key: VaultKeyPath,
    verb: string,
    method: 'GET' | 'POST',
    body: Readonly<Record<string, BodyValue>> | undefined,
    call: TransitCall,
    secretMember?: string,
  ): Promise<ApiReply> {
    const reply = await this.#api.call({
      what: verb === 'keys' ? `read key "${labelOf(key)}"` : `${verb} with "${labelOf(key)}"`,
      method,
      path: `${key.mount}/${verb}/${key.name}`,
      token: call.token,
      signal: call.signal,
      ...(body === undefined ? {} : { body }),
      ...(secretMember === undefined ? {} : { secretMember }),
    });
    call.seen(reply.requestId);
    return reply;
  }
}

/** How an algorithm is asked for. Ed25519 and ML-DSA take the raw input; OpenBao ignores hash options there, Vault refuses some. */
function signing(algorithm: SignatureAlgorithm): {
  readonly verb: 'sign' | 'hmac';
  readonly member: 'signature' | 'hmac';
  readonly options: Readonly<Record<string, string>>;
} {
  switch (algorithm) {
    case 'kms-hmac-sha256':
      return { verb: 'hmac', member: 'hmac', options: { algorithm: 'sha2-256' } };
    case 'ed25519':
    case 'ml-dsa-44':
    case 'ml-dsa-65':
      return { verb: 'sign', member: 'signature', options: {} };
    case 'ecdsa-p256-sha256':
      return sign({ hash_algorithm: 'sha2-256', marshaling_algorithm: 'asn1' });
    case 'ecdsa-p384-sha384':
      return sign({ hash_algorithm: 'sha2-384', marshaling_algorithm: 'asn1' });
    case 'rsa-pss-sha256': // the default salt would be the longest
      return sign({ hash_algorithm: 'sha2-256', signature_algorithm: 'pss', salt_length: 'hash' });
    case 'rsa-pkcs1-sha256':
      return sign({ hash_algorithm: 'sha2-256', signature_algorithm: 'pkcs1v15' });
  }
}

function sign(options: Readonly<Record<string, string>>): ReturnType<typeof signing> {
  return { verb: 'sign', member: 'signature', options };
}

/** A batch is answered with 200 even where items failed: each is looked at. */
function batchResults(data: Readonly<Record<string, unknown>>, count: number, what: string): Record<string, unknown>[] {
  const results: unknown = data['batch_results'];
  if (!Array.isArray(results) || results.length !== count) throw malformed(what, `must have ${count} results`);
  return results.map((result: unknown, index) => {
    if (typeof result !== 'object' || result === null) throw malformed(what, `has no result ${index}`);
    const error: unknown = Reflect.get(result, 'error');
    if (typeof error === 'string' && error !== '') {
      throw replyError(`${what}: item ${index}`, { status: 400, texts: [error], retryAfter: undefined }, 0);
    }
    return result as Record<string, unknown>;
  });
}

/** A key as messages name it: with the version where one is meant. */
function labelOf({ path, version }: VaultKeyPath): string {
  return version === undefined ? path : versionIdentity(path, version);
}

function malformed(what: string, fault: string): TamperError {
  return new TamperError('RESPONSE_MALFORMED', `Vault: ${what}: the answer ${fault}`);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** `vault:vN:` and base64, taken apart. Transit spells ciphertexts, signatures and MACs like this, in OpenBao as well. */
export interface TransitText {
  readonly version: number;
  /** What follows the prefix, decoded. */
  readonly bytes: Buffer;
}

const transitText = /^vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+={0,2})$/;

/** Reads what Vault answered. */
function readTransitText(text: unknown, what: string): TransitText {
  const match = typeof text === 'string' ? transitText.exec(text) : null;
  const [, version = '', encoded = ''] = match ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  if (match === null || bytes.toString('base64') !== encoded)
    throw malformed(what, 'is not of the form vault:vN:BASE64');
  return { version: Number(version), bytes };
}

/** Writes what Vault expects for a signature or MAC of a version. */
function writeTransitText(version: number, bytes: Uint8Array): string {
  return `vault:v${version}:${base64(bytes)}`;
}

/** The version in a wrapped key from a log, which is the text as bytes; undefined where it is not one. */
export function versionOfWrapped(wrapped: Uint8Array | undefined): number | undefined {
  if (wrapped === undefined || wrapped.length > 4096) return undefined;
  const match = transitText.exec(
    Buffer.from(wrapped.buffer, wrapped.byteOffset, wrapped.byteLength).toString('latin1'),
  );
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/**
 * How many items go into one request. OpenBao takes 1,000 strings in a request, names of members included, and an item to
 * sign has two; other limits of servers are larger.
 */
export const signChunk = 400;

/**
 * Sends items in chunks, one after another, and puts the results together in order. A chunk that the server finds too
 * large (400 "high complexity", 413) is halved and sent again.
 */
async function inChunks<T, R>(
  items: readonly T[],
  size: number,
  send: (chunk: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const results: R[] = [];
  let most = size;
  for (let at = 0; at < items.length; ) {
    const chunk = items.slice(at, at + most);
    try {
      results.push(...(await send(chunk)));
      at += chunk.length;
    } catch (error) {
      if (!isTooLarge(error) || chunk.length === 1) throw error;
      most = Math.ceil(chunk.length / 2);
    }
  }
  return results;
}

function isTooLarge(error: unknown): boolean {
  const reply = replyOf(error);
  return isTamperError(error, 'USAGE') && (reply?.status === 400 || reply?.status === 413);
}
