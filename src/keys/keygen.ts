import { TamperError } from '../errors.ts';
import type { GeneratedAlgorithm, GeneratedKey } from './make-key-file.ts';

const ALGORITHMS: readonly GeneratedAlgorithm[] = ['HMAC-SHA256', 'Ed25519', 'ML-DSA-44', 'ML-DSA-65'];

/**
 * Makes a local key and writes it to a new file that only its owner may read; the public half of a signing key goes to
 * `path` + `.pub`. A key of ML-DSA is written as its seed (RFC 9881). Both are durable when this returns.
 *
 * @throws WRITE_FAILED, also if a file already exists: keys are never overwritten; USAGE for another algorithm
 */
export async function generateKeyFile(path: string, algorithm: GeneratedAlgorithm): Promise<GeneratedKey> {
  if (!ALGORITHMS.includes(algorithm)) {
    throw new TamperError('USAGE', 'generateKeyFile(path, algorithm) needs an algorithm that local keys have', {
      hint: `Pass one of: ${ALGORITHMS.join(', ')}`,
    });
  }
  const { makeKeyFile } = await import('./make-key-file.ts'); // no writer of logs makes one
  return makeKeyFile(path, algorithm);
}
