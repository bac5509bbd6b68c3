import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign as signReally,
} from 'node:crypto';
import type { DataKey, KeyProvider, TamperErrorCode } from '../../src/index.ts';
import type { EnvKeyProvider } from '../../src/providers/env.ts';
import { Killed } from './life.ts';
import type { Machine } from './machine.ts';
import { isSignature, signatureBy } from './simulated-crypto.ts';
import type { AuditorCode } from './tree.ts';

/** The name of the one key of the service. */
export const KEY = 'audit';
const SOURCE = 'memory';

/** How the service behaves. */
export type Mood = 'well' | 'refuses' | 'stalls' | 'denies' | 'vanished' | 'slow';

const ERRORS: Readonly<Record<'refuses' | 'denies' | 'vanished', readonly [TamperErrorCode, retryable: boolean]>> = {
  refuses: ['UNAVAILABLE', true],
  denies: ['ACCESS_DENIED', false],
  vanished: ['KEY_NOT_FOUND', false],
};

const keyPairs: { readonly secret: KeyObject; readonly spki: Buffer }[] = [];

/** The signing keys are the same in all schedules: to make one costs as much as a short schedule. */
function keyPairOf(version: number): { readonly secret: KeyObject; readonly spki: Buffer } {
  const known = keyPairs[version];
  if (known !== undefined) return known;
  const seed = createHmac('sha256', 'signing').update(String(version)).digest();
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const secret = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' });
  const pair = { secret, spki };
  keyPairs[version] = pair;
  return pair;
}

const spkiOf = (version: number): Buffer => keyPairOf(version).spki;

const localKeyOf = (version: number): Buffer => createHmac('sha256', 'local').update(String(version)).digest();

/** A key service that all processes of a machine use. It outlives them. */
export class KeyService {
  mood: Mood = 'well';
  versions = 1;
  /** What it has signed, with which versions of its key. */
  readonly signed: Map<string, Set<number>> = new Map();
  /** Calls that wait for it to be well again. */
  #waiting: (() => void)[] = [];
  /** Its data keys are those of a local key, and its signatures such as any verifier can check. */
  readonly #isReal: boolean;

  constructor(isReal = false) {
    this.#isReal = isReal;
  }

  /** Every data key that it has given, where those are of a local key. */
  get dataKeys(): Buffer[] {
    return Array.from({ length: this.versions }, (_, at) => localKeyOf(at + 1));
  }

  /** What has signed. */
  get secrets(): KeyObject[] {
    return Array.from({ length: this.versions }, (_, at) => keyPairOf(at + 1).secret);
  }

