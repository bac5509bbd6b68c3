import crypto, { type KeyObject } from 'node:crypto';

/** How many results are remembered. */
const ROOM = 4_096;

/** Keeps what a function without effects gave for the same bytes: schedules use few keys, and check each signature again and again. */
function remembered<T>(nameOf: (...given: never[]) => string | undefined, act: (...given: never[]) => T) {
  const known = new Map<string, T>();
  return (...given: never[]): T => {
    const name = nameOf(...given);
    if (name === undefined) return act(...given);
    let result = known.get(name);
    if (result === undefined) {
      result = act(...given);
      if (known.size >= ROOM) known.clear();
      known.set(name, result);
    }
    return result;
  };
}

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
const names = new WeakMap<KeyObject, string>();
let made = 0;

const createPublicKey = remembered(
  ({ key, format, type }: { key: Uint8Array; format: string; type: string }) =>
    key instanceof Uint8Array ? `${format} ${type} ${text(key)}` : undefined,
  (given: crypto.PublicKeyInput): KeyObject => {
    const key = crypto.createPublicKey(given);
    names.set(key, String(made++));
    return key;
  },
);

const verify = remembered(
  (digest: string | null, data: Uint8Array, { key }: { key: KeyObject }, signature: Uint8Array) => {
    const name = names.get(key);
    return name === undefined ? undefined : `${name} ${digest} ${data.length} ${text(data)}${text(signature)}`;
  },
  (digest: string | null, data: Uint8Array, key: crypto.VerifyKeyObjectInput, signature: Uint8Array): boolean =>
    crypto.verify(digest, data, key, signature),
);

/** `node:crypto`, which computes the same thing once. */
export const rememberedCrypto: typeof crypto = { ...crypto, createPublicKey, verify } as never;
