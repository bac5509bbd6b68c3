import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { formatCosignatureLine, formatWitnessVkey, parseWitnessVkey } from '../../src/format/cosignature.ts';
import { cosignedStructure, fixedBytes } from './signing-keys.ts';

/** A witness of fixed bytes (C2SP tlog-cosignature). It cosigns whatever it is given. */
export interface Witness {
  readonly vkey: string;
  /** The signature line of a cosignature, with its LF. */
  cosign(text: string, time: number | bigint): string;
}

/** A cosignature to be made. */
export interface Cosigning {
  readonly witness: Witness;
  readonly time: number;
}

/** `key` names the key where two witnesses are to share it. */
export function witnessKey(name: string, key: string = name): Witness {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), fixedBytes(`witness ${key}`)]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(12);
  const vkey = formatWitnessVkey(name, publicKey);
  const known = parseWitnessVkey(vkey, name);
  return {
    vkey,
    cosign: (text, seconds) => {
      const time = BigInt(seconds);
      const message = Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);
      return formatCosignatureLine(known, { time, signature: sign(null, message, privateKey) });
    },
  };
}

/** What a witness of ML-DSA-44 may do instead of what it should. */
export interface Instead {
  readonly key?: string;
  /** The name that it puts into what it signs. */
  readonly signs?: string;
  /** What it signs instead. */
  readonly message?: (structure: Buffer) => Buffer;
}

/** A witness of ML-DSA-44. */
export function mlDsaWitnessKey(name: string, instead: Instead = {}): Witness {
  const { key = name, signs = name, message = (structure) => structure } = instead;
  const { publicKey, secretKey } = ml_dsa44.keygen(Uint8Array.from(fixedBytes(`witness ${key}`)));
  const vkey = formatWitnessVkey(name, publicKey, 'ml-dsa-44');
  const known = parseWitnessVkey(vkey, name);
  return {
    vkey,
    cosign: (text, seconds) => {
      const time = BigInt(seconds);
      const signed = Uint8Array.from(message(cosignedStructure(signs, time, text)));
      return formatCosignatureLine(known, { time, signature: Buffer.from(ml_dsa44.sign(signed, secretKey)) });
    },
  };
}
