import type { ConfiguredKey, Mode } from '../../config/index.ts';
import { assertPostQuantum } from '../../keys/post-quantum-key.ts';
import type { KeyContext, KeyProvider, SigningKey } from '../../keys/provider.ts';
import type { DoctorCheck } from '../doctor-check.ts';
import { failed, testMessage } from './doctor-check.ts';

/** Uses each key of a configuration once, as sealing would, and says how long that took. Throws only our own bugs. */
export async function checkUse(provider: KeyProvider, mode: Mode, context: KeyContext): Promise<DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  let { signingKey } = mode;
  if (mode.dataKey !== undefined) {
    const check = await checkDataKey(provider, mode.dataKey, context);
    const signsInstead = mode.signingIfNoDataKey && check.code === 'UNSUPPORTED_OPERATION';
    if (signsInstead) signingKey = mode.dataKey;
    const detail = 'this key cannot wrap data keys, so it signs checkpoints and records carry checksums';
    checks.push(signsInstead ? { name: 'mode', outcome: 'ok', detail } : check);
  }
  if (signingKey !== undefined) checks.push(...(await checkSigningKey(provider, signingKey)));
  return checks;
}

function checkDataKey(
  provider: KeyProvider,
  { source, keyId }: ConfiguredKey,
  context: KeyContext,
): Promise<DoctorCheck> {
  return attempt('data key', async () => {
    const key = await provider.getKey(keyId, context);
    key.erase();
    return `${source} gave a data key of ${key.identity}`;
  });
}

/** Signs once with the key that is to be one of ML-DSA. */
export async function checkPostQuantumKey(provider: KeyProvider, key: ConfiguredKey): Promise<DoctorCheck[]> {
  return checkSigningKey(provider, key, 'post-quantum key');
}

async function checkSigningKey(
  provider: KeyProvider,
  { source, keyId }: ConfiguredKey,
  name = 'signing key',
): Promise<DoctorCheck[]> {
  let key: SigningKey | undefined;
  const resolved = await attempt(name, async () => {
    const found = await provider.getSigningKey(keyId);
    if (name === 'post-quantum key') assertPostQuantum(found);
    key = found;
    return `${source} signs with ${key.algorithm}, key ${key.identity}`;
  });
  if (key === undefined) return [resolved];
  const { identity, spki } = key;
  const signer = key;
  const signed = await attempt(name === 'signing key' ? 'sign and verify' : `${name}: sign and verify`, async () => {
    const { bytes } = await provider.sign(identity, testMessage);
    if (spki === undefined) return 'it makes a MAC, which only the service can check';
    return (await provider.verify(signer, testMessage, bytes)) ? 'a signature verifies' : undefined;
  });
  return [resolved, signed];
}

async function attempt(name: string, use: () => Promise<string | undefined>): Promise<DoctorCheck> {
  const start = performance.now();
  try {
    const found = await use();
    const took = `${Math.round(performance.now() - start)} ms`;
    if (found !== undefined) return { name, outcome: 'ok', detail: `${found} (${took})` };
    return { name, outcome: 'failed', detail: 'a signature that was just made does not verify' };
  } catch (error) {
    return failed(name, error);
  }
}
