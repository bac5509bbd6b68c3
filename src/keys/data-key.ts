import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { TamperError } from '../errors.ts';
import type { KeySource } from './identity.ts';
import type { DataKey } from './provider.ts';

/** The length of a data key, in bytes (spec 3). */
export const dataKeyBytes = 32;

/** What {@link createDataKey} is given. */
export interface DataKeyParts {
  /** Exactly 32 bytes. They are copied and then **overwritten**, also when they are refused. */
  readonly material: Uint8Array;
  readonly source: KeySource;
  /** As the service returned it. Named in the error when the material is refused. */
  readonly identity: string;
  readonly wrapped?: Uint8Array;
  readonly incarnation?: string | undefined;
}

/**
 * Makes a {@link DataKey}: a copy in memory of its own, the input overwritten, printed without its material.
 *
 * @throws {TamperError} `KEY_MALFORMED`: not 32 bytes, or all zeros (spec 3)
 */
export function createDataKey(parts: DataKeyParts): DataKey {
  const material = Buffer.alloc(parts.material.length); // alloc never takes from the pool
  material.set(parts.material);
  parts.material.fill(0);
  const fault = faultOf(material);
  if (fault !== undefined) {
    material.fill(0);
    throw new TamperError('KEY_MALFORMED', `the data key of ${parts.source} key "${parts.identity}" ${fault}`, {
      hint: 'A data key is 32 random bytes; `fapilog-tamper keygen` makes a new one',
    });
  }
  return new OwnedDataKey(material, parts);
}

/** Makes the material of a new data key here, lends it, and overwrites it, whatever comes of it. */
export async function withNewMaterial<T>(use: (material: Buffer) => Promise<T>): Promise<T> {
  const material = randomBytes(dataKeyBytes);
  try {
    return await use(material);
  } finally {
    material.fill(0);
  }
}

function faultOf(material: Buffer): string | undefined {
  if (material.length !== dataKeyBytes) return `has ${material.length} bytes instead of ${dataKeyBytes}`;
  return material.every((byte) => byte === 0) ? 'is all zeros' : undefined;
}

class OwnedDataKey implements DataKey {
  readonly #material: Buffer;
  readonly source: KeySource;
  readonly identity: string;
  readonly wrapped?: Uint8Array;
  readonly incarnation?: string;

  constructor(material: Buffer, parts: DataKeyParts) {
    this.#material = material;
    this.source = parts.source;
    this.identity = parts.identity;
    if (parts.wrapped !== undefined) this.wrapped = parts.wrapped;
    if (parts.incarnation !== undefined) this.incarnation = parts.incarnation;
  }

  get material(): Buffer {
    return this.#material;
  }

  erase(): void {
    this.#material.fill(0);
  }

  toJSON(): Record<string, string> {
    return { source: this.source, identity: this.identity, material: '[redacted]' };
  }

  [inspect.custom](): string {
    return `DataKey ${inspect(this.toJSON())}`;
  }
}
