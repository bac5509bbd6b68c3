import { TamperError } from '../../errors.ts';

/** `vault:vN:` and base64, taken apart. Transit spells ciphertexts, signatures and MACs like this, in OpenBao as well. */
export interface TransitText {
  readonly version: number;
  /** What follows the prefix, decoded. */
  readonly bytes: Buffer;
}

const pattern = /^vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+={0,2})$/;

/** Reads what Vault answered. */
export function readTransitText(text: unknown, what: string): TransitText {
  const match = typeof text === 'string' ? pattern.exec(text) : null;
  const [, version = '', encoded = ''] = match ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  if (match === null || bytes.toString('base64') !== encoded) {
    throw new TamperError('RESPONSE_MALFORMED', `Vault: ${what}: the answer is not of the form vault:vN:BASE64`);
  }
  return { version: Number(version), bytes };
}

/** Writes what Vault expects for a signature or MAC of a version. */
export function writeTransitText(version: number, bytes: Uint8Array): string {
  return `vault:v${version}:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`;
}

/** The version in a wrapped key from a log, which is the text as bytes; undefined where it is not one. */
export function versionOfWrapped(wrapped: Uint8Array | undefined): number | undefined {
  if (wrapped === undefined || wrapped.length > 4096) return undefined;
  const match = pattern.exec(Buffer.from(wrapped.buffer, wrapped.byteOffset, wrapped.byteLength).toString('latin1'));
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
