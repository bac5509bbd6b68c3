import type { Mode } from '../../config/index.ts';
import { isTamperError } from '../../errors.ts';
import type { KeyContext, KeyProvider } from '../../keys/provider.ts';
import type { DoctorCheck } from '../doctor-check.ts';

const message = Buffer.from('fapilog-tamper doctor\n', 'latin1');

/** Uses each key of a configuration once, as sealing would, and says how long that took. Throws only our own bugs. */
export async function checkUse(provider: KeyProvider, mode: Mode, context: KeyContext): Promise<DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  const { dataKey, signingKey } = mode;
  if (dataKey !== undefined) {
    checks.push(
      await attempt('data key', async () => {
        const key = await provider.getKey(dataKey.keyId, context);
        key.erase();
        return `${dataKey.source} gave a data key of ${key.identity}`;
      }),
    );
  }
  if (signingKey !== undefined) {
    checks.push(
      await attempt('signing key', async () => {
        const { algorithm, identity } = await provider.getSigningKey(signingKey.keyId);
        return `${signingKey.source} signs with ${algorithm}, key ${identity}`;
      }),
      await attempt('sign and verify', async () => {
        const key = await provider.getSigningKey(signingKey.keyId);
        const { bytes } = await provider.sign(key.identity, message);
        return (await provider.verify(key, message, bytes)) ? 'a signature verifies' : undefined;
      }),
    );
  }
  return checks;
}

async function attempt(name: string, use: () => Promise<string | undefined>): Promise<DoctorCheck> {
  const start = performance.now();
  try {
    const found = await use();
    const took = `${Math.round(performance.now() - start)} ms`;
    if (found !== undefined) return { name, outcome: 'ok', detail: `${found} (${took})` };
    return { name, outcome: 'failed', detail: 'a signature that was just made does not verify' };
  } catch (error) {
    if (!isTamperError(error)) throw error;
    const { code, hint, retryable } = error;
    const outcome = retryable ? 'unknown' : 'failed';
    return { name, outcome, detail: `${code}: ${error.message}`, ...(hint === undefined ? {} : { hint }) };
  }
}
