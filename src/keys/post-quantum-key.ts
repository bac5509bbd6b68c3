import { isMlDsa } from '../core/ml-dsa.ts';
import { TamperError } from '../errors.ts';
import type { SigningKey } from './provider.ts';

/** @throws {TamperError} `KEY_WRONG_USAGE`: the key that `post_quantum_key_id` names is not one of ML-DSA */
export function assertPostQuantum({ algorithm, identity }: SigningKey): void {
  if (isMlDsa(algorithm)) return;
  throw new TamperError('KEY_WRONG_USAGE', `post_quantum_key_id names a key of ${algorithm}: ${identity}`, {
    hint: 'Name a key of ML-DSA-44 or ML-DSA-65; other keys that sign are named by signing_key_id.',
  });
}
