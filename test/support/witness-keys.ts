import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import {
  cosignedMessage,
  formatCosignatureLine,
  formatWitnessVkey,
  parseWitnessVkey,
} from '../../src/format/cosignature.ts';
import { fixedBytes } from './signing-keys.ts';

/** A witness of fixed bytes (C2SP tlog-cosignature, Ed25519). It cosigns whatever it is given. */
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
      return formatCosignatureLine(known, { time, signature: sign(null, cosignedMessage(time, text), privateKey) });
    },
  };
}
