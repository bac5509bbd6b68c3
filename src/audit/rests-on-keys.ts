import { modeOf, type Resolution, signingCandidate } from '../config/index.ts';

/**
 * What the verdicts rest on of a configuration besides what is in the options: the names of its keys. Where one of them is
 * another, all is verified again.
 */
export function restsOnKeysOf({ config }: Resolution): string {
  const mode = modeOf(config);
  const named = [mode.dataKey, signingCandidate(mode), mode.postQuantumKey].map(
    (key) => key && [key.source, key.keyId],
  );
  return JSON.stringify(named);
}
