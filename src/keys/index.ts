/**
 * What the providers of this package are made of, for those who write one of their own. A page of the documentation builds one of
 * it, step by step: https://github.com/fapilog/fapilog-tamper-node/blob/main/docs/providers/your-own.md
 */
export { isTamperError, TamperError, type TamperErrorCode, type TamperErrorOptions } from '../errors.ts';
export type { Clock } from '../foundation/clock.ts';
export { throwIfAborted } from '../foundation/deadline.ts';
export { checkSecretFile, type SecretFileStats } from '../foundation/secret-file.ts';
export { ActiveCalls } from './active-calls.ts';
export { callService, callWithin, type ServiceCall } from './call.ts';
export { createDataKey, type DataKeyParts, withNewMaterial } from './data-key.ts';
export type { KeyEventFacts, KeyEventStart, KeyOperation } from './events.ts';
export {
  joinIdentity,
  type KeyNaming,
  type KeySource,
  namesIdentity,
  resolveNamed,
  splitIdentity,
} from './identity.ts';
export type {
  CallOptions,
  DataKey,
  DataKeyReference,
  KeyContext,
  KeyProvider,
  Signature,
  SignatureAlgorithm,
  SigningKey,
  SigningKeyOptions,
} from './provider.ts';
export { type PublicKeyInput, toCanonicalSpki } from './public-key.ts';
export { parseRetryAfter, type RetryOptions, type RetryPolicy } from './retry.ts';
export { type Resolved, RotationWatch } from './rotation.ts';
export { Secret } from './secret.ts';
export { derFromP1363, verifySignature } from './signature.ts';
export { assertMessage, assertSigned } from './signed-message.ts';
export { type Ticket, VersionCache, type VersionCacheOptions, type VersionState } from './version-cache.ts';
export { KeyWarnings, type WarningListener } from './warnings.ts';
export { wrappingAad, wrappingPairs } from './wrapping-context.ts';
