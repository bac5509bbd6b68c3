import { joinIdentity, splitIdentity } from '../../keys/identity.ts';
import { corrupted, malformed } from '../internal/service-error.ts';

const keyArn = /^arn:[a-z0-9-]+:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/;
const materialId = /^[A-Za-z0-9._-]{1,128}$/;

/** Whether a text is the ARN of a key. An alias ARN is not: where it points can change. */
export function isKeyArn(text: string): boolean {
  return keyArn.test(text);
}

/** What to ask AWS for by a configured name or an identity: the key material id goes, since no call takes one. */
export function callName(keyId: string): string {
  const { name } = splitIdentity('aws-kms', keyId);
  return isKeyArn(name) ? name : keyId;
}

/**
 * The identity that a reply names (spec 2): the key's ARN, and `#` with the id of its material where the service gave one.
 *
 * @throws {TamperError} `RESPONSE_MALFORMED`: no ARN of a key, or an id that is none
 */
export function replyIdentity(operation: string, keyId: string | undefined, material?: string): string {
  const what = `AWS KMS ${operation}`;
  if (keyId === undefined || !isKeyArn(keyId)) throw malformed(what, 'the reply names no key ARN');
  if (material === undefined) return keyId;
  if (!materialId.test(material)) throw malformed(what, "the reply's key material id is not one");
  return joinIdentity('aws-kms', keyId, material);
}

/**
 * Checks that the key that answered is the one that was asked.
 *
 * @throws {TamperError} `RESPONSE_CORRUPTED`: another key answered; `RESPONSE_MALFORMED`: the reply names none
 */
export function assertAnsweredBy(operation: string, arn: string, replied: string | undefined): void {
  const actual = replyIdentity(operation, replied);
  if (actual === arn) return;
  throw corrupted(`AWS KMS ${operation} "${arn}"`, `the reply is from key "${actual}"`);
}