  heal(): void {
    this.mood = 'well';
    for (const go of this.#waiting.splice(0)) go();
  }

  /** The service as a process, or an auditor (no machine), uses it. */
  provider(code: Pick<AuditorCode, 'TamperError' | 'createDataKey'>, machine?: Machine, isLocal = false): KeyProvider {
    const { TamperError, createDataKey } = code;
    let seen = this.versions;
    const identityOf = (version: number): string => `${KEY}:v${version}`;
    const versionOf = (id: string): number => (id === KEY ? this.versions : Number(id.slice(KEY.length + 2)));
    const materialOf = (
      version: number,
      nonce: Uint8Array,
      { origin, kid }: { origin: string; kid: string },
    ): Buffer =>
      this.#isReal
        ? localKeyOf(version)
        : createHmac('sha256', `data ${version}`).update(nonce).update(`${origin}\n${kid}`).digest();
    const signing = (id: string) => ({
      source: SOURCE,
      identity: identityOf(versionOf(id)),
      algorithm: 'ed25519' as const,
    });
    const call = <T>(what: string, signal: AbortSignal | undefined, answer: () => T): Promise<T> =>
      machine === undefined ? Promise.resolve(answer()) : this.#call(machine, code, what, signal, answer);
    const signature = (id: string, data: Uint8Array) => {
      const version = versionOf(id);
      const text = Buffer.from(data).toString();
      this.signed.set(text, (this.signed.get(text) ?? new Set()).add(version));
      const bytes = this.#isReal
        ? signReally(null, data, keyPairOf(version).secret)
        : signatureBy(spkiOf(version), data);
      return { ...signing(id), bytes };
    };
    const dataKey = (context: { origin: string; kid: string }): DataKey => {
      const version = this.versions;
      const wrapped = machine?.random.bytes(16) ?? randomBytes(16);
      const material = materialOf(version, wrapped, context);
      if (this.#isReal) return createDataKey({ material, source: 'env', identity: KEY });
      return createDataKey({ material, source: SOURCE, identity: identityOf(version), wrapped });
    };
    const publicKey = (id: string) => ({ ...signing(id), spki: spkiOf(versionOf(id)) });
    const now = <T>(what: string, answer: () => T): T => {
      machine?.note(`the key, ${this.mood}, at once: ${what}`);
      if (this.mood === 'well' || this.mood === 'slow') return answer();
      throw new TamperError(this.mood === 'stalls' ? 'TIMEOUT' : ERRORS[this.mood][0], `the key: ${what}`);
    };
    const provider: KeyProvider & { atOnce?: EnvKeyProvider['atOnce'] } = {
      source: SOURCE,
      versionSeparator: ':v',
      ...(isLocal && {
        atOnce: {
          getKey: (_, context) => now('getKey', () => dataKey(context)),
          getSigningKey: (id) => now('getSigningKey', () => publicKey(id)),
          sign: (id, data) => now('sign', () => signature(id, data)),
        },
      }),
      getKey: (_, context, { signal } = {}) => call('getKey', signal, () => dataKey(context)),
      recoverKey: ({ identity, wrapped = Buffer.alloc(0) }, _, context, { signal } = {}) =>
        call('recoverKey', signal, () =>
          createDataKey({ material: materialOf(versionOf(identity), wrapped, context), source: SOURCE, identity, wrapped }),
        ),
      getSigningKey: (id, { signal } = {}) =>
        call('getSigningKey', signal, () => publicKey(id)),
      sign: (id, data, { signal } = {}) => call('sign', signal, () => signature(id, data)),
      signBatch: (id, items, { signal } = {}) =>
        call('signBatch', signal, () => items.map((data) => signature(id, data))),
      verify: async (key, data, bytes) => {
        if (key.spki === undefined) throw new TamperError('UNSUPPORTED_OPERATION', 'no public key');
        return isSignature(key.spki, data, bytes);
      },
      rotateCheck: ({ signal } = {}) =>
        call('rotateCheck', signal, () => {
          const isNew = seen !== this.versions;
          seen = this.versions;
          return isNew;
        }),
      close: async () => undefined,
    }; // biome-ignore format: short
    return provider;
  }

  #call<T>(
    machine: Machine,
    { TamperError }: Pick<AuditorCode, 'TamperError'>,
    what: string,
    signal: AbortSignal | undefined,
    answer: () => T,
  ): Promise<T> {
    const life = machine.current();
    const { timeline, random } = machine;
    const fail = (code: TamperErrorCode, retryable: boolean): Error =>
      new TamperError(code, `the key service: ${what} ${code}`, { retryable });
    let aborted: (() => void) | undefined;
    const answered = new Promise<T>((resolve, reject) => {
      const settle = (): void => {
        machine.note(`the key service, ${this.mood}: ${what}`);
        if (life.isOver) reject(new Killed());
        else if (signal?.aborted === true) reject(fail('ABORTED', false));
        else if (this.mood === 'stalls') {
          this.#waiting.push(() => timeline.after(1, life, settle));
          timeline.after(10_000, life, () => reject(fail('TIMEOUT', true)));
        } else if (this.mood === 'well' || this.mood === 'slow') resolve(answer());
        else reject(fail(...ERRORS[this.mood]));
      };
      aborted = () => reject(fail('ABORTED', false));
      signal?.addEventListener('abort', aborted, { once: true });
      timeline.after(this.mood === 'slow' ? random.between(200, 3_000) : random.between(1, 40), life, settle);
    });
    return answered.finally(() => aborted && signal?.removeEventListener('abort', aborted));
  }
}
